"""The agenda over PostgreSQL: see `shared.ports.agenda` for what each operation promises.

read what stands there -> pure code says what is due -> lock the accounts -> write what is new
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from execution.ledger.journal import Journal
from execution.ledger.legs import LEG_COLUMNS
from execution.ledger.rows import insert_intents, intent_of, row_of, tick_of
from shared.contracts.envelope import Envelope
from shared.db.outbox import add_many, envelope_of
from shared.db.uow import unit_of_work
from shared.domain.ids import AccountId, StrategyId, UserId, event_id
from shared.domain.order import Action, IntentState, OrderIntent, Role
from shared.domain.roll_orders import Distance, ticks_left
from shared.domain.rules import AccountRules, StrategyRules, Watchdog
from shared.domain.rules.bracket import Stop
from shared.ports.agenda import Duty, Holding, Kept, News, RollExit, Watched
from shared.ports.clock import Clock
from shared.ports.ledger import Lease

_MAY_ENTER: Final = """
    s.active AND s.deleted_at IS NULL AND coalesce(sa.enabled, false) AND a.enabled AND c.enabled
"""
_JOINS: Final = """
    JOIN accounts a ON a.id = o.account_id
    JOIN broker_connections c ON c.id = a.connection_id
    JOIN strategies s ON s.id = o.strategy_id
    LEFT JOIN strategy_accounts sa
      ON sa.strategy_id = o.strategy_id AND sa.account_id = o.account_id
"""
_HELD: Final = text(f"""
    SELECT o.*, e.created_at AS began_at, s.user_id, s.symbol, s.rules, a.rules AS account_rules,
      {_MAY_ENTER} AS may_enter, greatest(s.updated_at, a.updated_at) AS ruled_since
    FROM (
      SELECT p.account_id, p.strategy_id, p.contract, p.root, p.net_qty FROM positions p
      WHERE p.net_qty <> 0 AND p.strategy_id <> 0
      UNION ALL
      SELECT DISTINCT i.account_id, i.strategy_id, i.contract, i.root, 0 FROM intents i
      WHERE i.ended_at IS NULL AND i.role = 'entry' AND NOT EXISTS (
        SELECT 1 FROM positions p WHERE p.account_id = i.account_id AND p.contract = i.contract
          AND p.strategy_id = i.strategy_id AND p.net_qty <> 0)
    ) o
    {_JOINS}
    JOIN LATERAL (
      SELECT i.created_at FROM intents i
      WHERE i.account_id = o.account_id AND i.strategy_id = o.strategy_id
        AND i.contract = o.contract AND i.role = 'entry' AND i.cause <> 'average'
        AND (i.filled_qty > 0 OR i.ended_at IS NULL)
      ORDER BY i.account_seq DESC LIMIT 1
    ) e ON true
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[]))
    ORDER BY o.account_id, o.contract, o.strategy_id
""")
_ROLLED: Final = """
    o.cause = 'roll' AND o.role = 'exit'
    AND o.created_at > CAST(:now AS timestamptz) - interval '1 day'
"""
_ACCOUNTS: Final = text(f"""
    SELECT DISTINCT o.account_id FROM intents o JOIN accounts a ON a.id = o.account_id
    WHERE {_ROLLED} AND a.connection_id = ANY (CAST(:connections AS bigint[]))
""")
# Of several attempts the one under way, else the one that was filled, else the last. An alert that
# was decided on since the first of them, or waits to be, or any order for the owner takes the move
# out of our hands.
_ROLLS: Final = text(f"""
    SELECT DISTINCT ON (o.account_id, o.cause_id, o.leg) o.*, s.symbol, {_MAY_ENTER} AS may_enter,
      first.created_at AS first_at,
      n.state AS entry_state, n.code AS entry_code,
      coalesce((SELECT sum(abs(p.net_qty)) FROM positions p WHERE p.account_id = o.account_id
        AND p.strategy_id = o.strategy_id AND p.root = o.root), 0) AS held,
      EXISTS (SELECT 1 FROM signals g
        LEFT JOIN signal_decisions d ON d.signal_id = g.id AND d.account_id = o.account_id
        WHERE g.strategy_id = o.strategy_id AND g.status = 'accepted'
          AND g.received_at > first.created_at - interval '1 day'
          AND (d.decided_at IS NULL OR d.decided_at >= first.created_at))
      OR EXISTS (SELECT 1 FROM intents l WHERE l.account_id = o.account_id
        AND l.account_seq > first.account_seq AND l.strategy_id = o.strategy_id
        AND l.root = o.root AND l.parent_id IS NULL AND l.cause <> 'roll') AS is_overtaken
    FROM intents o
    {_JOINS}
    JOIN LATERAL (
      SELECT y.created_at, y.account_seq FROM intents y WHERE y.cause = o.cause
        AND y.cause_id = o.cause_id AND y.account_id = o.account_id AND y.leg = o.leg
      ORDER BY y.attempt LIMIT 1
    ) first ON true
    LEFT JOIN intents n ON n.cause = o.cause AND n.cause_id = o.cause_id
      AND n.account_id = o.account_id AND n.role = 'entry'
      AND n.leg = 'entry.' || o.contract || '.' || o.strategy_id
    WHERE {_ROLLED} AND a.connection_id = ANY (CAST(:connections AS bigint[]))
    ORDER BY o.account_id, o.cause_id, o.leg, o.ended_at IS NOT NULL, o.state <> 'FILLED',
      o.attempt DESC
