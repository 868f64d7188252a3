"""What became of a call to the broker, written after the call and never before.

The stream may have told of the order before the answer came; then the answer only adds what the
stream did not know, and never takes a step back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger.endings import Ending, end_intents
from execution.ledger.journal import Journal
from execution.ledger.rows import insert_intents, intent_of, row_of
from shared.contracts.envelope import Envelope
from shared.domain.ids import AccountId, ConnectionId, IntentId, intent_id
from shared.domain.leg_places import try_again_after_s
from shared.domain.order import IntentState, Role
from shared.ports.broker import CAPTCHA, Accepted, NotSent, Outcome, Refused, Unknown
from shared.ports.ledger import Lease, Unresolved

_ACCEPT: Final = text("""
    UPDATE intents SET broker_order_id = coalesce(broker_order_id, :order_id), answered_at = :now,
      state = CASE WHEN state IN ('SENDING', 'UNKNOWN') THEN 'ACCEPTED' ELSE state END
    WHERE id = :id AND state NOT IN ('PENDING', 'STALE', 'SKIPPED', 'BLOCKED')
""")
# What leaves in one call: an entry with its legs (earlier rungs only where the broker places them,
# without a price), or the two legs of an earlier rung.
_BESIDE: Final = """
    SELECT l.id FROM intents x JOIN intents l
      ON l.parent_id = x.id AND (l.rung = 0 OR l.price IS NULL AND l.stop_price IS NULL)
      OR x.rung > 0 AND l.parent_id = x.parent_id AND l.rung = x.rung AND l.id <> x.id
        AND l.attempt = x.attempt
    WHERE x.id = :id
"""
_LEGS: Final = text(f"{_BESIDE} ORDER BY l.account_seq")
# The mark of an entry that was taken back outlives every doubt.
_DOUBTED: Final = "CASE code WHEN 'entry.withdrawn' THEN code ELSE 'broker.unknown' END"
_UNKNOWN: Final = text(f"""
    UPDATE intents SET state = 'UNKNOWN', code = {_DOUBTED}, message = :cause,
      answered_at = :now
    WHERE (id = :id OR id IN ({_BESIDE})) AND state = 'SENDING'
""")
_BACK: Final = text(f"""
    UPDATE intents SET state = 'PENDING', claimed_at = NULL, claim_epoch = NULL,
      not_before = CAST(:not_before AS timestamptz), message = :cause
    WHERE (id = :id OR id IN ({_BESIDE})) AND state = 'SENDING'
""")
# The login rests from the commit in which the order that drew the captcha comes back.
_REST: Final = text("""
    INSERT INTO broker_sessions AS s (connection_id, user_id, rests_until)
    SELECT a.connection_id, a.user_id, CAST(:until AS timestamptz)
    FROM intents i JOIN accounts a ON a.id = i.account_id WHERE i.id = :id
    ON CONFLICT (connection_id) DO UPDATE
      SET rests_until = greatest(s.rests_until, excluded.rests_until), updated_at = now()
""")
# What an earlier holder of the lease left in flight: it may have been sent or not.
_TAKE_OVER: Final = text(f"""
    UPDATE intents i SET state = 'UNKNOWN', code = {_DOUBTED},
      message = 'The process that was sending it ended.'
    FROM accounts a
    WHERE a.id = i.account_id AND a.connection_id = :connection AND i.ended_at IS NULL
      AND i.state = 'SENDING' AND i.claim_epoch < :epoch
""")
# A call whose outcome was never written: the process is alive but could not, or forgot to.
_STUCK_AFTER: Final = timedelta(seconds=15)
_STUCK: Final = text(f"""
    UPDATE intents i SET state = 'UNKNOWN', code = {_DOUBTED},
      message = 'The outcome of the call was not written in time.'
    FROM accounts a
    WHERE a.id = i.account_id AND a.connection_id = ANY (CAST(:connections AS bigint[]))
      AND i.ended_at IS NULL AND i.state = 'SENDING' AND i.claimed_at < :before
""")
_UNRESOLVED: Final = text("""
    SELECT i.id, a.connection_id, i.role, i.claimed_at FROM intents i
    JOIN accounts a ON a.id = i.account_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND i.ended_at IS NULL
      AND i.state = 'UNKNOWN' AND (i.parent_id IS NULL
        OR i.rung > 0 AND (i.price IS NOT NULL OR i.stop_price IS NOT NULL))
    ORDER BY i.account_id, i.account_seq
