"""Everything a user's alerts brought, and one signal's whole story."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import JsonValue

from api.schemas import Answer
from api.wire import DecimalText


class OutcomeOut(Answer):
    """What became of a signal in one account; account 0: none was linked."""

    account_id: int
    disposition: str
    code: str


class ReceivedOut(Answer):
    """One delivery. `content` is what it was read as; refused ones show their `body` instead."""

    alert_id: int
    signal_id: int | None
    received_at: datetime
    strategy_id: int | None
    strategy: str | None
    verdict: str  # accepted | duplicate | blocked | refused
    code: str | None
    message: str | None
    answered_status: int | None
    content: dict[str, JsonValue] | None
    body: str | None
    decisions: list[OutcomeOut]


class ReceivedPageOut(Answer):
    """Newest first; `next` goes on as `after`, None at the end."""

    signals: list[ReceivedOut]
    next: str | None


class DeliveryOut(Answer):
    """`body` is without secrets and cut where long; `answered_at` None: perhaps never answered."""

    alert_id: int
    received_at: datetime
    address: str | None
    content_type: str | None
    body: str
    body_bytes: int
    verdict: str
    code: str | None
    message: str | None
    answered_status: int | None
    answered_at: datetime | None


class DecisionOut(OutcomeOut):
    account: str | None
    message: str
    detail: dict[str, JsonValue]
    decided_at: datetime
    ended_at: datetime | None


class IntentOut(Answer):
    """An order we meant to place, with the moments of its life."""

    id: UUID
    account_id: int
    role: str
    leg: str
    attempt: int
    contract: str
    action: str
    qty: int
    order_type: str
    time_in_force: str
    price: DecimalText | None
    stop_price: DecimalText | None
    offset_ticks: int | None
    reference_price: DecimalText | None
    parent_id: UUID | None
    after_id: UUID | None
    state: str
    code: str | None
    message: str | None
    broker_order_id: int | None
    filled_qty: int
    expires_at: datetime | None
    not_before: datetime | None
    created_at: datetime
    claimed_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None


class OrderOut(Answer):
    """An order as the broker shows it."""

    account_id: int
    broker_order_id: int
    intent_id: UUID | None
    contract: str
    action: str
    status: str
    order_type: str | None
    qty: int
    price: DecimalText | None
    stop_price: DecimalText | None
    parent_order_id: int | None
    reject_reason: str | None
    as_of: datetime


class FillOut(Answer):
    """`fee_usd` None: not told yet. `active` false: taken back by the venue."""

    account_id: int
    broker_fill_id: int
    broker_order_id: int
    intent_id: UUID | None
    role: str | None
    contract: str
    action: str
    qty: int
    price: DecimalText
    fee_usd: DecimalText | None
    trade_date: date
    active: bool
    filled_at: datetime
    recorded_at: datetime


class StoryOut(Answer):
    id: int
    strategy_id: int
    strategy: str
    seq: int
    status: str  # accepted | blocked
    code: str | None
    received_at: datetime
    created_at: datetime
    content: dict[str, JsonValue]
    deliveries: list[DeliveryOut]
    decisions: list[DecisionOut]
    intents: list[IntentOut]
    orders: list[OrderOut]
    fills: list[FillOut]
