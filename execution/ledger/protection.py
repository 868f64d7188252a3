"""What protects positions: legs that stand wrong, stops that are missing, exits a guard adds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger.health import quarantine
from execution.ledger.journal import Journal
from execution.ledger.legs import AT_WORK
from execution.ledger.rows import insert_intents, row_of, tick_of
from shared.contracts.envelope import Envelope
from shared.domain.bracket import needs_move
from shared.domain.calendar import trade_date
from shared.domain.ids import (
    EXTERNAL,
    AccountId,
    Cause,
    ConnectionId,
    IntentId,
    StrategyId,
    UserId,
    intent_id,
)
from shared.domain.ladder import Offset
from shared.domain.leg_places import level_of
from shared.domain.order import Action, OrderIntent, OrderType, Role, TimeInForce
from shared.domain.symbols import root_of
from shared.ports.ledger import NAKED, ORPHANED_AFTER_S, Cancel, Command, LegOffset, Naked

# Of an order with a price of its own the legs stand exact from the start, unless adds move them.
_LEGS: Final = text("""
    SELECT l.id, a.connection_id, l.broker_order_id, l.role, l.qty, l.offset_ticks,
      l.offset_percent, l.root,
      coalesce(o.price, l.price) AS price, coalesce(o.stop_price, l.stop_price) AS stop_price,
      e.action AS entry_action, CASE WHEN l.per_position THEN p.avg_price
        ELSE e.fill_value / e.filled_qty END AS entry_price,
      k.tick_size AS brokers_tick
    FROM intents l
    JOIN intents e ON e.id = l.parent_id
    JOIN accounts a ON a.id = l.account_id
    JOIN broker_connections c ON c.id = a.connection_id
    LEFT JOIN contracts k ON k.environment = c.environment AND k.name = l.contract
    LEFT JOIN orders o ON o.account_id = l.account_id AND o.broker_order_id = l.broker_order_id
    LEFT JOIN positions p ON p.account_id = l.account_id AND p.contract = l.contract
      AND p.strategy_id = l.strategy_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND l.ended_at IS NULL
      AND l.state IN ('ACCEPTED', 'WORKING') AND l.broker_order_id IS NOT NULL
      AND (l.offset_ticks IS NOT NULL OR l.offset_percent IS NOT NULL)
      AND e.filled_qty > 0 AND e.ended_at IS NOT NULL
      AND CASE WHEN l.per_position
        THEN coalesce(p.net_qty, 0) * CASE e.action WHEN 'Buy' THEN 1 ELSE -1 END > 0
        ELSE e.order_type = 'Market' END
    ORDER BY l.role = 'take_profit', l.account_id, l.account_seq
""")
_MOVE: Final = text("""
    UPDATE intents SET price = CASE WHEN role = 'take_profit' THEN :wanted ELSE price END,
      stop_price = CASE WHEN role = 'stop_loss' THEN :wanted ELSE stop_price END
    WHERE id = :id
""")
# What an owner still holds when trades of others are taken off, unsigned.
_HELD: Final = """
    JOIN LATERAL (  -- as `still_held` of the domain
      SELECT least(abs(p.net_qty), greatest(0,
        coalesce(sum(abs(q.net_qty)) FILTER (
          WHERE q.strategy_id <> 0 AND sign(q.net_qty) = sign(p.net_qty)), 0)
        - coalesce(sum(abs(q.net_qty)) FILTER (
          WHERE q.strategy_id = 0 AND sign(q.net_qty) = -sign(p.net_qty)), 0))) AS qty
      FROM positions q WHERE q.account_id = p.account_id AND q.contract = p.contract
    ) held ON true
