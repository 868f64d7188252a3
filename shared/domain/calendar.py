"""Which trading day an instant belongs to, when contracts end, and which one is in front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from shared.domain.business_days import add_months, business_days_before, last_business_day
from shared.domain.expiry import last_day
from shared.domain.instruments import Product, ProductGroup
from shared.domain.special_days import trading_day
from shared.domain.symbols import MONTH_LETTERS, ContractMonth

CHICAGO: Final = ZoneInfo("America/Chicago")
DAY_ROLLS_AT: Final = time(17)  # in Chicago

_MONTHS_AHEAD_MAX: Final = 240  # no product is listed for longer


def trade_date(at: datetime) -> date:
    """The trading day of an instant: it begins at 17:00 Chicago and is named by its last date.

    From Friday 17:00 to Monday it is Monday. A holiday of the exchanges belongs to the next
    trading day, so the halt of Memorial Day and Tuesday are one. Raises ValueError for a time
    without zone.
    """
    if at.utcoffset() is None:
        raise ValueError("A trading day needs a time with its zone.")
    local = at.astimezone(CHICAGO)
    return trading_day(local.date() + timedelta(days=local.time() >= DAY_ROLLS_AT))


def last_trading_day(product: Product, year: int, month: int) -> date:
    """The last day on which the contract of this delivery month trades."""
    return last_day(product.expiry, year, month)


def roll_date(product: Product, contract: ContractMonth) -> date:
    """The first day on which `contract` is no longer the front one: the next stands for it.

    Our decision, since TradingView does not publish when it switches `1!`. Always before the
    last trading day, and where the goods are delivered before the first notice of delivery.
    """
    return _roll_date(product, contract.year, contract.month)


def front_month(product: Product, on: date, n: int = 1) -> ContractMonth:
    """The `n`-th active contract on that day, 1 being the front.

    Raises ValueError when `n` is below 1 or beyond all listings.
    """
    if n < 1:
        raise ValueError(f"The front contract is number 1; there is no {n}.")
    contract = _front_month(product, on, n)
    if contract is None:
        raise ValueError(f"{product.root} has no contract number {n} on {on}.")
    return contract


@dataclass(frozen=True, slots=True)
class Roll:
    """From `date` on, `entering` is the front contract in place of `leaving`."""

    leaving: ContractMonth
    entering: ContractMonth
    date: date


def next_roll(product: Product, on: date) -> Roll:
    """The first change of the front contract after `on`, to be shown ahead."""
    leaving, entering = front_month(product, on), front_month(product, on, 2)
    return Roll(leaving=leaving, entering=entering, date=roll_date(product, leaving))


def listed(product: Product, on: date, count: int) -> list[ContractMonth]:
    """The first `count` active months that trade on that day or later, in order of time."""
    trading = (
        contract
        for contract in _active_months(product, on)
        if last_trading_day(product, contract.year, contract.month) >= on
    )
    return list(islice(trading, count))


@lru_cache(maxsize=4096)
def _front_month(product: Product, on: date, n: int) -> ContractMonth | None:
    ahead = (
        contract
        for contract in _active_months(product, on)
        if _roll_date(product, contract.year, contract.month) > on
    )
    return next(islice(ahead, n - 1, None), None)


def _active_months(product: Product, since: date) -> Iterator[ContractMonth]:
    """The delivery months of the cycle from the month of `since` on.

    No contract trades beyond its delivery month, so nothing live lies before the first.
    """
    for ahead in range(_MONTHS_AHEAD_MAX):
        year, month = add_months(since.year, since.month, ahead)
        if MONTH_LETTERS[month - 1] in product.cycle:
            yield ContractMonth(product.root, year, month)


def _roll_date(product: Product, year: int, month: int) -> date:
    match product.group:
        case ProductGroup.INDEX | ProductGroup.FX:
            return last_trading_day(product, year, month) - timedelta(days=8)
        case ProductGroup.ENERGY:
            return business_days_before(last_trading_day(product, year, month), 4)
        case ProductGroup.CRYPTO | ProductGroup.VOLATILITY:
            return business_days_before(last_trading_day(product, year, month), 3)
        case (
            ProductGroup.RATES | ProductGroup.METALS | ProductGroup.GRAINS | ProductGroup.LIVESTOCK
        ):
            return business_days_before(last_business_day(*add_months(year, month, -1)), 3)
        case _:
            assert_never(product.group)
