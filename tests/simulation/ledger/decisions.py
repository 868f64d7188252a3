"""A strategy's undecided signals become decisions and intents, oldest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.contracts.envelope import Envelope
from shared.contracts.signals import SignalExitRefused
from shared.domain.decision.past import asks_entry
from shared.domain.decision.refused import in_words, refuses_exit, stored_detail
from shared.domain.decision.standings import in_scene, with_plan
from shared.domain.gates.age import expires_at
from shared.domain.ids import AccountId, StrategyId
from shared.domain.intents import intents_of
from shared.domain.order import OrderIntent, Role
from shared.domain.plan import Denied, Disposition, Draft, Plan
from shared.domain.signal_json import signal_from_json
from shared.domain.strategy import AccountLink, Strategy
from shared.ports.ledger import Decide
from tests.simulation.ledger import standings
from tests.simulation.ledger.endings import tell_decision
from tests.simulation.ledger.journal import Journal
from tests.simulation.ledger.scenes import link_of, scene_of
from tests.simulation.ledger.withdrawals import withdraw
from tests.simulation.rows import DecisionRow, IntentRow, SignalRow
from tests.simulation.store import Store

_SIGNALS_AT_ONCE: Final = 20
_LOOK_BACK: Final = timedelta(days=1)
_NO_ACCOUNT: Final = AccountId(0)


@dataclass(frozen=True, slots=True)
class _Job:
    journal: Journal
    strategy: Strategy
    signal: SignalRow
    decide: Decide
    expires_at: datetime
    entry_no: int | None = None


def undecided(store: Store, now: datetime) -> list[StrategyId]:
    return sorted({row.strategy_id for row in _undecided(store, now)})


def _undecided(store: Store, now: datetime) -> Iterator[SignalRow]:
    return (
        row
        for row in store.signals.rows()
        if row.id not in store.decided and row.received_at > now - _LOOK_BACK
    )


def fan_out(
    store: Store, strategy: StrategyId, decide: Decide, now: datetime, max_age_s: float
) -> list[Envelope]:
    mine = [row for row in _undecided(store, now) if row.strategy_id == strategy]
    if not mine:
        return []
    setup = store.strategies.one(strategy).strategy
    links = _links(store, strategy)
    journal = Journal.open(store, (link.account_id for link in links), now)
    for signal in sorted(mine, key=lambda row: row.seq)[:_SIGNALS_AT_ONCE]:
        until = expires_at(setup, signal.received_at, max_age_s)
        _decide_one(_Job(journal, setup, signal, decide, until), links)
    return journal.close()


def _links(store: Store, strategy: StrategyId) -> list[AccountLink]:
    rows = [row for row in store.links.rows() if row.strategy_id == strategy]
    return [link_of(store, row) for row in sorted(rows, key=lambda row: row.account_id)]


def _decide_one(job: _Job, links: list[AccountLink]) -> None:
    store = job.journal.store
    store.decided.put(job.signal.id, True)
    signal = signal_from_json(job.signal.content)
    if not links:
        none = Denied(Disposition.SKIPPED, "strategy.no_accounts", "No account is linked.")
        _write_decision(job, _NO_ACCOUNT, none)
        return
    scenes = [scene_of(store, job.strategy, links, link, job.journal.now) for link in links]
    if asks_entry(signal):
        job = replace(job, entry_no=scenes[0].history.asked_entries + 1)
    known = standings.load(
        store, [link.account_id for link in links], [job.strategy.id], job.journal.now
    )
    for link, around in zip(links, scenes, strict=True):
        scene = in_scene(around, known, link.account_id, job.strategy)
        verdict = job.decide(signal, job.strategy, link, scene)
        decision = _write_decision(job, link.account_id, verdict)
        tell_decision(job.journal, decision)
        if refuses_exit(job.decide, signal, job.strategy, link, scene):
            _alarm(job.journal, decision)
        if isinstance(verdict, Plan):
            for draft in verdict.drafts:
                _write_intents(job, link.account_id, draft)
            withdraw(job.journal, verdict.withdraws)
            known = with_plan(
                known, verdict, job.strategy, job.signal.id, link.account_id, job.expires_at
            )


def _write_decision(job: _Job, account: AccountId, verdict: Plan | Denied) -> DecisionRow:
    planned = verdict.disposition is Disposition.PLANNED
    row = DecisionRow(
        signal_id=job.signal.id,
        account_id=account,
        strategy_id=job.strategy.id,
        disposition=verdict.disposition,
        code=verdict.code,
        message=in_words(verdict),
        detail=stored_detail(verdict) if isinstance(verdict, Plan) else verdict.detail,
        decided_at=job.journal.now,
        ended_at=None if planned else job.journal.now,
        entry_no=job.entry_no,
    )
    job.journal.store.decisions.put((row.signal_id, account), row)
    return row


def _alarm(journal: Journal, row: DecisionRow) -> None:
    body = SignalExitRefused(
        signal_id=row.signal_id,
        strategy_id=row.strategy_id,
        account_id=row.account_id,
        code=row.code,
        message=row.message,
    )
    key = f"{row.signal_id}:{row.account_id}"
    journal.tell(row.account_id, body, key, row.signal_id, f"signal:{row.signal_id}")


def _write_intents(job: _Job, account: AccountId, draft: Draft) -> None:
    for intent in intents_of(draft, job.strategy, job.signal.id, account, job.expires_at):
        insert(job.journal, intent, draft.root)


def insert(journal: Journal, intent: OrderIntent, root: str) -> None:
    seq = journal.next_intent_seq(intent.account_id)
    row = IntentRow(intent, root, seq, journal.now)
    if intent.role is Role.REDUCE:
        row = replace(row, as_of_event=journal.store.risk.one(intent.account_id).event_seq)
    journal.store.intents.insert(row)