"""
# An entry was given a stop that is gone, its legs have not closed what it filled (a bust may have
# taken either back), its owner still holds, no stop of the owner works, no exit is under way.
_NAKED: Final = text(f"""
    SELECT DISTINCT ON (p.account_id, p.strategy_id, p.contract)
      p.account_id, p.strategy_id, p.contract, e.id AS entry_id
    FROM positions p
    JOIN accounts a ON a.id = p.account_id
    JOIN intents e ON e.account_id = p.account_id AND e.strategy_id = p.strategy_id
      AND e.contract = p.contract AND e.role = 'entry'
      AND e.created_at > now() - interval '7 days'
    JOIN intents s ON s.parent_id = e.id AND s.role = 'stop_loss'
    {_HELD}
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND held.qty > 0
      AND p.updated_at < clock_timestamp() - make_interval(secs => :older_than_s)
      AND s.state IN ('FILLED', 'REJECTED', 'CANCELLED', 'EXPIRED', 'ABANDONED')
      AND s.ended_at < clock_timestamp() - make_interval(secs => :older_than_s)
      AND e.filled_qty <> (
        SELECT coalesce(sum(l.filled_qty), 0) FROM intents l WHERE l.parent_id = e.id)
      AND NOT EXISTS (
        SELECT 1 FROM intents o WHERE o.account_id = p.account_id
          AND o.strategy_id = p.strategy_id AND o.contract = p.contract AND o.ended_at IS NULL
          AND (o.role = 'stop_loss' AND o.state <> 'PENDING' OR o.role IN ('exit', 'reduce')))
    ORDER BY p.account_id, p.strategy_id, p.contract, e.account_seq DESC
""")
# Its legs closed more than was there: somebody had closed of it before, and the legs had not shrunk
# yet. What a leg has opened nobody asked for, and no stop stands behind it.
_TURNED: Final = text(f"""
    WITH bare AS MATERIALIZED (
      SELECT p.* FROM positions p
      JOIN accounts a ON a.id = p.account_id
      {_HELD}
      WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND held.qty > 0
        AND p.strategy_id <> 0
        AND p.updated_at < clock_timestamp() - make_interval(secs => :older_than_s)
        AND NOT EXISTS (
          SELECT 1 FROM intents o WHERE o.account_id = p.account_id
            AND o.strategy_id = p.strategy_id AND o.contract = p.contract AND o.ended_at IS NULL
            AND (o.role = 'stop_loss' AND o.state <> 'PENDING' OR o.role IN ('exit', 'reduce'))))
    SELECT p.account_id, p.strategy_id, p.contract, began.intent_id AS entry_id
    FROM bare p
    JOIN LATERAL (  -- the fill that brought it to this side of nothing
      SELECT r.intent_id, r.role FROM (
        SELECT f.*, sum(f.signed) OVER (ORDER BY f.filled_at, f.broker_fill_id) AS after
        FROM (
          SELECT x.intent_id, x.role, x.filled_at, x.broker_fill_id,
            CASE x.action WHEN 'Buy' THEN x.qty ELSE -x.qty END AS signed
          FROM fills x WHERE x.account_id = p.account_id AND x.contract = p.contract
            AND x.strategy_id = p.strategy_id AND x.active) f
      ) r WHERE r.after <> 0 AND r.after * (r.after - r.signed) <= 0
      ORDER BY r.filled_at DESC, r.broker_fill_id DESC LIMIT 1
    ) began ON began.role IN ('stop_loss', 'take_profit')
""")
# The last word of the strategy was "be flat", it was carried out, and still something is held: an
# UNKNOWN entry turned up late, or a leg filled while it was being cancelled.
_OVERTAKEN: Final = text(f"""
    SELECT p.account_id, p.strategy_id, p.contract, x.id AS entry_id
    FROM positions p
    JOIN accounts a ON a.id = p.account_id
    JOIN LATERAL (
      SELECT i.id, i.role, i.state, i.ended_at FROM intents i
      WHERE i.account_id = p.account_id AND i.strategy_id = p.strategy_id
        AND i.contract = p.contract AND i.parent_id IS NULL
        AND (i.role = 'exit' OR i.ended_at IS NULL AND i.state = 'PENDING'
             OR i.filled_qty > 0 OR i.state IN ('SENDING', 'ACCEPTED', 'WORKING'))
      ORDER BY i.account_seq DESC LIMIT 1
    ) x ON x.role = 'exit' AND x.ended_at IS NOT NULL
      AND x.ended_at < clock_timestamp() - make_interval(
        secs => CASE WHEN x.state IN ('FILLED', 'SKIPPED') THEN 0.5 ELSE :older_than_s END)
    {_HELD}
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND held.qty > 0
      AND p.strategy_id <> 0
