"""The entity that tells the hours of a product; whether it trades is `shared.domain.sessions`."""

from __future__ import annotations

from datetime import time
from typing import Final

from paper.risk_rows import ProductSession, TradeTime

# Code of `Product.hours` -> the stretches of one trading day, as (starts, ends) of the clock.
_STRETCHES: Final = {
    "A": ((time(17), time(16)),),
    "B": ((time(19), time(7, 45)), (time(8, 30), time(13, 20))),
    "C": ((time(8, 30), time(13, 5)),),
    "D": ((time(19, 1), time(17)),),
    "E": ((time(8, 30), time(15, 15)),),
}


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


def _told(at: time) -> TradeTime:
    return TradeTime(hour=at.hour, minute=at.minute)
