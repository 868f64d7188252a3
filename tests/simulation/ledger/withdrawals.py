"""Entries that an alert takes back: those not sent end at once, the others are cancelled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from shared.domain.claim import TAKEN_BACK, End
from shared.domain.ids import AccountId, ConnectionId, IntentId
from shared.domain.order import IntentState
from shared.ports.ledger import Cancel
from tests.simulation.ledger.endings import Ending, end_intents
from tests.simulation.ledger.journal import Journal
from tests.simulation.rows import IntentRow
from tests.simulation.store import Store

_AT_BROKER: Final = (IntentState.ACCEPTED, IntentState.WORKING)


def withdraw(journal: Journal, entries: Sequence[IntentId]) -> None:
    rows = [row for row in journal.store.intents.open() if row.id in entries]
    for row in rows:
        journal.store.intents.change(replace(row, code=TAKEN_BACK.code))
    end = TAKEN_BACK
    unsent = [row for row in rows if row.state is IntentState.PENDING]
    end_intents(journal, [Ending(row.id, end.state, end.code, end.message) for row in unsent])


def is_taken_back(row: IntentRow) -> bool:
    return row.code == TAKEN_BACK.code


def cancels(store: Store, connections: Collection[ConnectionId]) -> list[Cancel]:
    return [
        Cancel(store.connection_of(row.account_id), row.broker_order_id)
        for row in store.intents.open()
        if is_taken_back(row)
        and row.state in _AT_BROKER
        and row.broker_order_id is not None
        and store.connection_of(row.account_id) in connections
    ]


def unsent(pending: Iterable[IntentRow]) -> dict[IntentId, tuple[AccountId, End]]:
    return {row.id: (row.account_id, TAKEN_BACK) for row in pending if is_taken_back(row)}
