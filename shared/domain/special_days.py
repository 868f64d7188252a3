"""Which days of a year the exchanges treat specially, and what kind of day each is."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

from shared.domain.business_days import FRIDAY, SATURDAY, good_friday, holidays, thanksgiving

_MOURNING: Final = frozenset({date(2025, 1, 9)})  # for a president; decreed ten days ahead
_FIRST_WEEK: Final = range(1, 8)
_APRIL, _JULY, _DECEMBER = 4, 7, 12
_DAY: Final = timedelta(days=1)


class SpecialDay(StrEnum):
    """A day with hours of its own: a row of `shared.domain.session_table`."""

    HOLIDAY = "holiday"
    HOLIDAY_FRIDAY = "holiday_friday"
    INDEPENDENCE = "independence"
    THANKSGIVING = "thanksgiving"
    CLOSED = "closed"
    GOOD_FRIDAY = "good_friday"
    GOOD_FRIDAY_REPORT = "good_friday_report"
    JULY_3 = "july_3"
    DAY_AFTER_THANKSGIVING = "day_after_thanksgiving"
    CHRISTMAS_EVE = "christmas_eve"
    MOURNING_2025 = "mourning_2025"


@lru_cache(maxsize=4096)
def special_day(day: date) -> SpecialDay | None:
    """What `day` is, or None for an ordinary one; weekends are ordinary."""
    if day.weekday() >= SATURDAY:
        return None
    return _holiday(day) if day in holidays(day.year) else _beside_a_holiday(day)


def trading_day(day: date) -> date:
    """`day`, or the next day that has a settlement of its own.

    What trades on a holiday counts for the next day. A Good Friday with a morning session keeps
    its date: the exchange calls that a close, not a halt (unverified).
    """
    while day.weekday() >= SATURDAY or (
        day in holidays(day.year) and special_day(day) is not SpecialDay.GOOD_FRIDAY_REPORT
    ):
        day += _DAY
    return day


def _holiday(day: date) -> SpecialDay:
    if day == good_friday(day.year):
        report = day.month == _APRIL and day.day in _FIRST_WEEK
        return SpecialDay.GOOD_FRIDAY_REPORT if report else SpecialDay.GOOD_FRIDAY
    if day == thanksgiving(day.year):
        return SpecialDay.THANKSGIVING
    if day.month == _DECEMBER or (day.month == 1 and day.day in _FIRST_WEEK):
        return SpecialDay.CLOSED  # Christmas and New Year, or the day they are kept on
    if day.weekday() == FRIDAY:
        return SpecialDay.HOLIDAY_FRIDAY
    return SpecialDay.INDEPENDENCE if day.month == _JULY else SpecialDay.HOLIDAY


def _beside_a_holiday(day: date) -> SpecialDay | None:
    if day in _MOURNING:
        return SpecialDay.MOURNING_2025
    if day - _DAY == thanksgiving(day.year):
        return SpecialDay.DAY_AFTER_THANKSGIVING
    match day.month, day.day:
        case 7, 3:
            return SpecialDay.JULY_3
        case 12, 24:
            return SpecialDay.CHRISTMAS_EVE
        case _:
            return None
