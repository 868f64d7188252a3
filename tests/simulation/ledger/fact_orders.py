"""Orders as the broker shows them, bound to the intents they came from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from shared.contracts.orders import OrderChanged
from shared.domain.ids import AccountId, IntentId
from shared.domain.order import BrokerStatus, IntentState, may_follow, state_of
from shared.ports.broker import OrderFact
from tests.simulation.ledger.adoption import adopt, end_unplaced
from tests.simulation.ledger.fact_fills import told_qty
from tests.simulation.ledger.journal import Journal
from tests.simulation.rows import IntentRow, OrderRow

_FINAL: Final = frozenset(
    {
        BrokerStatus.CANCELED,
        BrokerStatus.COMPLETED,
        BrokerStatus.EXPIRED,
        BrokerStatus.FILLED,
        BrokerStatus.REJECTED,
    }
)


def apply(journal: Journal, account: AccountId, fact: OrderFact) -> set[IntentId]:
    """Returns the intent that ended by it, if one did."""
    _bind(journal, account, fact)
    adopt(journal, account, fact)
    intent = journal.store.intents.by_order(account, fact.order_id)
    row = _merge(journal, account, fact, intent)
    if row is None:
        return set()
    _tell(journal, row, intent, fact)
    return set() if intent is None else _step(journal, fact, intent)


def _bind(journal: Journal, account: AccountId, fact: OrderFact) -> None:
    """By our client id; an id that is no UUID is somebody else's."""
    try:
        client_id = None if fact.client_id is None else IntentId(UUID(fact.client_id))
    except ValueError:
        return
    row = None if client_id is None else journal.store.intents.get(client_id)
    if row is not None and row.account_id == account and row.broker_order_id is None:
        journal.store.intents.change(replace(row, broker_order_id=fact.order_id))


def _merge(
    journal: Journal, account: AccountId, fact: OrderFact, intent: IntentRow | None
) -> OrderRow | None:
    """The order's row when it changed. What is final stays so."""
    orders = journal.store.orders
    known = orders.get((account, fact.order_id))
    bound = None if intent is None else intent.id
    if known is None:
        new = _row(account, fact, bound)
        orders.put((account, fact.order_id), new)
        return new
    if BrokerStatus(known.status) in _FINAL and fact.status not in _FINAL:
        return None
    shown = _shown(fact)
    same = all(getattr(known, name) == value for name, value in shown.items())
    learned = known.client_id is None and fact.client_id is not None
    if same and not learned and not (known.intent_id is None and bound is not None):
        return None
    changed = replace(
        known,
        **shown,
        intent_id=bound if known.intent_id is None else known.intent_id,
        reject_reason=fact.reject_reason,
        client_id=fact.client_id if known.client_id is None else known.client_id,
        as_of=fact.at,
        version=known.version + 1,
    )
    orders.put((account, fact.order_id), changed)
    return changed


def _shown(fact: OrderFact) -> dict[str, Any]:
    return {
        "status": fact.status.value,
        "order_type": None if fact.order_type is None else fact.order_type.value,
        "qty": fact.qty_contracts,
        "price": fact.price,
        "stop_price": fact.stop_price,
    }


def _row(account: AccountId, fact: OrderFact, intent: IntentId | None) -> OrderRow:
    return OrderRow(
        account_id=account,
        broker_order_id=fact.order_id,
        intent_id=intent,
        contract=fact.contract,
        action=fact.action.value,
        parent_order_id=fact.parent_order_id,
        reject_reason=fact.reject_reason,
        version=1,
        as_of=fact.at,
        client_id=fact.client_id,
        **_shown(fact),
    )


def _step(journal: Journal, fact: OrderFact, intent: IntentRow) -> set[IntentId]:
    """The intent follows its order as far as its table of steps allows."""
    state = state_of(fact.status)
    if state is None:
        return set()
    told = told_qty(journal, intent.id)
    if state is IntentState.FILLED and told < intent.intent.qty_contracts:
        state = IntentState.WORKING  # no fill is inferred from a status
    row = _with_leg_qty(intent, fact.qty_contracts)
    moves = may_follow(row.state, state)
    if moves:
        row = _moved(journal, row, state, fact.reject_reason)
    journal.store.intents.change(row)
    if not moves or not state.final:
        return set()
    if row.filled_qty == 0:
        end_unplaced(journal, row.id)
    return {row.id}


def _moved(journal: Journal, row: IntentRow, state: IntentState, reason: str | None) -> IntentRow:
    return replace(
        row,
        state=state,
        code="broker.rejected" if state is IntentState.REJECTED else row.code,
        message=row.message if reason is None else reason,
        answered_at=journal.now if row.answered_at is None else row.answered_at,
        ended_at=journal.now if state.final else None,
    )


def _with_leg_qty(row: IntentRow, qty: int) -> IntentRow:
    """A leg's quantity is the broker's: an OCO sibling shrinks as its partner fills."""
    if not row.is_leg or row.intent.qty_contracts == qty:
        return row
    return replace(row, intent=replace(row.intent, qty_contracts=qty))


def _tell(journal: Journal, row: OrderRow, intent: IntentRow | None, fact: OrderFact) -> None:
    signal = None if intent is None else intent.intent.signal_id
    body = OrderChanged(
        account_id=row.account_id,
        order_id=row.broker_order_id,
        intent_id=None if intent is None else intent.id,
        strategy_id=0 if intent is None else intent.intent.strategy_id,
        signal_id=signal,
        role=None if intent is None else intent.role.value,
        contract=fact.contract,
        action=fact.action,
        status=fact.status,
        order_type=fact.order_type,
        qty=fact.qty_contracts,
        price=fact.price,
        stop_price=fact.stop_price,
        reject_reason=fact.reject_reason,
        version=row.version,
        as_of=fact.at,
    )
    key = f"{row.account_id}:{row.broker_order_id}:{row.version}"
    journal.tell(row.account_id, body, key, signal, f"order:{row.broker_order_id}")
