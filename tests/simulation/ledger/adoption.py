"""Exits that a broker's order strategy placed become legs of the entry they belong to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from shared.domain.ids import AccountId, ConnectionId, IntentId
from shared.domain.intents import adopted
from shared.domain.order import IntentState, Role
from shared.ports.broker import OrderFact
from tests.simulation.ledger.decisions import insert
from tests.simulation.ledger.journal import Journal
from tests.simulation.rows import IntentRow
from tests.simulation.store import Store


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
    waiting = [leg for leg in legs if _waits(leg)]
    waiting.sort(key=lambda leg: leg.intent.qty_contracts != fact.qty_contracts)
    if waiting:
        several = any(leg.intent.rung for leg in _legs(journal, fact.strategy))
        ticks = None if several else waiting[0].intent.offset_ticks
        intent = replace(waiting[0].intent, offset_ticks=ticks)
        intents.change(replace(waiting[0], broker_order_id=fact.order_id, intent=intent))
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
        if _is_late(leg):
            over = replace(leg, state=IntentState.CANCELLED, code="entry.not_placed")
            journal.store.intents.change(replace(over, ended_at=journal.now))


def unshown(
    store: Store, connections: Collection[ConnectionId], older_than_s: float, now: datetime
) -> list[tuple[ConnectionId, IntentId]]:
    """Filled entries that are over, with exits of which nobody has seen an order."""
    before = now - timedelta(seconds=older_than_s)
    parents = {leg.intent.parent for leg in store.intents.open() if leg.is_leg and _is_late(leg)}
    entries = [store.intents.one(parent) for parent in parents if parent is not None]
    entries.sort(key=lambda row: (row.account_id, row.account_seq))
    return [
        (store.connection_of(row.account_id), row.id)
        for row in entries
        if row.filled_qty > 0
        and row.ended_at is not None
        and row.ended_at < before
        and store.connection_of(row.account_id) in connections
    ]


def give_up(store: Store, entry: IntentId) -> None:
    ended_at = store.intents.one(entry).ended_at
    for leg in store.intents.legs(entry):
        if ended_at is not None and _is_late(leg):
            over = replace(leg, state=IntentState.CANCELLED, code="leg.never_shown")
            store.intents.change(replace(over, ended_at=ended_at))


def _is_late(leg: IntentRow) -> bool:
    return _is_unplaced(leg) and leg.state is not IntentState.PENDING


def _is_unplaced(leg: IntentRow) -> bool:
    prices = (leg.intent.price, leg.intent.stop_price)
    return leg.ended_at is None and leg.broker_order_id is None and prices == (None, None)