""")
# An entry by itself: its legs end with it. Of a pair both legs.
_REFUSED: Final = text(f"""
    SELECT * FROM intents
    WHERE id = :id OR id IN ({_BESIDE}) AND (SELECT rung FROM intents WHERE id = :id) > 0
    ORDER BY id <> :id
""")
_INTENT: Final = text("SELECT * FROM intents WHERE id = :id")


async def record(
    connection: AsyncConnection, intent: IntentId, outcome: Outcome, now: datetime
) -> list[Envelope]:
    """Write one outcome."""
    match outcome:
        case Accepted(is_strategy=True):
            await accept(connection, intent, None, (), now)
        case Accepted(order_id, leg_order_ids):
            await accept(connection, intent, order_id, leg_order_ids, now)
        case Unknown(cause):
            await connection.execute(_UNKNOWN, {"id": intent, "cause": cause, "now": now})
        case NotSent(cause, retry_after_s):
            not_before = now + timedelta(seconds=retry_after_s)
            await connection.execute(
                _BACK, {"id": intent, "cause": cause, "not_before": not_before}
            )
            if cause == CAPTCHA:
                await connection.execute(_REST, {"id": intent, "until": not_before})
        case Refused(code, reason):
            return await _refuse(connection, intent, code, reason, now)
        case _:
            assert_never(outcome)
    return []


async def accept(
    connection: AsyncConnection,
    intent: IntentId,
    order_id: int | None,
    leg_order_ids: tuple[int, ...],
    now: datetime,
) -> None:
    """Bind the broker's order ids; an order whose id is unknown is bound by the stream."""
    legs = [row.id for row in await connection.execute(_LEGS, {"id": intent})]
    pairs = [(intent, order_id), *zip(legs, leg_order_ids, strict=False)]
    await connection.execute(
        _ACCEPT, [{"id": each, "order_id": order, "now": now} for each, order in pairs]
    )


async def take_over(connection: AsyncConnection, lease: Lease) -> None:
    await connection.execute(_TAKE_OVER, {"connection": lease.connection_id, "epoch": lease.epoch})


async def unresolved(
    connection: AsyncConnection, connections: list[int], now: datetime
) -> list[Unresolved]:
    await connection.execute(_STUCK, {"connections": connections, "before": now - _STUCK_AFTER})
    rows = await connection.execute(_UNRESOLVED, {"connections": connections})
    return [
        Unresolved(
            IntentId(row.id), ConnectionId(row.connection_id), Role(row.role), row.claimed_at
        )
        for row in rows
    ]


async def abandon(connection: AsyncConnection, intent: IntentId, now: datetime) -> list[Envelope]:
    """Proven absent at the broker: it ends; an exit, a part or a pair's leg is tried again."""
    row = (await connection.execute(_INTENT, {"id": intent})).one()
    if row.state != IntentState.UNKNOWN.value:
        return []
    journal = await Journal.open(connection, [row.account_id], now)
    if Role(row.role).ends or row.rung:
        await _next_attempt(journal, row)
    message = "The broker does not know it: it never arrived."
    await end_intents(
        journal, [Ending(intent, IntentState.ABANDONED, "broker.never_arrived", message)]
    )
    return await journal.close()


async def _next_attempt(journal: Journal, row: Any, after_s: float = 0) -> None:
    before = intent_of(row)
    attempt = before.attempt + 1
    is_part = before.role is Role.REDUCE
    is_sized = is_part or before.rung > 0
    again = replace(
        before,
        id=intent_id(before.cause, before.cause_id, before.account_id, before.leg, attempt),
        attempt=attempt,
        qty_contracts=before.qty_contracts if is_sized else 0,
    )
    seq = journal.next_intent_seq(AccountId(row.account_id))
    # What legs closed since the quantity of a part was told counts for its next attempt, too.
    since = row.created_at if is_part else journal.now
    # A pair that was due before has its share of the entry already (`rungs.py`).
    due = {"not_before": journal.now + timedelta(seconds=after_s) if before.rung else None}
    new = row_of(again, row.root, seq, since, as_of_event=row.as_of_event)
    await insert_intents(journal.connection, [new | due])


async def _refuse(
    connection: AsyncConnection, intent: IntentId, code: str, reason: str, now: datetime
) -> list[Envelope]:
    rows = list(await connection.execute(_REFUSED, {"id": intent}))
    journal = await Journal.open(connection, [rows[0].account_id], now)
    after_s = try_again_after_s(rows[0].attempt) if rows[0].rung else None
    if after_s is not None:
        for row in rows:
            await _next_attempt(journal, row, after_s)
    await end_intents(journal, [Ending(row.id, IntentState.REJECTED, code, reason) for row in rows])
    return await journal.close()
