"""Exits that a broker's order strategy placed become legs of the entry they belong to."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from shared.domain.ids import AccountId, IntentId
from shared.domain.intents import adopted
from shared.domain.order import IntentState, Role
from shared.ports.broker import OrderFact
from tests.simulation.ledger.decisions import insert
from tests.simulation.ledger.journal import Journal
from tests.simulation.rows import IntentRow


def adopt(journal: Journal, account: AccountId, fact: OrderFact) -> None:
    """A leg that waits for its order gets it; what finds none left is entered as one more."""
    intents = journal.store.intents
    if fact.strategy is None or intents.by_order(account, fact.order_id) is not None:
        return
    role = Role.TAKE_PROFIT if fact.is_target else Role.STOP_LOSS
    legs = [leg for leg in _legs(journal, fact.strategy) if leg.role is role]
    legs = [leg for leg in legs if leg.account_id == account]
    if not legs:
        return
    waiting = next((leg for leg in legs if _waits(leg)), None)
    if waiting is not None:
        intents.change(replace(waiting, broker_order_id=fact.order_id))
        return
    more = adopted(legs[0].intent, fact.order_id, fact.qty_contracts)
    insert(journal, more, legs[0].root)
    row = replace(intents.one(more.id), broker_order_id=fact.order_id, claimed_at=journal.now)
    intents.change(replace(row, state=IntentState.ACCEPTED))


def _legs(journal: Journal, strategy: str) -> list[IntentRow]:
    try:
        entry = IntentId(UUID(strategy))
    except ValueError:
        return []
    return sorted(journal.store.intents.legs(entry), key=lambda leg: leg.account_seq)


def _waits(leg: IntentRow) -> bool:
    is_open = leg.ended_at is None and leg.state is not IntentState.PENDING
    return is_open and leg.broker_order_id is None


def end_unplaced(journal: Journal, entry: IntentId) -> None:
    """No exit of a strategy will come when its entry has ended without a fill."""
    for leg in journal.store.intents.legs(entry):
        prices = (leg.intent.price, leg.intent.stop_price)
        if leg.ended_at is None and leg.broker_order_id is None and prices == (None, None):
            over = replace(leg, state=IntentState.CANCELLED, code="entry.not_placed")
            journal.store.intents.change(replace(over, ended_at=journal.now))
