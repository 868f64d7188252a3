"""Positions that average down over PostgreSQL: see `shared.ports.averaging` for the promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from execution.ledger.journal import Journal
from execution.ledger.rows import insert_intents, row_of, tick_of
from execution.ledger.unasked import tell_refused
from shared.db.scenes import Setup, load_scenes, load_setup
from shared.db.standings import load_standings
from shared.db.uow import read_only, unit_of_work
from shared.domain.alert_signal import Signal
from shared.domain.average_down import Sinking, add_leg
from shared.domain.decision.scene import Scene
from shared.domain.decision.standings import in_scene
from shared.domain.ids import AccountId, Cause, SignalId, StrategyId
from shared.domain.intents import Origin, orders_of
from shared.domain.plan import Denied, Plan
from shared.domain.position import Position, still_held
from shared.domain.rules.bracket import AverageDown
from shared.domain.signal_json import signal_from_json
from shared.ports.averaging import ADD_WITHIN, DecideAverage, Due
from shared.ports.clock import Clock
from shared.ports.ledger import Lease

# The entry whose fill began the position is found from the newest fill backwards. Where that was
# no entry (a transfer, a fill nobody explains) there is nothing to measure from.
_SINKING: Final = """
    SELECT p.account_id, p.strategy_id, p.contract, p.root, p.net_qty, p.avg_price,
      s.rules -> 'bracket' -> 'average_down' AS rule, o.account_seq AS opener_seq,
      o.signal_id AS opener_signal, k.tick_size AS brokers_tick,
      coalesce((SELECT sum(abs(q.net_qty)) FROM positions q
        WHERE q.account_id = p.account_id AND q.contract = p.contract
          AND q.strategy_id <> 0 AND sign(q.net_qty) = sign(p.net_qty)), 0) AS same_side,
      coalesce((SELECT q.net_qty FROM positions q WHERE q.account_id = p.account_id
        AND q.contract = p.contract AND q.strategy_id = 0), 0) AS external,
      (SELECT count(*) FROM intents i WHERE i.cause = 'average' AND i.cause_id = o.account_seq
        AND i.account_id = p.account_id AND i.role = 'entry') AS tried,
      entered.lowest, entered.highest, stops.lowest AS lowest_stop, stops.highest AS highest_stop,
      EXISTS (SELECT FROM intents l JOIN intents e ON e.id = l.parent_id
        WHERE l.role = 'stop_loss' AND e.account_id = p.account_id
          AND e.strategy_id = p.strategy_id AND e.contract = p.contract
          AND e.account_seq >= o.account_seq AND e.filled_qty > 0) AS is_stopped
    FROM positions p
    JOIN accounts a ON a.id = p.account_id
    JOIN broker_connections c ON c.id = a.connection_id
    JOIN strategies s ON s.id = p.strategy_id
    JOIN strategy_accounts sa ON sa.strategy_id = s.id AND sa.account_id = a.id
    LEFT JOIN contracts k ON k.environment = c.environment AND k.name = p.contract
    LEFT JOIN risk_state r ON r.account_id = a.id
    CROSS JOIN LATERAL (
      SELECT w.intent_id FROM (
        SELECT f.intent_id, f.filled_at, f.broker_fill_id,
          p.net_qty - sum(CASE f.action WHEN 'Buy' THEN f.qty ELSE -f.qty END) OVER (
            ORDER BY f.filled_at DESC, f.broker_fill_id DESC ROWS UNBOUNDED PRECEDING) AS before
        FROM fills f
        WHERE f.account_id = p.account_id AND f.contract = p.contract
          AND f.strategy_id = p.strategy_id AND f.active) w
      WHERE w.before = 0 ORDER BY w.filled_at DESC, w.broker_fill_id DESC LIMIT 1) began
    JOIN intents o ON o.id = began.intent_id AND o.role = 'entry'
    CROSS JOIN LATERAL (
      SELECT min(x.price) AS lowest, max(x.price) AS highest FROM (
        SELECT CASE WHEN i.filled_qty > 0 THEN i.fill_value / i.filled_qty
          ELSE i.reference_price END AS price
        FROM intents i WHERE i.account_id = p.account_id AND i.strategy_id = p.strategy_id
          AND i.contract = p.contract AND i.role = 'entry' AND i.account_seq >= o.account_seq
          AND (i.filled_qty > 0 OR i.cause = 'average')) x) entered
    CROSS JOIN LATERAL (
      SELECT min(coalesce(w.stop_price, l.stop_price)) AS lowest,
        max(coalesce(w.stop_price, l.stop_price)) AS highest
      FROM intents l LEFT JOIN orders w ON w.account_id = l.account_id
        AND w.broker_order_id = l.broker_order_id
      WHERE l.account_id = p.account_id AND l.strategy_id = p.strategy_id
        AND l.contract = p.contract AND l.role = 'stop_loss' AND l.ended_at IS NULL
        AND l.state IN ('ACCEPTED', 'WORKING') AND l.broker_order_id IS NOT NULL) stops
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND p.net_qty <> 0
      AND jsonb_typeof(s.rules #> '{bracket,average_down}') = 'object'
      AND s.active AND s.deleted_at IS NULL AND sa.enabled AND a.enabled AND c.enabled
      AND r.quarantined_at IS NULL AND entered.lowest IS NOT NULL
      AND NOT EXISTS (SELECT FROM intents u WHERE u.account_id = p.account_id
        AND u.strategy_id = p.strategy_id AND u.root = p.root AND u.parent_id IS NULL
        AND u.ended_at IS NULL)
"""
_ALL: Final = text(f"{_SINKING} ORDER BY p.account_id, p.strategy_id, p.contract")
_ONE: Final = text(f"""{_SINKING}
      AND p.account_id = :account AND p.strategy_id = :strategy AND p.contract = :contract
""")
# As a fan-out does: what an alert plans meanwhile is either seen here or sees our entry.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(7, CAST(:strategy AS integer))")
_LOGIN: Final = text("SELECT connection_id FROM accounts WHERE id = :account")
_SIGNAL: Final = text("SELECT content FROM signals WHERE id = :signal")


class PostgresAveraging:
    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def sinking(self, held: Sequence[Lease]) -> list[Sinking]:
        connections = [int(lease.connection_id) for lease in held]
        async with read_only(self._engine) as connection:
            rows = await connection.execute(_ALL, {"connections": connections})
            return [_sinking(row) for row in rows]

    async def add(self, found: Sinking, due: Due, decide: DecideAverage) -> Plan | Denied | None:
        async with unit_of_work(self._engine) as connection:
            await connection.execute(_LOCK, {"strategy": found.strategy_id})
            journal = await Journal.open(connection, [found.account_id], self._clock.now())
            now = await _again(connection, found)
            price = None if now is None else due(now)
            if now is None or price is None:
                return None
            opener = await _opener(connection, now)
            setup = await _setup(connection, now)
            if not setup.links:
                return None  # taken away a moment ago
            scene = replace(await _scene(connection, setup, journal), quote=price)
            verdict = decide(now, opener, setup.strategy, setup.links[0], scene)
            if isinstance(verdict, Plan):
                await _write(journal, verdict, now, setup)
            else:
                leg = add_leg(now.tried + 1)
                await tell_refused(journal, _origin(now, setup), leg, now.contract, verdict)
            await journal.close()
            return verdict


async def _again(connection: AsyncConnection, found: Sinking) -> Sinking | None:
    login = await connection.execute(_LOGIN, {"account": found.account_id})
    parameters = {
        "connections": [login.scalar_one()],
        "account": found.account_id,
        "strategy": found.strategy_id,
        "contract": found.contract,
    }
    row = (await connection.execute(_ONE, parameters)).one_or_none()
    return None if row is None else _sinking(row)


async def _opener(connection: AsyncConnection, sinking: Sinking) -> Signal | None:
    if sinking.opener_signal is None:
        return None
    found = await connection.execute(_SIGNAL, {"signal": sinking.opener_signal})
    content = found.scalar_one_or_none()
    return None if content is None else signal_from_json(content)


async def _setup(connection: AsyncConnection, sinking: Sinking) -> Setup:
    """The strategy with the one account in which it adds."""
    setup = await load_setup(connection, sinking.strategy_id)
    here = tuple(link for link in setup.links if link.account_id == sinking.account_id)
    return replace(setup, links=here)


async def _scene(connection: AsyncConnection, setup: Setup, journal: Journal) -> Scene:
    account, strategy = setup.links[0].account_id, setup.strategy
    scenes = await load_scenes(connection, setup, journal.now)
    known = await load_standings(connection, [account], [strategy.id], journal.now)
    return in_scene(scenes[account], known, account, strategy)


def _origin(sinking: Sinking, setup: Setup) -> Origin:
    return Origin(
        setup.strategy.user_id,
        sinking.account_id,
        sinking.strategy_id,
        Cause.AVERAGE,
        sinking.opener_seq,
    )


async def _write(journal: Journal, plan: Plan, sinking: Sinking, setup: Setup) -> None:
    origin = _origin(sinking, setup)
    leg = add_leg(sinking.tried + 1)
    rows = [
        row_of(order, draft.root, journal.next_intent_seq(sinking.account_id), journal.now)
        for draft in plan.drafts
        for order in orders_of(replace(draft, leg=leg), origin, journal.now + ADD_WITHIN)
    ]
    await insert_intents(journal.connection, rows)


def _sinking(row: Any) -> Sinking:
    net = still_held(row.net_qty, int(row.same_side), row.external)
    is_long = row.net_qty > 0
    return Sinking(
        account_id=AccountId(row.account_id),
        strategy_id=StrategyId(row.strategy_id),
        contract=row.contract,
        root=row.root,
        position=Position(net, row.avg_price),
        rule=AverageDown.model_validate(row.rule),
        opener_seq=row.opener_seq,
        opener_signal=None if row.opener_signal is None else SignalId(row.opener_signal),
        tried=row.tried,
        worst_entry=row.lowest if is_long else row.highest,
        stop=row.highest_stop if is_long else row.lowest_stop,
        is_stopped=row.is_stopped,
        tick=tick_of(row.root, row.brokers_tick),
    )