""")
# Legs that work for nothing: their entry is over, and for a second its owner has held nothing.
_ORPHANS: Final = text(f"""
    SELECT a.connection_id, l.broker_order_id
    FROM intents l
    JOIN intents e ON e.id = l.parent_id
      AND e.ended_at < clock_timestamp() - make_interval(secs => {ORPHANED_AFTER_S})
    JOIN accounts a ON a.id = l.account_id
    LEFT JOIN positions p ON p.account_id = l.account_id AND p.strategy_id = l.strategy_id
      AND p.contract = l.contract
    {_HELD}
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND held.qty = 0
      AND l.ended_at IS NULL AND l.state IN ('ACCEPTED', 'WORKING')
      AND l.broker_order_id IS NOT NULL
      -- Filled and no position ever: the fill was taken back before anybody heard of it.
      AND (p.account_id IS NOT NULL OR e.state = 'FILLED')
      AND NOT EXISTS (
        SELECT 1 FROM positions q WHERE q.account_id = l.account_id AND q.contract = l.contract
          AND q.updated_at > clock_timestamp() - make_interval(secs => {ORPHANED_AFTER_S}))
      -- Nothing in sum is not flat while what closes the other side before their entry may trade.
      AND NOT EXISTS (
        SELECT 1 FROM intents x WHERE x.account_id = l.account_id AND x.ended_at IS NULL
          AND x.strategy_id = l.strategy_id AND x.contract = l.contract
          AND x.role IN ('exit', 'reduce') AND x.state <> 'PENDING'
          AND x.account_seq < e.account_seq AND x.action = e.action)
    ORDER BY l.account_id, l.account_seq
""")
_STUCK: Final = text("""
    SELECT DISTINCT i.account_id FROM intents i JOIN accounts a ON a.id = i.account_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND i.ended_at IS NULL
      AND i.role IN ('exit', 'reduce') AND i.state IN ('PENDING', 'SENDING', 'UNKNOWN')
      AND i.created_at < clock_timestamp() - make_interval(secs => :older_than_s)
    ORDER BY i.account_id
""")
_ATTEMPTS: Final = text("""
    SELECT coalesce(max(attempt), 0) FROM intents
    WHERE cause = :cause AND cause_id = :cause_id AND account_id = :account AND leg = :leg
""")
# What is not ours, held or at work.
_FOREIGN: Final = text("""
    SELECT DISTINCT o.account_id, o.contract FROM (
      SELECT account_id, contract FROM positions WHERE net_qty <> 0 AND strategy_id = 0
      UNION
      SELECT account_id, contract FROM orders
      WHERE intent_id IS NULL AND status = ANY (CAST(:at_work AS text[]))) o
    JOIN accounts a ON a.id = o.account_id
    WHERE a.user_id = :user
      AND (CAST(:account AS bigint) IS NULL OR o.account_id = :account)
    ORDER BY o.account_id, o.contract
""")
# What is held, and what may come to be held: an exit cancels the entries of its owner first.
_OWNED: Final = text("""
    SELECT o.account_id, o.strategy_id, o.contract, o.root FROM (
      SELECT account_id, strategy_id, contract, root FROM positions
      WHERE net_qty <> 0 AND strategy_id <> 0
      UNION
      SELECT account_id, strategy_id, contract, root FROM intents
      WHERE ended_at IS NULL AND role = 'entry') o
    JOIN accounts a ON a.id = o.account_id
    WHERE a.user_id = :user
      AND (CAST(:account AS bigint) IS NULL OR o.account_id = :account)
      AND (CAST(:strategy AS bigint) IS NULL OR o.strategy_id = :strategy)
    ORDER BY o.account_id, o.contract, o.strategy_id
""")


@dataclass(frozen=True, slots=True)
class _Owned:
    account_id: int
    strategy_id: int
    contract: str
    root: str


async def legs_off(connection: AsyncConnection, connections: list[int]) -> list[LegOffset]:
    """Legs more than a tick away from where their entry's average fill wants them, stops first."""
    out = []
    for row in await connection.execute(_LEGS, {"connections": connections}):
        wanted, current = _wanted(row), row.price if row.price is not None else row.stop_price
        tick = tick_of(row.root, row.brokers_tick)
        if wanted is not None and current is not None and needs_move(current, wanted, tick):
            out.append(
                LegOffset(
                    IntentId(row.id),
                    ConnectionId(row.connection_id),
                    row.broker_order_id,
                    Role(row.role),
                    row.qty,
                    wanted,
                )
            )
    return out


def _wanted(row: Any) -> Decimal | None:
    level = level_of(
        Role(row.role),
        Action(row.entry_action),
        row.entry_price,
        Offset(row.offset_ticks, row.offset_percent),
        tick_of(row.root, row.brokers_tick),
    )
    if level is None:
        return None
    return level.price if level.price is not None else level.stop_price


