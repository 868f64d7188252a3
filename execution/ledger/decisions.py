"""A signal becomes decisions and intents: the fan-out, in the order of the strategy's signals.

The stream entry that led here is only a bell. Under the strategy's lock *all* its undecided
signals are decided, oldest first, so a missing, late or doubled bell changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger.journal import Journal
from execution.ledger.rows import insert_intents, row_of
from execution.ledger.withdrawals import withdraw
from shared.contracts.envelope import Envelope
from shared.contracts.signals import SignalDecided, SignalExitRefused
from shared.db.scenes import Setup, load_scenes, load_setup
from shared.db.standings import load_standings
from shared.db.tables.signals import signal_decisions
from shared.domain.decision.past import asks_entry
from shared.domain.decision.refused import in_words, refuses_exit, stored_detail
from shared.domain.decision.standings import in_scene, with_plan
from shared.domain.gates.age import expires_at
from shared.domain.ids import AccountId, SignalId, StrategyId
from shared.domain.intents import intents_of
from shared.domain.order import Role
from shared.domain.plan import Denied, Disposition, Draft, Plan
from shared.domain.signal_json import signal_from_json
from shared.ports.ledger import Decide

# Bounds one transaction; what is left is found by the sweep a moment later.
_SIGNALS_AT_ONCE: Final = 20
_LOOK_BACK: Final = "interval '1 day'"
NO_ACCOUNT: Final = AccountId(0)

# Row locks of `strategies` belong to ingest; a transaction lock of the same key belongs to us.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(7, CAST(:strategy AS integer))")
_UNDECIDED: Final = text(f"""
    SELECT s.id, s.content, s.received_at FROM signals s
    WHERE s.strategy_id = :strategy AND s.status = 'accepted'
      AND s.received_at > now() - {_LOOK_BACK}
      AND NOT EXISTS (SELECT 1 FROM signal_decisions d WHERE d.signal_id = s.id)
    ORDER BY s.seq LIMIT {_SIGNALS_AT_ONCE}
""")
_STRATEGIES: Final = text(f"""
    SELECT DISTINCT s.strategy_id FROM signals s
    WHERE s.status = 'accepted' AND s.received_at > now() - {_LOOK_BACK}
      AND NOT EXISTS (SELECT 1 FROM signal_decisions d WHERE d.signal_id = s.id)
""")


@dataclass(frozen=True, slots=True)
class _Job:
    """One signal of one strategy, being decided for its accounts."""

    signal_id: SignalId
    content: dict[str, Any]
    expires_at: datetime
    now: datetime
    entry_no: int | None = None


async def undecided(connection: AsyncConnection) -> list[StrategyId]:
    return [StrategyId(row.strategy_id) for row in await connection.execute(_STRATEGIES)]


async def fan_out(
    connection: AsyncConnection,
    strategy: StrategyId,
    decide: Decide,
    now: datetime,
    max_age_s: float,
) -> list[Envelope]:
    await connection.execute(_LOCK, {"strategy": strategy})
    signals = list(await connection.execute(_UNDECIDED, {"strategy": strategy}))
    if not signals:
        return []
    setup = await load_setup(connection, strategy)
    journal = await Journal.open(connection, (link.account_id for link in setup.links), now)
    for row in signals:
        until = expires_at(setup.strategy, row.received_at, max_age_s)
        job = _Job(SignalId(row.id), row.content, until, now)
        await _decide_one(connection, journal, setup, job, decide)
    return await journal.close()


async def _decide_one(
    connection: AsyncConnection, journal: Journal, setup: Setup, job: _Job, decide: Decide
) -> None:
    """One decision for each account, and the intents of those that are planned."""
    signal = signal_from_json(job.content)
    if not setup.links:
        none = Denied(Disposition.SKIPPED, "strategy.no_accounts", "No account is linked.")
        await _write(connection, [_decision(setup, job, NO_ACCOUNT, none)], [])
        return
    # Read anew for each signal: the one before it may have planned intents.
    scenes = await load_scenes(connection, setup, job.now)
    if asks_entry(signal):
        before = max(scene.history.asked_entries for scene in scenes.values())
        job = replace(job, entry_no=before + 1)
    decisions, rows, own = [], [], setup.strategy
    known = await load_standings(connection, list(scenes), [own.id], job.now)
    for link in setup.links:
        scene = in_scene(scenes[link.account_id], known, link.account_id, own)
        verdict = decide(signal, setup.strategy, link, scene)
        decisions.append(_decision(setup, job, link.account_id, verdict))
        _tell(journal, setup, job, link.account_id, verdict)
        if refuses_exit(decide, signal, setup.strategy, link, scene):
            _alarm(journal, setup, job, link.account_id, verdict)
        if isinstance(verdict, Plan):
            rows += _intents(journal, setup, job, link.account_id, verdict.drafts)
            await withdraw(journal, verdict.withdraws)
            known = with_plan(known, verdict, own, job.signal_id, link.account_id, job.expires_at)
    await _write(connection, decisions, rows)


async def _write(
    connection: AsyncConnection, decisions: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> None:
    await connection.execute(insert(signal_decisions), decisions)
    await insert_intents(connection, rows)


def _decision(
    setup: Setup, job: _Job, account: AccountId, verdict: Plan | Denied
) -> dict[str, Any]:
    disposition, detail = _summary(verdict)
    return {
        "user_id": setup.strategy.user_id,
        "signal_id": job.signal_id,
        "account_id": account,
        "strategy_id": setup.strategy.id,
        "disposition": disposition,
        "code": verdict.code,
        "message": in_words(verdict),
        "detail": detail,
        "entry_no": job.entry_no,
        "decided_at": job.now,
        "ended_at": None if disposition is Disposition.PLANNED else job.now,
    }


def _summary(verdict: Plan | Denied) -> tuple[Disposition, dict[str, str]]:
    if isinstance(verdict, Plan):
        return verdict.disposition, stored_detail(verdict)
    return verdict.disposition, verdict.detail


def _tell(
    journal: Journal, setup: Setup, job: _Job, account: AccountId, verdict: Plan | Denied
) -> None:
    disposition, _ = _summary(verdict)
    body = SignalDecided(
        signal_id=job.signal_id,
        strategy_id=setup.strategy.id,
        account_id=account,
        disposition=disposition,
        code=verdict.code,
        message=in_words(verdict),
    )
    key = f"{job.signal_id}:{account}:{disposition}"
    journal.tell(account, body, key, job.signal_id, f"signal:{job.signal_id}")


def _alarm(
    journal: Journal, setup: Setup, job: _Job, account: AccountId, verdict: Plan | Denied
) -> None:
    body = SignalExitRefused(
        signal_id=job.signal_id,
        strategy_id=setup.strategy.id,
        account_id=account,
        code=verdict.code,
        message=verdict.message,
    )
    key = f"{job.signal_id}:{account}"
    journal.tell(account, body, key, job.signal_id, f"signal:{job.signal_id}")


def _intents(
    journal: Journal, setup: Setup, job: _Job, account: AccountId, drafts: Sequence[Draft]
) -> list[dict[str, Any]]:
    last = journal.accounts[account].event_seq
    return [
        row_of(
            intent,
            draft.root,
            journal.next_intent_seq(account),
            job.now,
            as_of_event=last if draft.role is Role.REDUCE else None,
        )
        for draft in drafts
        for intent in intents_of(draft, setup.strategy, job.signal_id, account, job.expires_at)
    ]
