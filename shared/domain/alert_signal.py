"""What an alert asks for, whatever dialect it was written in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from shared.domain.rules.bracket import DistanceUnit


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
    ADD = "add"
    CLOSE = "close"
    TARGET = "target"
    STAND = "stand"
    REVERSE = "reverse"
    CANCEL = "cancel"


class SignalOrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


@dataclass(frozen=True, slots=True)
class Level:
    """Where a protective leg stands, as the alert gives it; 0 < `at` <= 1,000,000, 9 decimals.

    PRICE is the level itself. Every other unit is a distance from the entry's price: DOLLARS
    per contract, PERCENT of the price. The alert does not say on which side: the leg's role does.
    """

    at: Decimal
    unit: DistanceUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One alert, read. None means that the alert did not say; zero is a value.

    ORDER buys or sells: `side` is set, `quantity` None means the strategy's own size.
    ADD buys or sells more of what is held, on its side; `sentiment`, where it is told, is that
    side. Flat, or on the other side, it does nothing.
    CLOSE ends a position: with `sentiment` FLAT all of it; otherwise `close_percent` of it or
    `quantity` contracts of it, never both; all of it when neither is given. `prev_sentiment`
    names the side to end when the alert tells it: a position of the other side stays.
    TARGET asks for a position: `target_position` is signed contracts, 0 is flat.
    STAND asks to be LONG or SHORT, in `sentiment`, whatever the size: `quantity` is for an entry
    that this needs. A position of that side is left as it is. FLAT comes as a TARGET of 0.
    REVERSE ends what is held and enters the other side; flat, it does nothing. `side` is the
    side to end on when the alert tells it, `quantity` the new position's contracts (None: the
    strategy's own size).
    CANCEL takes back entries that still work, and leaves positions and their exits alone.

    Quantities are contracts as the alert counts them, before the strategy's own sizing.
    `close_percent` is of the position, above 0 and below 100 (100 is a CLOSE of all).
    `sentiment` is the position after the order, `prev_sentiment` the one before it. `price` is
    a reference only. Of a STOP_LIMIT `stop_price` is the trigger; from then on it is a limit order
    at `limit_price`, on whichever side of the trigger that lies. `targets` (nearest first as
    written), `stop` and `trail` come with what may enter, never with CLOSE, CANCEL or a TARGET of
    0; `trail` is the distance at which the stop follows, never a PRICE, and stands without a
    `stop`.
    `order_id` is Pine's name for the order, the same each time, and therefore
    never evidence that two alerts are one. `alert_time` is UTC and may be the time of a bar.
    """

    kind: SignalKind
    dialect: str
    side: Side | None = None
    quantity: int | None = None
    close_percent: Decimal | None = None
    target_position: int | None = None
    sentiment: Sentiment | None = None
    prev_sentiment: Sentiment | None = None
    symbol: str | None = None
    price: Decimal | None = None
    order_type: SignalOrderType = SignalOrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    targets: tuple[Level, ...] = ()
    stop: Level | None = None
    trail: Level | None = None
    strategy_name: str | None = None
    order_id: str | None = None
    timeframe: str | None = None
    comment: str | None = None
    alert_time: datetime | None = None