""")
# Legs that worked when the exit was made: it cancelled them, or they ended on the way.
_DISTANCES: Final = text(f"""
    SELECT {LEG_COLUMNS}, w.root, w.moves, w.per_position, k.tick_size AS brokers_tick
    FROM intents w
    JOIN intents e ON e.id = w.parent_id AND e.filled_qty > 0
    JOIN accounts a ON a.id = w.account_id
    JOIN broker_connections c ON c.id = a.connection_id
    LEFT JOIN contracts k ON k.environment = c.environment AND k.name = w.contract
    LEFT JOIN orders o ON o.account_id = w.account_id AND o.broker_order_id = w.broker_order_id
    WHERE w.account_id = :account_id AND w.strategy_id = :strategy_id AND w.contract = :contract
      AND w.role IN ('take_profit', 'stop_loss') AND w.broker_order_id IS NOT NULL
      AND w.created_at <= :first_at AND (w.ended_at IS NULL OR w.ended_at >= :first_at)
    ORDER BY w.account_seq
""")
_WATCHED: Final = text("""
    SELECT s.id, s.user_id, s.symbol, s.rules -> 'watchdog' AS watchdog, s.updated_at,
      (SELECT g.received_at FROM signals g WHERE g.strategy_id = s.id AND g.status = 'accepted'
       ORDER BY g.seq DESC LIMIT 1) AS heard_at
    FROM strategies s
    WHERE s.active AND s.deleted_at IS NULL AND jsonb_exists(s.rules, 'watchdog')
    ORDER BY s.id
