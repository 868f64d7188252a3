"""When the venue trades a contract, and the entity that tells a product's hours.

The calendar is `shared.domain.sessions`; a contract beyond the end of its last day trades no more.
"""

from __future__ import annotations

from datetime import datetime, time
from functools import lru_cache
from typing import Final

from paper.risk_rows import ProductSession, TradeTime
from shared.domain import sessions
from shared.domain.instruments import PRODUCTS
from shared.domain.session_table import HOURS
from shared.domain.symbols import ContractMonth


@lru_cache(maxsize=4096)
def trading_ends(month: ContractMonth) -> datetime:
    """The first instant at which a contract trades no more, in UTC."""
    return sessions.trading_ends(PRODUCTS[month.root], month.year, month.month)


def day_order_ends(month: ContractMonth, at: datetime) -> datetime:
    """When a Day order given at `at` ends: with its product's trading day, or the contract's."""
    return min(sessions.session_end(PRODUCTS[month.root], at), trading_ends(month))


def is_trading(month: ContractMonth, at: datetime) -> bool:
    return at < trading_ends(month) and sessions.is_open(PRODUCTS[month.root], at)


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


def _stretch(slot: str) -> tuple[time, time]:
    opens, closes = slot.removeprefix("<").split("-")
    return time.fromisoformat(opens), time.fromisoformat(closes)


# Code of `Product.hours` -> the stretches of one trading day, as (starts, ends) of the clock.
_STRETCHES: Final = {
    code: [_stretch(slot) for slot in slots.split()]
    for code, slots in (line.split("|") for line in HOURS.strip().splitlines())
}
