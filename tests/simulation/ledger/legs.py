"""The working orders that an exit meets, and the legs that have to change their quantity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from shared.domain.claim import Working
from shared.domain.cover import Resize
from shared.domain.ids import EXTERNAL, ConnectionId
from shared.domain.order import BrokerStatus, IntentState, OrderType, Role
from shared.ports.ledger import LegResize
from tests.simulation.rows import IntentRow
from tests.simulation.store import Store

AT_WORK: Final = (
    BrokerStatus.WORKING,
    BrokerStatus.PENDING_NEW,
    BrokerStatus.PENDING_REPLACE,
    BrokerStatus.PENDING_CANCEL,
    BrokerStatus.SUSPENDED,
)
_MAY_TRADE: Final = (IntentState.SENDING, IntentState.ACCEPTED, IntentState.WORKING)


def working_of(store: Store, row: IntentRow, opened: Sequence[IntentRow]) -> tuple[Working, ...]:
    met = (
        each
        for each in opened
        if each.owner == row.owner and each.id != row.id and each.state in _MAY_TRADE
    )
    found = tuple(
        working(store, each) for each in met if row.role is Role.EXIT or _protects(store, each)
    )
    return (*found, *_foreign(store, row)) if row.intent.strategy_id == EXTERNAL else found


def _foreign(store: Store, row: IntentRow) -> list[Working]:
    """An exit of what is not ours waits for every order that is not."""
    orders = [
        order
        for order in store.orders.rows()
        if (order.account_id, order.contract) == (row.account_id, row.intent.contract)
        and order.intent_id is None
        and order.status in AT_WORK
    ]
    return [
        Working(
            intent_id=row.id,
            broker_order_id=order.broker_order_id,
            role=Role.EXIT,
            order_type=OrderType(order.order_type or OrderType.LIMIT),
            state=IntentState.WORKING,
            claimed_at=None,
            qty_contracts=order.qty,
        )
        for order in sorted(orders, key=lambda each: each.broker_order_id)
    ]


def _protects(store: Store, row: IntentRow) -> bool:
    """A part leaves alone the legs of an entry that has not filled at all."""
    parent = None if row.intent.parent is None else store.intents.one(row.intent.parent)
    return parent is None or parent.filled_qty > 0


def working(store: Store, row: IntentRow) -> Working:
    return Working(
        intent_id=row.id,
        broker_order_id=row.broker_order_id,
        role=row.role,
        order_type=row.intent.order_type,
        state=row.state,
        claimed_at=row.claimed_at,
        qty_contracts=row.intent.qty_contracts,
        filled_contracts=row.filled_qty,
        pair=f"{row.intent.parent}.{_number(store, row)}",
        seq=_entry_seq(store, row),
        entry_left_contracts=_entry_left(store, row),
    )


def _number(store: Store, row: IntentRow) -> str:
    """Its rung, and within it the first target belongs to the first stop, and so on."""
    if row.intent.parent is None:
        return "0.0"
    alike = {
        each.intent.leg
        for each in store.intents.legs(row.intent.parent)
        if (each.role, each.intent.rung) == (row.role, row.intent.rung)
        and each.account_seq <= row.account_seq
    }
    return f"{row.intent.rung}.{len(alike)}"


def _entry_seq(store: Store, row: IntentRow) -> int:
    parent = row.intent.parent
    return row.account_seq if parent is None else store.intents.one(parent).account_seq


def _entry_left(store: Store, row: IntentRow) -> int:
    """What the legs of its entry have not closed of it."""
    if row.intent.parent is None:
        return 0
    closed = sum(leg.filled_qty for leg in store.intents.legs(row.intent.parent))
    return store.intents.one(row.intent.parent).filled_qty - closed


def closed_by_legs(store: Store, row: IntentRow) -> int:
    """What the owner's legs have closed since the quantity of a part was told."""
    if row.role is not Role.REDUCE:
        return 0
    return sum(
        fill.qty
        for fill in store.fills.of_owner(*row.owner)
        if fill.active
        and fill.event_seq > (row.as_of_event or 0)
        and fill.role in (Role.TAKE_PROFIT.value, Role.STOP_LOSS.value)
    )


def resized(
    store: Store, connection: ConnectionId, changes: Iterable[Resize]
) -> tuple[LegResize, ...]:
    """The changes in their order, each with the prices where its leg works."""
    return tuple(_resized(store, connection, each) for each in changes)


def _resized(store: Store, connection: ConnectionId, change: Resize) -> LegResize:
    row = store.intents.one(change.leg.intent_id)
    shown = store.orders.get((row.account_id, change.leg.broker_order_id))
    price = None if shown is None else shown.price
    stop_price = None if shown is None else shown.stop_price
    return LegResize(
        connection_id=connection,
        intent_id=row.id,
        broker_order_id=change.leg.broker_order_id,
        order_type=row.intent.order_type,
        qty_contracts=change.qty_contracts,
        price=row.intent.price if price is None else price,
        stop_price=row.intent.stop_price if stop_price is None else stop_price,
    )
