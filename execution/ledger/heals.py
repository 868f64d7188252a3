"""What is mended after somebody else's hands, over PostgreSQL: see `shared.ports.healing`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from execution.ledger.journal import Journal
from execution.ledger.rows import insert_intents, row_of
from execution.ledger.unasked import tell_refused
from shared.db.scenes import load_scenes, load_setup
from shared.db.standings import load_standings
from shared.db.uow import read_only, unit_of_work
from shared.domain.decision.standings import in_scene
from shared.domain.heal import HEAL_WITHIN, HEALS_MAX, HEALS_WITHIN, Intruder, Wound
from shared.domain.ids import EXTERNAL, AccountId, Cause, StrategyId, UserId
from shared.domain.intents import Origin, orders_of
from shared.domain.plan import Denied, Plan
from shared.domain.roll_orders import Owner, exit_for
from shared.ports.clock import Clock
from shared.ports.healing import DecideHeal
from shared.ports.ledger import Lease

_ONCE: Final = """NOT EXISTS (
        SELECT FROM intents h WHERE h.cause = 'heal' AND h.cause_id = d.id
          AND h.account_id = d.account_id)"""
# Its last word was an entry, not "be flat", and there is nothing left to decide or to wait for.
_WOUNDS: Final = f"""
    SELECT d.id, d.account_id, d.strategy_id, d.contract, d.root, d.compared, f.price
    FROM drifts d
    JOIN accounts a ON a.id = d.account_id
    JOIN positions p ON p.account_id = d.account_id AND p.contract = d.contract
      AND p.strategy_id = d.strategy_id
    CROSS JOIN LATERAL (
      SELECT x.price FROM fills x WHERE x.account_id = d.account_id AND x.contract = d.contract
        AND x.strategy_id = d.strategy_id AND x.active
      ORDER BY x.filled_at DESC, x.broker_fill_id DESC LIMIT 1) f
    CROSS JOIN LATERAL (
      SELECT i.role FROM intents i WHERE i.account_id = d.account_id AND i.root = d.root
        AND i.strategy_id = d.strategy_id AND i.parent_id IS NULL
        AND (i.role = 'exit' OR i.state NOT IN ('STALE', 'SKIPPED', 'BLOCKED'))
      ORDER BY i.account_seq DESC LIMIT 1) word
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND d.policy = 'heal'
      AND d.code = 'drift.manual_exit' AND d.ending = 'followed'
      AND d.ended_at > clock_timestamp() - make_interval(secs => :within_s)
      AND word.role <> 'exit' AND p.net_qty = CAST(d.compared ->> 'left' AS integer) AND {_ONCE}
      AND NOT EXISTS (
        SELECT FROM positions q WHERE q.account_id = d.account_id AND q.contract = d.contract
          AND q.strategy_id = 0 AND q.net_qty <> 0)
      AND NOT EXISTS (
        SELECT FROM intents u WHERE u.account_id = d.account_id AND u.root = d.root
          AND u.strategy_id = d.strategy_id AND u.ended_at IS NULL
          AND (u.parent_id IS NULL OR p.net_qty = 0))
      AND NOT EXISTS (
        SELECT FROM signals s WHERE s.strategy_id = d.strategy_id AND s.status = 'accepted'
          AND s.received_at > now() - interval '1 day'
          AND NOT EXISTS (SELECT FROM signal_decisions g WHERE g.signal_id = s.id))
      AND (SELECT count(DISTINCT h.cause_id) FROM intents h WHERE h.cause = 'heal'
        AND h.account_id = d.account_id AND h.strategy_id = d.strategy_id
        AND h.created_at > clock_timestamp() - make_interval(secs => :heals_s)) < {HEALS_MAX}
"""
_ALL: Final = text(f"{_WOUNDS} ORDER BY d.id")
_ONE: Final = text(f"{_WOUNDS} AND d.id = :drift")
_INTRUDERS: Final = text(f"""
    SELECT d.id, d.account_id, d.contract, d.root FROM drifts d
    JOIN accounts a ON a.id = d.account_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND d.policy = 'heal'
      AND d.code = 'drift.manual_entry' AND d.strategy_id <> 0 AND d.ended_at IS NULL
      AND d.released_at IS NULL
      AND d.found_at > clock_timestamp() - make_interval(secs => :within_s) AND {_ONCE}
    ORDER BY d.id
