"""Intents end with their unsent legs, and with the last of them the decision they came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from shared.contracts.signals import SignalDecided
from shared.domain.ids import IntentId
from shared.domain.order import IntentState, Role, may_follow
from tests.simulation.ledger.journal import Journal
from tests.simulation.ledger.unasked import tell_ended
from tests.simulation.rows import DecisionRow, IntentRow


@dataclass(frozen=True, slots=True)
class Ending:
    intent: IntentId
    state: IntentState
    code: str
    message: str
    detail: dict[str, str] = field(default_factory=dict)


def end_intents(journal: Journal, endings: Sequence[Ending]) -> None:
    """End those whose state allows it; the others only have their decisions looked at."""
    intents = journal.store.intents
    over = []
    for ending in endings:
        _compare(journal, ending)
        row = intents.get(ending.intent)
        if row is None or not may_follow(row.state, ending.state):
            continue
        ended = replace(
            row,
            state=ending.state,
            code=ending.code,
            message=ending.message,
            ended_at=journal.now,
        )
        intents.change(ended)
        over.append((ended, ending.detail))
        _end_legs(journal, ending.intent)
    tell_ended(journal, over)
    end_decisions(journal, [ending.intent for ending in endings])


def _compare(journal: Journal, ending: Ending) -> None:
    """The compared values stand beside the decision that has not ended yet."""
    row = journal.store.intents.get(ending.intent)
    if row is None or row.intent.signal_id is None or not ending.detail:
        return
    decision = journal.store.decisions.get((row.intent.signal_id, row.account_id))
    if decision is not None and decision.ended_at is None:
        told = replace(decision, detail={**decision.detail, **ending.detail})
        journal.store.decisions.put((told.signal_id, told.account_id), told)


def _end_legs(journal: Journal, parent: IntentId) -> None:
    for leg in journal.store.intents.legs(parent):
        if leg.ended_at is None and leg.broker_order_id is None:
            over = replace(leg, state=IntentState.CANCELLED, code="entry.not_placed")
            journal.store.intents.change(replace(over, ended_at=journal.now))


def end_decisions(journal: Journal, ended: Iterable[IntentId]) -> None:
    """Give each decision whose orders (legs aside) have all ended its terminal disposition."""
    store = journal.store
    rows = [row for row in map(store.intents.get, ended) if row is not None]
    signals = {row.intent.signal_id for row in rows if row.intent.signal_id is not None}
    for signal in sorted(signals):
        for account in journal.accounts:
            decision = store.decisions.get((signal, account))
            if decision is not None and decision.ended_at is None:
                _end_decision(journal, decision)


def _end_decision(journal: Journal, decision: DecisionRow) -> None:
    orders = [
        row
        for row in journal.store.intents.of_signal(decision.signal_id, decision.account_id)
        if not row.is_leg
    ]
    if not orders or any(row.ended_at is None for row in orders):
        return
    last = max(orders, key=_weight)
    said = (last.message, *map(decision.detail.get, ("withheld_message", "warning")))
    code = f"order.{last.state.lower()}" if last.code is None else last.code
    done = replace(
        decision,
        disposition=last.state.value,
        code=code,
        message=" ".join(each for each in said if each),
        ended_at=journal.now,
    )
    journal.store.decisions.put((done.signal_id, done.account_id), done)
    tell_decision(journal, done)


def _weight(row: IntentRow) -> tuple[bool, bool, int]:
    """An entry says more than an exit, a fill more than anything, the last more than the first."""
    return row.role is Role.ENTRY, row.state is IntentState.FILLED, row.account_seq


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