""")
_THERE: Final = text("SELECT id FROM intents WHERE id = ANY (CAST(:ids AS uuid[]))")
_TOLD: Final = text("SELECT event_id FROM outbox WHERE event_id = ANY (CAST(:ids AS uuid[]))")


class PostgresAgenda:
    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def keep(self, held: Sequence[Lease], due: Callable[[Holding], Iterable[Duty]]) -> Kept:
        async with unit_of_work(self._engine) as connection:
            rows = await connection.execute(_HELD, {"connections": _ids(held)})
            wanted = [duty for row in rows for duty in due(_holding(row))]
            accounts = {order.account_id for duty in wanted for order in duty.intents}
            journal = await Journal.open(connection, accounts, self._clock.now())
            return await _write(journal, wanted)

    async def follow(self, held: Sequence[Lease], after: Callable[[RollExit], Duty | None]) -> Kept:
        now = self._clock.now()
        parameters = {"connections": _ids(held), "now": now}
        async with unit_of_work(self._engine) as connection:
            accounts = [row.account_id for row in await connection.execute(_ACCOUNTS, parameters)]
            if not accounts:
                return Kept((), has_planned=False)
            # Locked first: what an alert plans meanwhile is either seen here or sees our entry.
            journal = await Journal.open(connection, accounts, now)
            rows = list(await connection.execute(_ROLLS, parameters))
            ended = [row for row in rows if row.ended_at is not None]
            found = [after(_roll_exit(row, await _distances(connection, row))) for row in ended]
            kept = await _write(journal, [duty for duty in found if duty is not None])
        is_waiting = len(ended) < len(rows) or None in found
        return Kept(kept.events, kept.has_planned, is_waiting)

    async def watch(self, silent: Callable[[Watched], Iterable[News]]) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            rows = await connection.execute(_WATCHED)
            told = [news for row in rows for news in silent(_watched(row))]
            return await _tell(connection, told, self._clock.now())


def _ids(of: Sequence[Lease]) -> list[int]:
    return [int(lease.connection_id) for lease in of]


async def _write(journal: Journal, wanted: Sequence[Duty]) -> Kept:
    """What is there already is left as it is, and not told again."""
    ids = [order.id for duty in wanted for order in duty.intents]
    there = set(await _found(journal.connection, _THERE, ids))
    new = [duty for duty in wanted if not any(order.id in there for order in duty.intents)]
    for duty in new:
        rows = [_row(journal, order, duty.root) for order in duty.intents]
        await insert_intents(journal.connection, rows)
    await journal.close()
    news = [each for duty in new for each in duty.news]
    told = await _tell(journal.connection, news, journal.now)
    return Kept(tuple(told), has_planned=any(duty.intents for duty in new))


def _row(journal: Journal, order: OrderIntent, root: str) -> dict[str, Any]:
    return row_of(order, root, journal.next_intent_seq(order.account_id), journal.now)


async def _tell(connection: AsyncConnection, news: Sequence[News], now: datetime) -> list[Envelope]:
    """Write what was not told yet; what was is the rule, so it is read first."""
    envelopes = [
        envelope_of(
            each.body,
            event_id=event_id(each.body.type, each.key),
            correlation_id=each.about,
            user_id=each.user_id,
            aggregate=each.about,
            occurred_at=now,
        )
        for each in news
    ]
    told = set(await _found(connection, _TOLD, [each.id for each in envelopes]))
    fresh = [each for each in envelopes if each.id not in told]
    written = await add_many(connection, fresh)
    return [each for each in fresh if each.id in written]


async def _found(connection: AsyncConnection, query: Any, ids: Sequence[object]) -> Iterable[Any]:
    if not ids:
        return ()
    return (await connection.execute(query, {"ids": list(ids)})).scalars()


async def _distances(connection: AsyncConnection, row: Any) -> tuple[Distance, ...]:
    if row.entry_state is not None or row.state != IntentState.FILLED.value or not row.filled_qty:
        return ()
    parameters = {
        "account_id": row.account_id,
        "strategy_id": row.strategy_id,
        "contract": row.contract,
        "first_at": row.first_at,
    }
    legs = await connection.execute(_DISTANCES, parameters)
    exit_price = row.fill_value / row.filled_qty
    found = (_distance(leg, Action(row.action), exit_price) for leg in legs)
    return tuple(each for each in found if each is not None)


def _distance(leg: Any, exit_: Action, exit_price: Decimal) -> Distance | None:
    level, role = leg.price if leg.price is not None else leg.stop_price, Role(leg.role)
    if level is None:
        return None
    tick = tick_of(leg.root, leg.brokers_tick)
    return Distance(
        role=role,
        ticks=ticks_left(role, level, exit_, exit_price, tick),
        open_contracts=leg.qty - leg.filled_qty,
        pair=f"{leg.parent_id}.{leg.number}",
        moves=None if leg.moves is None else Stop.model_validate(leg.moves),
        per_position=leg.per_position,
    )


def _holding(row: Any) -> Holding:
    return Holding(
        user_id=UserId(row.user_id),
        account_id=AccountId(row.account_id),
        strategy_id=StrategyId(row.strategy_id),
        contract=row.contract,
        root=row.root,
        net_qty=row.net_qty,
        began_at=row.began_at,
        symbol=row.symbol,
        may_enter=row.may_enter,
        rules=StrategyRules.model_validate(row.rules),
        account_rules=AccountRules.model_validate(row.account_rules),
        ruled_since=row.ruled_since,
    )


def _roll_exit(row: Any, distances: tuple[Distance, ...]) -> RollExit:
    return RollExit(
        exit=intent_of(row),
        root=row.root,
        state=IntentState(row.state),
        code=row.code,
        filled_contracts=row.filled_qty,
        ended_at=row.ended_at,
        entry_state=None if row.entry_state is None else IntentState(row.entry_state),
        entry_code=row.entry_code,
        held=int(row.held),
        is_overtaken=row.is_overtaken,
        symbol=row.symbol,
        may_enter=row.may_enter,
        distances=distances,
    )


def _watched(row: Any) -> Watched:
    return Watched(
        id=StrategyId(row.id),
        user_id=UserId(row.user_id),
        symbol=row.symbol,
        watchdog=Watchdog.model_validate(row.watchdog),
        heard_at=row.heard_at,
        ruled_since=row.updated_at,
    )
