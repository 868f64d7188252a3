"""Business days of the US futures exchanges: weekdays without the full exchange holidays.

Computed, not listed. Closures by decree (mourning, storms) are not known in advance and have
moved no last trading day so far, so they are left out.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)

_DAY = timedelta(days=1)
_JUNETEENTH_SINCE = 2022  # the exchanges' first


def is_business_day(day: date) -> bool:
    return day.weekday() < SATURDAY and day not in holidays(day.year)


def on_or_before(day: date) -> date:
    """`day` itself if it is a business day, else the one before it."""
    while not is_business_day(day):
        day -= _DAY
    return day


def business_days_before(day: date, count: int) -> date:
    """The `count`-th business day before `day`, which itself is not counted."""
    for _ in range(count):
        day = on_or_before(day - _DAY)
    return day


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """The third Friday is `nth_weekday(year, month, FRIDAY, 3)`."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def last_weekday(year: int, month: int, weekday: int) -> date:
    last = end_of_month(year, month)
    return last - timedelta(days=(last.weekday() - weekday) % 7)


def end_of_month(year: int, month: int) -> date:
    """The last calendar day."""
    return date(*add_months(year, month, 1), 1) - _DAY


def last_business_day(year: int, month: int) -> date:
    return on_or_before(end_of_month(year, month))


def add_months(year: int, month: int, count: int) -> tuple[int, int]:
    """Year and month, `count` months later (negative: earlier)."""
    years, month_index = divmod(month - 1 + count, 12)
    return year + years, month_index + 1


@lru_cache(maxsize=256)
def holidays(year: int) -> frozenset[date]:
    """Days of `year` on which the exchanges do not settle.

    A holiday on Sunday is kept on Monday and one on Saturday on Friday, but for New Year's Day:
    its Friday is the last business day of December and stays one.
    """
    days = {
        nth_weekday(year, 1, MONDAY, 3),  # Martin Luther King
        nth_weekday(year, 2, MONDAY, 3),  # Presidents
        good_friday(year),
        last_weekday(year, 5, MONDAY),  # Memorial
        _observed(date(year, 7, 4)),
        nth_weekday(year, 9, MONDAY, 1),  # Labor
        thanksgiving(year),
        _observed(date(year, 12, 25)),
    }
    new_year = date(year, 1, 1)
    days.add(new_year if new_year.weekday() == SATURDAY else _observed(new_year))
    if year >= _JUNETEENTH_SINCE:
        days.add(_observed(date(year, 6, 19)))
    return frozenset(days)


def thanksgiving(year: int) -> date:
    return nth_weekday(year, 11, THURSDAY, 4)


def good_friday(year: int) -> date:
    """Two days before Easter by the Gregorian reckoning (golden number, epact, Sunday)."""
    golden = year % 19
    century = year // 100
    epact = (19 * golden + century - century // 4 - (8 * century + 13) // 25 + 15) % 30
    full_moon = epact - epact // 28 * (1 - 29 // (epact + 1) * ((21 - golden) // 11))
    to_sunday = (year + year // 4 + full_moon + 2 - century + century // 4) % 7
    return date(year, 3, 28) + timedelta(days=full_moon - to_sunday - 2)


def _observed(day: date) -> date:
    match day.weekday():
        case 5:
            return day - _DAY
        case 6:
            return day + _DAY
        case _:
            return day
