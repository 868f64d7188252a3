"""Fills, recorded once each, and the positions folded from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from shared.contracts.orders import FillFeeKnown, FillRecorded, FillVoided
from shared.contracts.positions import PositionChanged
from shared.domain.ids import AccountId, IntentId, SignalId
from shared.domain.instruments import PRODUCTS
from shared.domain.order import BrokerStatus, IntentState, may_follow
from shared.domain.position import FLAT
from shared.domain.risk.realized import fold_realized
from shared.domain.symbols import root_of
from shared.ports.broker import FeeFact, FillFact
from tests.simulation.ledger.journal import Journal
from tests.simulation.rows import FillRow, IntentRow, PositionRow

_EXTERNAL: Final = 0


def apply(journal: Journal, account: AccountId, fact: FillFact) -> set[IntentId]:
    """Returns the intent that is filled by it, if one is."""
    intent = journal.store.intents.by_order(account, fact.order_id)
    known = journal.store.fills.get((account, fact.fill_id))
    if known is not None:
        return _void(journal, known) if known.active and not fact.active else set()
    number = journal.store.risk.one(account).event_seq + 1
    row = replace(_row(account, fact, intent, journal.now), event_seq=number)
    journal.store.fills.put((account, fact.fill_id), row)
    if row.active:
        _tell(journal, row, intent)
        refold(journal, row)
    return set() if intent is None else _count(journal, intent.id)


def _row(account: AccountId, fact: FillFact, intent: IntentRow | None, now: datetime) -> FillRow:
    return FillRow(
        account_id=account,
        broker_fill_id=fact.fill_id,
        broker_order_id=fact.order_id,
        intent_id=None if intent is None else intent.id,
        strategy_id=_EXTERNAL if intent is None else intent.intent.strategy_id,
        role=None if intent is None else intent.role.value,
        root=root_of(fact.contract, fact.trade_date),
        contract=fact.contract,
        action=fact.action,
        qty=fact.qty_contracts,
        price=fact.price,
        fee_usd=None,
        trade_date=fact.trade_date,
        active=fact.active,
        filled_at=fact.at,
        recorded_at=now,
        event_seq=0,
    )


def _count(journal: Journal, intent: IntentId) -> set[IntentId]:
    row = _counted(journal, intent)
    over = row.filled_qty >= row.intent.qty_contracts or _is_shown_filled(journal, row)
    if not over or not may_follow(row.state, IntentState.FILLED):
        return set()
    answered = journal.now if row.answered_at is None else row.answered_at
    filled = replace(row, state=IntentState.FILLED, code=None, message=None)
    journal.store.intents.change(replace(filled, answered_at=answered, ended_at=journal.now))
    return {intent}


def _is_shown_filled(journal: Journal, row: IntentRow) -> bool:
    """By the broker, and every fill of it was told, whether or not it was taken back."""
    order = journal.store.orders.get((row.account_id, row.broker_order_id or 0))
    shown = order is not None and order.status == BrokerStatus.FILLED.value
    return shown and told_qty(journal, row.id) >= row.intent.qty_contracts


def told_qty(journal: Journal, intent: IntentId) -> int:
    return sum(each.qty for each in journal.store.fills.of_intent(intent))


def _counted(journal: Journal, intent: IntentId) -> IntentRow:
    """What is filled is the sum over fills, however often and in whichever order they come."""
    row = journal.store.intents.one(intent)
    active = [each for each in journal.store.fills.of_intent(intent) if each.active]
    qty = sum(each.qty for each in active)
    value = sum((each.qty * each.price for each in active), Decimal(0))
    row = replace(row, filled_qty=qty, fill_value=value)
    journal.store.intents.change(row)
    return row


def _void(journal: Journal, row: FillRow) -> set[IntentId]:
    """A bust: the fill stays, marked, and the position is folded without it."""
    account, fill = row.account_id, row.broker_fill_id
    journal.store.fills.put((account, fill), replace(row, active=False))
    body = FillVoided(
        account_id=account, fill_id=fill, strategy_id=row.strategy_id, contract=row.contract
    )
    journal.tell(account, body, f"{account}:{fill}", None, f"fill:{fill}")
    refold(journal, row)
    return set() if row.intent_id is None else _count(journal, row.intent_id)


def apply_fee(journal: Journal, fact: FeeFact) -> None:
    for account in journal.accounts:
        row = journal.store.fills.get((account, fact.fill_id))
        if row is None or row.fee_usd == fact.fee_usd:
            continue
        journal.store.fills.put((account, fact.fill_id), replace(row, fee_usd=fact.fee_usd))
        body = FillFeeKnown(
            account_id=account,
            fill_id=fact.fill_id,
            strategy_id=row.strategy_id,
            contract=row.contract,
            fee_usd=fact.fee_usd,
        )
        key = f"{account}:{fact.fill_id}:{fact.fee_usd}"
        journal.tell_again(account, body, key, f"fill:{fact.fill_id}")


def _tell(journal: Journal, row: FillRow, intent: IntentRow | None) -> None:
    signal = None if intent is None else intent.intent.signal_id
    key = f"{row.account_id}:{row.broker_fill_id}"
    about = f"fill:{row.broker_fill_id}"
    journal.tell(row.account_id, _body(row, signal), key, signal, about)


def _body(row: FillRow, signal: SignalId | None) -> FillRecorded:
    return FillRecorded(
        account_id=row.account_id,
        fill_id=row.broker_fill_id,
        order_id=row.broker_order_id,
        intent_id=row.intent_id,
        strategy_id=row.strategy_id,
        signal_id=signal,
        role=row.role,
        contract=row.contract,
        root=row.root,
        action=row.action.value,
        qty=row.qty,
        price=row.price,
        fee_usd=row.fee_usd,
        trade_date=row.trade_date,
        filled_at=row.filled_at,
    )


def tell_given(journal: Journal, row: FillRow) -> None:
    """Again, with its new owner."""
    told = _body(row, None)
    key = f"{row.account_id}:{row.broker_fill_id}:{row.strategy_id}"
    journal.tell_again(row.account_id, told, key, f"fill:{row.broker_fill_id}")


def refold(journal: Journal, of: FillRow) -> None:
    """The owner's position in the contract: the fold of all its fills."""
    store = journal.store
    owned = store.fills.of_owner(of.account_id, of.strategy_id, of.contract)
    fills = [row for row in owned if row.active]
    fills.sort(key=lambda row: (row.filled_at, row.broker_fill_id))
    walked = list(fold_realized((row.fill for row in fills), _point_value(of.root)))
    for each, (earned, _) in zip(fills, walked, strict=True):
        if each.realized_usd != earned:
            realized = replace(each, realized_usd=earned)
            store.fills.put((each.account_id, each.broker_fill_id), realized)
    position = walked[-1][1] if walked else FLAT
    key = (of.account_id, of.contract, of.strategy_id)
    known = store.positions.get(key)
    row = PositionRow(
        account_id=of.account_id,
        contract=of.contract,
        strategy_id=of.strategy_id,
        root=of.root if known is None else known.root,
        net_qty=position.net_qty,
        avg_price=position.avg_price,
        version=1 if known is None else known.version + 1,
        updated_at=journal.now,
    )
    store.positions.put(key, row)
    _tell_position(journal, row)


def _tell_position(journal: Journal, row: PositionRow) -> None:
    body = PositionChanged(
        account_id=row.account_id,
        strategy_id=row.strategy_id,
        contract=row.contract,
        root=row.root,
        net_qty=row.net_qty,
        avg_price=row.avg_price,
        point_value_usd=_point_value(row.root),
        version=row.version,
        as_of=journal.now,
    )
    owner = f"{row.account_id}:{row.contract}:{row.strategy_id}"
    journal.tell(row.account_id, body, f"{owner}:{row.version}", None, f"position:{owner}")


def _point_value(root: str) -> Decimal:
    product = PRODUCTS.get(root)
    return Decimal(0) if product is None else product.point_value
