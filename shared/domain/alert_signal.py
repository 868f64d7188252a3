"""What an alert asks for, whatever dialect it was written in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class Sentiment(StrEnum):
    """Where the strategy stands, in TradingView's words for `strategy.market_position`."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


class SignalKind(StrEnum):
    ORDER = "order"
    CLOSE = "close"
    TARGET = "target"


class SignalOrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One alert, read. None means that the alert did not say; zero is a value.

    ORDER buys or sells: `side` is set, `quantity` None means the strategy's own size.
    CLOSE ends a position: with `sentiment` FLAT or without `quantity` all of it, otherwise
    `quantity` contracts of it. `prev_sentiment` names the side to end when the alert tells it.
    TARGET asks for a position: `target_position` is signed contracts, 0 is flat.

    Quantities are contracts as the alert counts them, before the strategy's own sizing.
    `sentiment` is the position after the order, `prev_sentiment` the one before it. `price` is
    a reference only. `order_id` is Pine's name for the order, the same each time, and therefore
    never evidence that two alerts are one. `alert_time` is UTC and may be the time of a bar.
    """

    kind: SignalKind
    dialect: str
    side: Side | None = None
    quantity: int | None = None
    target_position: int | None = None
    sentiment: Sentiment | None = None
    prev_sentiment: Sentiment | None = None
    symbol: str | None = None
    price: Decimal | None = None
    order_type: SignalOrderType = SignalOrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    strategy_name: str | None = None
    order_id: str | None = None
    timeframe: str | None = None
    comment: str | None = None
    alert_time: datetime | None = None
