"""Whether an order may be written at all: shape, contract, prices. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from paper.book_values import Kind, Terms, Tif, Trail
from paper.reference import Instrument
from shared.domain.price import is_on_tick

TEXT_LENGTH_MAX: Final = 64
QTY_MAX: Final = 2**31 - 1
_UNSUPPORTED: Final = frozenset(
    {
        "LimitIfTouched",
        "MIT",
        "QTS",
        "MarketLimit",
        "MarketStopWithProtection",
        "MarketWithProtection",
    }
)


class Version(msgspec.Struct, rename="camel"):
    """The fields that every order, bracket and modification may carry."""

    action: str | None = None
    order_type: str | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    peg_difference: Decimal | None = None
    max_show: int | None = None
    time_in_force: str | None = None
    expire_time: datetime | None = None
    cl_ord_id: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with the shape of a request."""

    constraint: str
    value: str
    description: str


class Refused(Exception):  # noqa: N818 - an answer, not an accident
    """A refusal of the order itself: `failureReason` and `failureText` of the answer."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


def violations_of(version: Version, *, sided: bool = True) -> list[Violation]:
    """What is missing or not a word of the protocol."""
    found = []
    if sided and version.action not in {"Buy", "Sell"}:
        found.append(missing("action", version.action))
    if version.order_type not in _UNSUPPORTED and not _is_member(Kind, version.order_type):
        found.append(missing("orderType", version.order_type))
    if version.time_in_force is not None and not _is_member(Tif, version.time_in_force):
        found.append(missing("timeInForce", version.time_in_force))
    if version.time_in_force == "GTD" and version.expire_time is None:
        found.append(missing("expireTime", None))
    for name, value in (("clOrdId", version.cl_ord_id), ("text", version.text)):
        if value is not None and len(value) > TEXT_LENGTH_MAX:
            found.append(Violation("MaxLength", name, f"{name} is longer than {TEXT_LENGTH_MAX}"))
    return found


def missing(name: str, value: object) -> Violation:
    return Violation("Required", "" if value is None else str(value), f"{name} is required")


def terms_of(version: Version, qty: int, instrument: Instrument, now: datetime) -> Terms:
    """The terms the book works with. Raises Refused Unsupported or InvalidPrice.

    A stop whose level stands in `price` is taken at its word: one documented example does so.
    """
    if version.order_type in _UNSUPPORTED:
        raise Refused("Unsupported", f"Order type {version.order_type} is not supported")
    kind, tif = Kind(version.order_type or ""), Tif(version.time_in_force or "Day")
    stop = version.stop_price
    if kind is Kind.STOP and stop is None:
        stop = version.price
    return Terms(
        qty=qty,
        kind=kind,
        tif=tif,
        price=_priced(version.price, instrument) if kind.has_limit else None,
        stop_price=_trigger(kind, stop, instrument),
        expires_at=instrument.day_ends(now) if tif is Tif.DAY else _end(version, tif),
        trail=Trail(_peg(version, instrument)) if kind.trails else None,
    )


def _trigger(kind: Kind, stop: Decimal | None, instrument: Instrument) -> Decimal | None:
    """A trailing stop without a trigger begins at its distance from the market."""
    if not kind.has_stop or (stop is None and kind is Kind.TRAILING_STOP):
        return None
    return _priced(stop, instrument)


def _peg(version: Version, instrument: Instrument) -> Decimal:
    """The distance of a trailing stop; its sign is not documented, so either is taken."""
    peg = _priced(version.peg_difference, instrument)
    if peg == 0:
        raise Refused("InvalidPrice", "pegDifference is zero")
    return abs(peg)


def _end(version: Version, tif: Tif) -> datetime | None:
    ends = version.expire_time
    if tif is not Tif.GTD or ends is None:
        return None
    return ends if ends.tzinfo is not None else ends.replace(tzinfo=UTC)


def _priced(price: Decimal | None, instrument: Instrument) -> Decimal:
    if price is None:
        raise Refused("InvalidPrice", "A price is missing")
    if not is_on_tick(price, instrument.product.tick_size):
        raise Refused("InvalidPrice", f"Invalid price increment: {price}")
    return price


def _is_member(words: type[Kind | Tif], word: str | None) -> bool:
    return word in words._value2member_map_
