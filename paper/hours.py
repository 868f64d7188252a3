"""Trading hours by product, in Chicago time, and the entity that tells them."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final

from paper.risk_rows import ProductSession, TradeTime
from shared.domain.calendar import CHICAGO
from shared.domain.instruments import Product

# Code of `Product.hours` -> the stretches of one trading day, as (starts, ends) of the clock.
_STRETCHES: Final = {
    "A": ((time(17), time(16)),),
    "B": ((time(19), time(7, 45)), (time(8, 30), time(13, 20))),
    "C": ((time(8, 30), time(13, 5)),),
    "D": ((time(19, 1), time(17)),),
    "E": ((time(8, 30), time(15, 15)),),
}
_SATURDAY: Final = 5


def is_open(product: Product, at: datetime) -> bool:
    """Whether the product trades at that instant, by the week alone."""
    local = at.astimezone(CHICAGO)
    return any(_within(local, starts, ends) for starts, ends in _STRETCHES[product.hours])


def product_session(product_id: int, hours: str) -> ProductSession:
    """The row of `productSession`, whose times we give in Chicago time."""
    stretches = _STRETCHES[hours]
    opens, closes = stretches[0][0], stretches[-1][1]
    overnight = opens > closes
    return ProductSession(
        id=product_id,
        open_time=_told(opens),
        start_time=_told(opens),
        stop_time=_told(closes),
        close_time=_told(closes),
        sunday_open_time=_told(opens) if overnight else None,
        all_day=False,
    )


def _within(local: datetime, starts: time, ends: time) -> bool:
    clock = local.time()
    if starts < ends:
        return starts <= clock < ends and local.weekday() < _SATURDAY
    # An evening belongs to the trading day that follows it.
    day = local.date() + timedelta(days=clock >= starts)
    return (clock >= starts or clock < ends) and day.weekday() < _SATURDAY


def _told(at: time) -> TradeTime:
    return TradeTime(hour=at.hour, minute=at.minute)
