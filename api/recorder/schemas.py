"""Recording: on, off, and what was recorded."""

from __future__ import annotations

from datetime import datetime

from api.schemas import Answer
from api.wire import DecimalText


class SwitchedOut(Answer):
    message: str
    strategy_id: int
    recording_enabled: bool


class RecordedOut(Answer):
    """One round trip in one account. Prices as the broker quotes them, money in US dollars.

    `pnl`, `commission` and `net_pnl` are of the part that is closed. `pnl_percent` is the move
    from the average entry to the average exit, in percent of the entry; None before an exit.
    """

    id: int
    strategy_id: int
    account_id: int
    account: str
    symbol: str
    contract: str
    timeframe: str | None
    side: str
    quantity: int
    open_quantity: int
    entry_price: DecimalText
    entry_time: datetime
    exit_price: DecimalText | None
    exit_time: datetime | None
    exit_reason: str | None
    pnl: DecimalText
    pnl_percent: DecimalText | None
    commission: DecimalText
    commission_known: bool
    net_pnl: DecimalText
    stop_loss_price: DecimalText | None
    take_profit_price: DecimalText | None
    broker_order_id: int | None
    # Tradovate numbers a position per contract and day, not per trip: there is none to give.
    broker_position_id: int | None = None
    status: str
    signal_id: int | None


class RecordedPositionsOut(Answer):
    """Newest entry first; `next` goes on as `after`, None at the end."""

    positions: list[RecordedOut]
    next: str | None
