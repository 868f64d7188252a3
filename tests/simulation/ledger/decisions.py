"""A strategy's undecided signals become decisions and intents, oldest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.contracts.envelope import Envelope
from shared.contracts.signals import SignalDecided
from shared.domain.calendar import trade_date
from shared.domain.decision.scene import Scene
from shared.domain.ids import AccountId, StrategyId
from shared.domain.intents import intents_of
from shared.domain.order import OrderIntent
from shared.domain.plan import Book, Denied, Disposition, Draft, Held, Plan
from shared.domain.position import OpenIntent
from shared.domain.signal_json import signal_from_json
from shared.domain.strategy import AccountLink, Strategy
from shared.ports.ledger import Decide
from tests.simulation.ledger.journal import Journal
from tests.simulation.rows import DecisionRow, IntentRow, LinkRow, SignalRow
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
        expires_at = signal.received_at + timedelta(seconds=max_age_s)
        _decide_one(_Job(journal, setup, signal, decide, expires_at), links)
    return journal.close()


def _links(store: Store, strategy: StrategyId) -> list[AccountLink]:
    rows = [row for row in store.links.rows() if row.strategy_id == strategy]
    return [_link(store, row) for row in sorted(rows, key=lambda row: row.account_id)]


def _link(store: Store, row: LinkRow) -> AccountLink:
    account = store.accounts.one(row.account_id)
    login = store.connections.one(account.connection_id)
    return AccountLink(
        account_id=row.account_id,
        enabled=row.enabled and account.enabled and login.enabled,
        multiplier=account.multiplier if row.multiplier is None else row.multiplier,
        max_contracts=account.max_contracts if row.max_contracts is None else row.max_contracts,
        custom_ticker=account.custom_ticker if row.custom_ticker is None else row.custom_ticker,
        exclusive=account.exclusive,
    )


def _decide_one(job: _Job, links: list[AccountLink]) -> None:
    store = job.journal.store
    store.decided.put(job.signal.id, True)
    signal = signal_from_json(job.signal.content)
    if not links:
        none = Denied(Disposition.SKIPPED, "strategy.no_accounts", "No account is linked.")
        _write_decision(job, _NO_ACCOUNT, none)
        return
    today = trade_date(job.journal.now)
    books = [_book(store, job.strategy.id, link.account_id) for link in links]
    for link, book in zip(links, books, strict=True):
        verdict = job.decide(signal, job.strategy, link, Scene(book, job.journal.now, today))
        decision = _write_decision(job, link.account_id, verdict)
        tell_decision(job.journal, decision)
        if isinstance(verdict, Plan):
            for draft in verdict.drafts:
                _write_intents(job, link.account_id, draft)


def _book(store: Store, me: StrategyId, account: AccountId) -> Book:
    held = [row for row in store.positions.rows() if row.account_id == account and row.net_qty != 0]
    held.sort(key=lambda row: (row.contract, row.strategy_id))
    working = [row for row in store.intents.open() if row.account_id == account]
    others = {row.root: StrategyId(row.strategy_id) for row in held if row.strategy_id != me}
    others |= {row.root: row.intent.strategy_id for row in working if row.intent.strategy_id != me}
    return Book(
        held=tuple(
            Held(row.contract, row.root, row.net_qty) for row in held if row.strategy_id == me
        ),
        open_intents=tuple(_open(row) for row in working if row.intent.strategy_id == me),
        other_owners=others,
    )


def _open(row: IntentRow) -> OpenIntent:
    return OpenIntent(
        id=row.id,
        role=row.role,
        action=row.intent.action,
        root=row.root,
        contract=row.intent.contract,
        remaining_qty=row.intent.qty_contracts - row.filled_qty,
        state=row.state,
        account_seq=row.account_seq,
    )


def _write_decision(job: _Job, account: AccountId, verdict: Plan | Denied) -> DecisionRow:
    planned = isinstance(verdict, Plan)
    row = DecisionRow(
        signal_id=job.signal.id,
        account_id=account,
        strategy_id=job.strategy.id,
        disposition=Disposition.PLANNED if isinstance(verdict, Plan) else verdict.disposition,
        code=verdict.code,
        message=verdict.message,
        detail={} if isinstance(verdict, Plan) else verdict.detail,
        decided_at=job.journal.now,
        ended_at=None if planned else job.journal.now,
    )
    job.journal.store.decisions.put((row.signal_id, account), row)
    return row


def tell_decision(journal: Journal, row: DecisionRow) -> None:
    body = SignalDecided(
        signal_id=row.signal_id,
        strategy_id=row.strategy_id,
        account_id=row.account_id,
        disposition=row.disposition,
        code=row.code,
        message=row.message,
    )
    key = f"{row.signal_id}:{row.account_id}:{row.disposition}"
    journal.tell(row.account_id, body, key, row.signal_id, f"signal:{row.signal_id}")


def _write_intents(job: _Job, account: AccountId, draft: Draft) -> None:
    for intent in intents_of(draft, job.strategy, job.signal.id, account, job.expires_at):
        insert(job.journal, intent, draft.root)


def insert(journal: Journal, intent: OrderIntent, root: str) -> None:
    seq = journal.next_intent_seq(intent.account_id)
    journal.store.intents.insert(IntentRow(intent, root, seq, journal.now))