""")
# As a fan-out does: what an alert plans meanwhile is either seen here or sees our entry.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(7, CAST(:strategy AS integer))")
_LOGIN: Final = text("SELECT connection_id FROM accounts WHERE id = :account")
_ASKED: Final = text("SELECT EXISTS (SELECT FROM intents WHERE id = :id)")
_SPANS: Final = {
    "within_s": HEAL_WITHIN.total_seconds(),
    "heals_s": HEALS_WITHIN.total_seconds(),
}


class PostgresHealing:
    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def wounds(self, held: Sequence[Lease]) -> list[Wound]:
        parameters = {"connections": _ids(held), **_SPANS}
        async with read_only(self._engine) as connection:
            return [_wound(row) for row in await connection.execute(_ALL, parameters)]

    async def heal(self, wound: Wound, decide: DecideHeal) -> Plan | Denied | None:
        async with unit_of_work(self._engine) as connection:
            await connection.execute(_LOCK, {"strategy": wound.strategy_id})
            journal = await Journal.open(connection, [wound.account_id], self._clock.now())
            if not await _still(connection, wound):
                return None
            verdict = await _judge(connection, journal, wound, decide)
            await journal.close()
            return verdict

    async def intruders(self, held: Sequence[Lease]) -> list[Intruder]:
        parameters = {"connections": _ids(held), "within_s": _SPANS["within_s"]}
        async with read_only(self._engine) as connection:
            return [
                Intruder(row.id, AccountId(row.account_id), row.contract, row.root)
                for row in await connection.execute(_INTRUDERS, parameters)
            ]

    async def dismiss(self, intruder: Intruder) -> None:
        async with unit_of_work(self._engine) as connection:
            account = intruder.account_id
            journal = await Journal.open(connection, [account], self._clock.now())
            user = UserId(journal.accounts[account].user_id)
            owner = Owner(user, account, EXTERNAL, intruder.contract)
            order = exit_for(owner, Cause.HEAL, intruder.drift_id)
            if (await connection.execute(_ASKED, {"id": order.id})).scalar_one():
                return
            seq = journal.next_intent_seq(account)
            await insert_intents(connection, [row_of(order, intruder.root, seq, journal.now)])
            await journal.close()


def _ids(held: Sequence[Lease]) -> list[int]:
    return [int(lease.connection_id) for lease in held]


async def _still(connection: AsyncConnection, wound: Wound) -> bool:
    login = (await connection.execute(_LOGIN, {"account": wound.account_id})).scalar_one()
    parameters = {"connections": [login], "drift": wound.drift_id, **_SPANS}
    row = (await connection.execute(_ONE, parameters)).one_or_none()
    return row is not None and _wound(row) == wound


async def _judge(
    connection: AsyncConnection, journal: Journal, wound: Wound, decide: DecideHeal
) -> Plan | Denied | None:
    setup = await load_setup(connection, wound.strategy_id)
    links = tuple(link for link in setup.links if link.account_id == wound.account_id)
    if not links:
        return None
    account, strategy = wound.account_id, setup.strategy
    scenes = await load_scenes(connection, replace(setup, links=links), journal.now)
    known = await load_standings(connection, [account], [strategy.id], journal.now)
    scene = in_scene(scenes[account], known, account, strategy)
    verdict = decide(wound, strategy, links[0], scene)
    origin = Origin(strategy.user_id, account, strategy.id, Cause.HEAL, wound.drift_id)
    if isinstance(verdict, Denied):
        await tell_refused(journal, origin, "heal", wound.contract, verdict)
    else:
        rows = [
            row_of(order, draft.root, journal.next_intent_seq(account), journal.now)
            for draft in verdict.drafts
            for order in orders_of(draft, origin, journal.now + HEAL_WITHIN)
        ]
        await insert_intents(connection, rows)
    return verdict


def _wound(row: Any) -> Wound:
    return Wound(
        drift_id=row.id,
        account_id=AccountId(row.account_id),
        strategy_id=StrategyId(row.strategy_id),
        contract=row.contract,
        root=row.root,
        qty_contracts=int(row.compared["closed"]),
        price=row.price,
    )