async def move_leg(connection: AsyncConnection, leg: LegOffset) -> None:
    await connection.execute(_MOVE, {"id": leg.intent_id, "wanted": leg.wanted})


async def naked(
    connection: AsyncConnection, connections: list[int], older_than_s: float
) -> list[Naked]:
    parameters = {"connections": connections, "older_than_s": older_than_s}
    rows = {
        (row.account_id, row.strategy_id, row.contract): row
        for query in (_TURNED, _NAKED, _OVERTAKEN)
        for row in await connection.execute(query, parameters)
    }
    return [
        Naked(
            AccountId(row.account_id),
            StrategyId(row.strategy_id),
            row.contract,
            IntentId(row.entry_id),
        )
        for row in rows.values()
    ]


async def orphans(connection: AsyncConnection, connections: list[int]) -> list[Cancel]:
    """Legs to cancel: nothing is left for them to close."""
    rows = await connection.execute(_ORPHANS, {"connections": connections})
    return [Cancel(ConnectionId(row.connection_id), row.broker_order_id) for row in rows]


async def stuck_exits(
    connection: AsyncConnection, connections: list[int], older_than_s: float
) -> list[AccountId]:
    parameters = {"connections": connections, "older_than_s": older_than_s}
    return [AccountId(row.account_id) for row in await connection.execute(_STUCK, parameters)]


async def guard_exit(connection: AsyncConnection, found: Naked, now: datetime) -> list[Envelope]:
    """Flatten what has no stop. A guard's exit is numbered by the entry it guards."""
    entry = (
        await connection.execute(
            text("SELECT * FROM intents WHERE id = :id"), {"id": found.entry_id}
        )
    ).one()
    journal = await Journal.open(connection, [found.account_id], now)
    # The entry's sequence number names the guard's cause: one guard for one entry.
    await _add_exit(journal, Cause.GUARD, entry.account_seq, entry, entry.root)
    told = await journal.close()
    return [*told, *await quarantine(connection, found.account_id, NAKED, now)]


async def close_all(connection: AsyncConnection, command: Command, now: datetime) -> list[Envelope]:
    """An exit for everything the command's user holds or enters in its account or strategy.

    With `every_owner` also for what is not ours, held or at work.
    """
    wanted = {
        "user": command.user_id,
        "account": command.detail.get("account_id"),
        "strategy": command.detail.get("strategy_id"),
    }
    owned = [
        _Owned(row.account_id, row.strategy_id, row.contract, row.root)
        for row in await connection.execute(_OWNED, wanted)
    ]
    if command.detail.get("every_owner"):
        owned += await _foreign(connection, wanted, now)
    journal = await Journal.open(connection, {each.account_id for each in owned}, now)
    for each in owned:
        await _add_exit(journal, Cause.COMMAND, command.id, each, each.root)
    return await journal.close()


async def _foreign(
    connection: AsyncConnection, wanted: dict[str, object], now: datetime
) -> list[_Owned]:
    parameters = {"user": wanted["user"], "account": wanted["account"], "at_work": AT_WORK}
    on = trade_date(now)
    return [
        _Owned(row.account_id, EXTERNAL, row.contract, root_of(row.contract, on))
        for row in await connection.execute(_FOREIGN, parameters)
    ]


async def _add_exit(journal: Journal, cause: Cause, cause_id: int, row: Any, root: str) -> None:
    account = AccountId(row.account_id)
    leg = f"exit.{row.contract}.{row.strategy_id}"
    key = {"cause": cause.value, "cause_id": cause_id, "account": account, "leg": leg}
    attempt = (await journal.connection.execute(_ATTEMPTS, key)).scalar_one() + 1
    intent = OrderIntent(
        id=intent_id(cause, cause_id, account, leg, attempt),
        user_id=UserId(journal.accounts[account].user_id),
        account_id=account,
        strategy_id=StrategyId(row.strategy_id),
        signal_id=None,
        cause=cause,
        cause_id=cause_id,
        role=Role.EXIT,
        leg=leg,
        attempt=attempt,
        action=Action.SELL,
        qty_contracts=0,
        order_type=OrderType.MARKET,
        contract=row.contract,
        time_in_force=TimeInForce.DAY,
        price=None,
        stop_price=None,
        offset_ticks=None,
        reference_price=None,
        parent=None,
        after=None,
        expires_at=None,
    )
    seq = journal.next_intent_seq(account)
    await insert_intents(journal.connection, [row_of(intent, root, seq, journal.now)])
