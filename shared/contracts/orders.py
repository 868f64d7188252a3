"""Events about orders and fills, written by execution."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.registry import EventBody, register
from shared.contracts.streams import EVENTS


@register
class OrderChanged(EventBody):
    """An order as the broker shows it now. `version` rises by one with each change of it."""

    type: ClassVar[str] = "order.changed.v1"
    stream: ClassVar[str] = EVENTS

    account_id: int
    order_id: int  # the broker's
    intent_id: UUID | None
    strategy_id: int  # 0: not ours
    signal_id: int | None
    role: str | None
    contract: str
    action: str
    status: str
    order_type: str | None
    qty: int
    price: Decimal | None
    stop_price: Decimal | None
    reject_reason: str | None
    version: int
    as_of: AwareDatetime


@register
class FillRecorded(EventBody):
    """One execution, recorded once. `fee_usd` is None until the broker tells it."""

    type: ClassVar[str] = "fill.recorded.v1"
    stream: ClassVar[str] = EVENTS

    account_id: int
    fill_id: int
    order_id: int
    intent_id: UUID | None
    strategy_id: int  # 0: not ours
    signal_id: int | None
    role: str | None
    contract: str
    root: str
    action: str
    qty: int
    price: Decimal
    fee_usd: Decimal | None
    trade_date: date
    filled_at: AwareDatetime


@register
class FillFeeKnown(EventBody):
    """The fee of a fill that was recorded without one, or a corrected fee."""

    type: ClassVar[str] = "fill.fee_known.v1"
    stream: ClassVar[str] = EVENTS

    account_id: int
    fill_id: int
    strategy_id: int
    contract: str
    fee_usd: Decimal


@register
class FillVoided(EventBody):
    """A bust: this fill never was. Everything folded from it folds again without it."""

    type: ClassVar[str] = "fill.voided.v1"
    stream: ClassVar[str] = EVENTS

    account_id: int
    fill_id: int
    strategy_id: int
    contract: str
