"""What the book is told and what it says: frozen values, no behaviour beyond reading them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final


class Side(StrEnum):
    BUY = "Buy"
    SELL = "Sell"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class Kind(StrEnum):
    """Order types the book can match; the protocol knows more."""

    MARKET = "Market"
    LIMIT = "Limit"
    STOP = "Stop"
    STOP_LIMIT = "StopLimit"
    TRAILING_STOP = "TrailingStop"
    TRAILING_STOP_LIMIT = "TrailingStopLimit"

    @property
    def has_limit(self) -> bool:
        return self in (Kind.LIMIT, Kind.STOP_LIMIT, Kind.TRAILING_STOP_LIMIT)

    @property
    def has_stop(self) -> bool:
        return self not in (Kind.MARKET, Kind.LIMIT)

    @property
    def trails(self) -> bool:
        return self in (Kind.TRAILING_STOP, Kind.TRAILING_STOP_LIMIT)


class Tif(StrEnum):
    """Time in force. Day and GTD orders carry the instant of their end in `Terms.expires_at`."""

    DAY = "Day"
    GTC = "GTC"
    GTD = "GTD"
    IOC = "IOC"
    FOK = "FOK"

    @property
    def immediate(self) -> bool:
        return self in (Tif.IOC, Tif.FOK)


class Touch(StrEnum):
    """When a resting limit order trades: as soon as its price is seen, or only beyond it."""

    TOUCHED = "touched"
    THROUGH = "through"


class WrongSide(StrEnum):
    """What becomes of a stop whose trigger the market has already passed when it arrives.

    Sources are silent about the real venue, so both worlds can be tested.
    """

    TRIGGER = "trigger"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Rules:
    """Switches of the matching. `size_max_contracts` limits one order's fill at one tick."""

    touch: Touch = Touch.TOUCHED
    slippage_ticks: int = 0
    size_max_contracts: int | None = None
    wrong_side: WrongSide = WrongSide.TRIGGER


DEFAULT_RULES: Final = Rules()


@dataclass(frozen=True, slots=True)
class Quote:
    bid: Decimal
    ask: Decimal
    last: Decimal

    def opposite(self, side: Side) -> Decimal:
        """The price at which an order of `side` trades at once."""
        return self.ask if side is Side.BUY else self.bid


@dataclass(frozen=True, slots=True)
class Trail:
    """How a stop follows the last trade: `distance` behind it, in moves of at least `step`.

    It begins as soon as the market has reached `starts_at`, at once when that is None.
    """

    distance: Decimal
    starts_at: Decimal | None = None
    step: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of an order. `price` is the limit, `stop_price` the (first) trigger."""

    qty: int
    kind: Kind
    tif: Tif = Tif.GTC
    price: Decimal | None = None
    stop_price: Decimal | None = None
    expires_at: datetime | None = None
    trail: Trail | None = None


@dataclass(slots=True)
class Entry:
    """A live order. A child (`parent_id`) waits until its parent fills; an OCO has a sibling.

    `sibling_filled` is the quantity that the sibling took off this order.
    """

    id: int
    account_id: int
    side: Side
    terms: Terms
    parent_id: int | None = None
    sibling_id: int | None = None
    waiting: bool = False
    triggered: bool = False
    filled: int = 0
    sibling_filled: int = 0
    level: Decimal | None = None  # where the trigger stands after it has trailed

    @property
    def trigger(self) -> Decimal | None:
        return self.terms.stop_price if self.level is None else self.level

    @property
    def limit(self) -> Decimal | None:
        """The limit; of a trailing order it keeps its distance to the trigger."""
        price, first = self.terms.price, self.terms.stop_price
        if price is None or first is None or self.level is None:
            return price
        return price + self.level - first

    def forgets_trigger(self, terms: Terms) -> bool:
        """Whether new terms make a stop that was hit wait for its trigger again."""
        return terms.stop_price != self.terms.stop_price or terms.kind is not self.terms.kind


class Why(StrEnum):
    """Why an order ended without being filled."""

    REQUESTED = "requested"
    SIBLING_FILLED = "sibling filled"
    PARENT_ENDED = "parent ended"
    IMMEDIATE = "immediate or cancel"
    EXPIRED = "expired"
    WRONG_SIDE = "stop on the wrong side of the market"


@dataclass(frozen=True, slots=True)
class Released:
    """A waiting child works from now on."""

    order_id: int


@dataclass(frozen=True, slots=True)
class Triggered:
    """A stop was hit by the last trade."""

    order_id: int


@dataclass(frozen=True, slots=True)
class Trailed:
    """The trigger of a stop has followed the market to `level`."""

    order_id: int
    level: Decimal


@dataclass(frozen=True, slots=True)
class Traded:
    """One fill. `filled` is the quantity filled so far, `done` whether that is all of it."""

    order_id: int
    qty: int
    price: Decimal
    filled: int
    done: bool


@dataclass(frozen=True, slots=True)
class Resized:
    """The book changed the order's whole quantity (a sibling traded, a parent changed)."""

    order_id: int
    qty: int


@dataclass(frozen=True, slots=True)
class Ended:
    order_id: int
    why: Why


BookEvent = Released | Triggered | Trailed | Traded | Resized | Ended
