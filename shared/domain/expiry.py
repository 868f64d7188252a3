"""The last trading day of a contract month: one small function for each rule of the exchanges.

`shared.domain.product_table.RULES` says each rule in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from shared.domain.business_days import (
    FRIDAY,
    THURSDAY,
    WEDNESDAY,
    add_months,
    business_days_before,
    holidays,
    is_business_day,
    last_business_day,
    last_weekday,
    nth_weekday,
    on_or_before,
    thanksgiving,
)
from shared.domain.instruments import ExpiryRule

_WEEK: Final = timedelta(days=7)
_DECEMBER: Final = 12
_NOVEMBER: Final = 11
_BOXING_DAY: Final = (12, 26)


def _third_friday(year: int, month: int) -> date:
    return on_or_before(nth_weekday(year, month, FRIDAY, 3))


def _before_second_friday(year: int, month: int) -> date:
    return business_days_before(nth_weekday(year, month, FRIDAY, 2), 1)


def _crude(year: int, month: int) -> date:
    return business_days_before(on_or_before(date(*add_months(year, month, -1), 25)), 3)


def _micro_crude(year: int, month: int) -> date:
    return business_days_before(_crude(year, month), 1)


def _gas(year: int, month: int) -> date:
    return business_days_before(date(year, month, 1), 3)


def _end_of_prior_month(year: int, month: int) -> date:
    return last_business_day(*add_months(year, month, -1))


def _brent(year: int, month: int) -> date:
    # London's own bank holidays are not known here (a last Monday of August may be one).
    end_year, end_month = add_months(year, month, -2)
    last = last_business_day(end_year, end_month)
    return business_days_before(last, 1) if end_month == _DECEMBER else last


def _third_last_business_day(year: int, month: int) -> date:
    return business_days_before(last_business_day(year, month), 2)


def _seven_before_last(year: int, month: int) -> date:
    return business_days_before(last_business_day(year, month), 7)


def _two_before_third_wednesday(year: int, month: int) -> date:
    return business_days_before(nth_weekday(year, month, WEDNESDAY, 3), 2)


def _one_before_third_wednesday(year: int, month: int) -> date:
    return business_days_before(nth_weekday(year, month, WEDNESDAY, 3), 1)


def _before_fifteenth(year: int, month: int) -> date:
    return business_days_before(date(year, month, 15), 1)


def _feeder_cattle(year: int, month: int) -> date:
    # That is: neither it nor any of the four weekdays before it is a holiday; else a week
    # earlier.
    is_november = month == _NOVEMBER
    day = thanksgiving(year) - _WEEK if is_november else last_weekday(year, month, THURSDAY)
    while any(off <= day < off + _WEEK for off in holidays(day.year)):
        day -= _WEEK
    return day


def _tenth_business_day(year: int, month: int) -> date:
    days = (date(year, month, day) for day in range(1, 20))
    return [day for day in days if is_business_day(day)][9]


def _last_friday(year: int, month: int) -> date:
    # London has one bank holiday that may be a last Friday here and is none of ours: Boxing Day.
    day = on_or_before(last_weekday(year, month, FRIDAY))
    return business_days_before(day, 1) if (day.month, day.day) == _BOXING_DAY else day


def _vix(year: int, month: int) -> date:
    friday = on_or_before(nth_weekday(*add_months(year, month, 1), FRIDAY, 3))
    return on_or_before(friday - timedelta(days=30))


_RULES: Final[Mapping[ExpiryRule, Callable[[int, int], date]]] = MappingProxyType(
    {
        ExpiryRule.THIRD_FRIDAY: _third_friday,
        ExpiryRule.BEFORE_SECOND_FRIDAY: _before_second_friday,
        ExpiryRule.CRUDE: _crude,
        ExpiryRule.MICRO_CRUDE: _micro_crude,
        ExpiryRule.GAS: _gas,
        ExpiryRule.END_OF_PRIOR_MONTH: _end_of_prior_month,
        ExpiryRule.BRENT: _brent,
        ExpiryRule.THIRD_LAST_BUSINESS_DAY: _third_last_business_day,
        ExpiryRule.SEVEN_BEFORE_LAST: _seven_before_last,
        ExpiryRule.LAST_BUSINESS_DAY: last_business_day,
        ExpiryRule.TWO_BEFORE_THIRD_WEDNESDAY: _two_before_third_wednesday,
        ExpiryRule.ONE_BEFORE_THIRD_WEDNESDAY: _one_before_third_wednesday,
        ExpiryRule.BEFORE_FIFTEENTH: _before_fifteenth,
        ExpiryRule.FEEDER_CATTLE: _feeder_cattle,
        ExpiryRule.TENTH_BUSINESS_DAY: _tenth_business_day,
        ExpiryRule.LAST_FRIDAY: _last_friday,
        ExpiryRule.VIX: _vix,
    }
)


@lru_cache(maxsize=8192)
def last_day(rule: ExpiryRule, year: int, month: int) -> date:
    """The last trading day of the delivery month `year`-`month` by `rule`."""
    return _RULES[rule](year, month)
