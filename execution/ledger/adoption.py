"""Exits that a broker's order strategy placed become legs of the entry they belong to.

The legs were committed with their entry; here each meets its order. An entry that fills in parts
gets exits of their own for each part: what finds no leg left is entered as one more.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger.journal import Journal
from execution.ledger.rows import insert_intents, intent_of, row_of
from shared.domain.ids import AccountId, ConnectionId, IntentId
from shared.domain.intents import adopted
from shared.domain.order import IntentState, Role
from shared.ports.broker import OrderFact

_KNOWN: Final = text("""
    SELECT 1 FROM intents WHERE account_id = :account_id AND broker_order_id = :order_id
""")
# Of several rungs the one of that quantity. Which of two equal ones it is nobody can tell before
# the fill is known, so such a leg stays where the broker measured it to be.
_MEET: Final = text("""
    UPDATE intents SET broker_order_id = :order_id,
      offset_ticks = CASE WHEN EXISTS (SELECT 1 FROM intents r
        WHERE r.parent_id = :entry AND r.rung > 0) THEN NULL ELSE offset_ticks END
    WHERE id = (
      SELECT id FROM intents WHERE account_id = :account_id AND parent_id = :entry
        AND role = :role AND broker_order_id IS NULL AND ended_at IS NULL AND state <> 'PENDING'
      ORDER BY qty <> :qty, account_seq LIMIT 1)
    RETURNING id
""")
_LIKE: Final = text("""
    SELECT * FROM intents WHERE account_id = :account_id AND parent_id = :entry AND role = :role
    ORDER BY account_seq LIMIT 1
""")
# The entry never filled and has ended: exits without prices were the broker's to place.
_NEVER: Final = text("""
    UPDATE intents SET state = 'CANCELLED', code = 'entry.not_placed', ended_at = :now
    WHERE parent_id = :entry AND ended_at IS NULL AND broker_order_id IS NULL
      AND price IS NULL AND stop_price IS NULL AND state <> 'PENDING'
""")


# Claimed without prices, so the broker's to place, and without an order though the entry is over.
_UNSHOWN: Final = text("""
    SELECT DISTINCT e.id, a.connection_id, e.account_id, e.account_seq FROM intents l
    JOIN intents e ON e.id = l.parent_id
    JOIN accounts a ON a.id = l.account_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND l.ended_at IS NULL
      AND l.broker_order_id IS NULL AND l.price IS NULL AND l.stop_price IS NULL
      AND l.state <> 'PENDING' AND e.filled_qty > 0
      AND e.ended_at < clock_timestamp() - make_interval(secs => :older_than_s)
    ORDER BY e.account_id, e.account_seq
""")
_GIVE_UP: Final = text("""
    UPDATE intents l SET state = 'CANCELLED', code = 'leg.never_shown', ended_at = e.ended_at
    FROM intents e
    WHERE l.parent_id = :entry AND e.id = l.parent_id AND e.ended_at IS NOT NULL
      AND l.ended_at IS NULL AND l.broker_order_id IS NULL
      AND l.price IS NULL AND l.stop_price IS NULL AND l.state <> 'PENDING'
""")


async def unshown(
    connection: AsyncConnection, connections: list[int], older_than_s: float
) -> list[tuple[ConnectionId, IntentId]]:
    parameters = {"connections": connections, "older_than_s": older_than_s}
    rows = await connection.execute(_UNSHOWN, parameters)
    return [(ConnectionId(row.connection_id), IntentId(row.id)) for row in rows]


async def give_up(connection: AsyncConnection, entry: IntentId) -> None:
    await connection.execute(_GIVE_UP, {"entry": entry})


async def adopt(journal: Journal, account: AccountId, fact: OrderFact, strategy: UUID) -> None:
    """Bind an exit of one of our order strategies; one that is bound already stays so."""
    role = Role.TAKE_PROFIT if fact.is_target else Role.STOP_LOSS
    key = {"account_id": account, "order_id": fact.order_id}
    if (await journal.connection.execute(_KNOWN, key)).first() is not None:
        return
    of = {"account_id": account, "entry": strategy, "role": role.value}
    order = {"order_id": fact.order_id, "qty": fact.qty_contracts}
    if (await journal.connection.execute(_MEET, {**of, **order})).first():
        return
    like = (await journal.connection.execute(_LIKE, of)).first()
    if like is None:
        return  # a strategy that is not ours after all
    leg = adopted(intent_of(like), fact.order_id, fact.qty_contracts)
    row = row_of(leg, like.root, journal.next_intent_seq(account), journal.now)
    at_broker = {"state": IntentState.ACCEPTED.value, "broker_order_id": fact.order_id}
    await insert_intents(journal.connection, [row | at_broker | {"claimed_at": journal.now}])


async def end_unplaced(journal: Journal, entry: UUID) -> None:
    """No exit of a strategy will come when its entry has ended without a fill."""
    await journal.connection.execute(_NEVER, {"entry": entry, "now": journal.now})
