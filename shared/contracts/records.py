"""Events about recorded round trips, written by recorder."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import ClassVar

from pydantic import AwareDatetime

from shared.contracts.registry import EventBody, register
from shared.contracts.streams import RECORDS


class _Record(EventBody):
    stream: ClassVar[str] = RECORDS

    recorded_position_id: int
    strategy_id: int
    strategy_name: str
    account_id: int
    account_name: str
    contract: str
    ticker: str | None
    side: str  # BUY | SELL
    qty: int  # largest size held
    open_qty: int
    entry_price: Decimal
    entry_at: AwareDatetime
    version: int


@register
class PositionOpened(_Record):
    """A strategy left flat in an account."""

    type: ClassVar[str] = "record.opened.v1"


@register
class PositionResized(_Record):
    """It was added to, or partly closed (`reason` and `closed_qty` tell)."""

    type: ClassVar[str] = "record.resized.v1"

    reason: str | None
    closed_qty: int
    exit_price: Decimal | None
    gross_usd: Decimal


@register
class TradeClosed(_Record):
    """Flat again: the round trip with its money. Said again when a late fee changes it."""

    type: ClassVar[str] = "record.closed.v1"

    exit_price: Decimal
    exit_at: AwareDatetime
    exit_reason: str  # Take Profit | Stop Loss | Signal | Manual | Risk
    gross_usd: Decimal
    fees_usd: Decimal
    net_usd: Decimal
    fees_known: bool
    trade_date: date


@register
class PositionVoided(_Record):
    """It never was: its fills were busted, or turned out to belong to another round trip."""

    type: ClassVar[str] = "record.voided.v1"
