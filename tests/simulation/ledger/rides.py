"""Stops that follow the market."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

from shared.domain.ids import ConnectionId
from shared.domain.order import IntentState, Role
from shared.ports.ledger import LegOffset, Riding
from tests.simulation.ledger.protection import entry_of
from tests.simulation.rows import IntentRow
from tests.simulation.store import Store

_AT_BROKER = (IntentState.ACCEPTED, IntentState.WORKING)


def riding(store: Store, connections: Collection[ConnectionId]) -> list[Riding]:
    leaving = {row.owner for row in store.intents.open() if row.role is Role.EXIT}
    found = [
        _riding(store, row)
        for row in store.intents.open()
        if row.role is Role.STOP_LOSS
        and row.state in _AT_BROKER
        and row.owner not in leaving
        and store.connection_of(row.account_id) in connections
    ]
    return [each for each in found if each is not None]


def _riding(store: Store, row: IntentRow) -> Riding | None:
    entry = entry_of(store, row)
    if row.intent.moves is None or row.broker_order_id is None:
        return None
    shown = store.orders.get((row.account_id, row.broker_order_id))
    stands_at = None if shown is None else shown.stop_price
    if stands_at is None:
        stands_at = row.intent.stop_price
    if entry is None or entry.filled_qty == 0 or stands_at is None:
        return None
    return Riding(
        intent_id=row.id,
        connection_id=store.connection_of(row.account_id),
        broker_order_id=row.broker_order_id,
        qty_contracts=row.intent.qty_contracts,
        contract=row.intent.contract,
        root=row.root,
        rule=row.intent.moves,
        entry=entry.intent.action,
        entry_price=_measured_from(store, row, entry),
        stands_at=stands_at,
        committed=row.intent.stop_price,
    )


def _measured_from(store: Store, row: IntentRow, entry: IntentRow) -> Decimal:
    account, strategy, contract = row.owner
    held = store.positions.get((account, contract, strategy))
    if row.intent.per_position and held is not None and held.avg_price is not None:
        return held.avg_price
    return entry.fill_value / entry.filled_qty


def tighten(store: Store, leg: LegOffset) -> None:
    row = store.intents.get(leg.intent_id)
    if row is not None and row.role is Role.STOP_LOSS:
        tight = replace(row.intent, stop_price=leg.wanted, offset_ticks=None, offset_percent=None)
        store.intents.change(replace(row, intent=tight))
