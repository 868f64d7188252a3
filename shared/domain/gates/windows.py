"""Time windows on a wall clock, as stretches of real time.

A wall time stands for the first instant at which the zone's clock has reached it. So a time that
is skipped when the clocks go forward stands for the moment of the change (a window that lies in
the gap is empty that day), and one that comes twice when they go back stands for its first
(a window over the change is one stretch, an hour longer on the watch of a traveller).

Windows of one setting are joined: an end inside another window ends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from shared.domain.rules.entries import AtEnd, Hours, Window

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
# A weekly window comes again within a week, or within two where a change of the clocks ate it.
_DAYS_AHEAD_MAX: Final = 15

_Stretch = tuple[datetime, datetime]


def contains(hours: Hours, at: datetime) -> bool:
    """Whether entries are taken at that instant; no window means always."""
    if not hours.windows:
        return True
    zone = ZoneInfo(hours.zone)
    today = at.astimezone(zone).date()
    return any(
        begin <= at < end
        for day in (today - _DAY, today)
        for begin, end in _stretches(hours, day, zone)
    )


def opens_at(hours: Hours, after: datetime) -> datetime | None:
    """The first instant after `after` at which a window opens, in UTC; None when none does."""
    zone = ZoneInfo(hours.zone)
    today = after.astimezone(zone).date()
    for ahead in range(_DAYS_AHEAD_MAX):
        begins = [begin for begin, _ in _stretches(hours, today + _DAY * ahead, zone)]
        later = [begin for begin in begins if begin > after]
        if later:
            return min(later)
    return None


def ends_at(hours: Hours, after: datetime) -> datetime | None:
    """When positions must next be flattened: the first such instant after `after`, in UTC.

    Of the windows that begin on one day it is the end of the last, those left out whose end lies
    in another window. None where nothing is to be flattened.
    """
    if hours.at_end is not AtEnd.FLATTEN:
        return None
    zone = ZoneInfo(hours.zone)
    today = after.astimezone(zone).date()
    days = [today + _DAY * ahead for ahead in range(-1, _DAYS_AHEAD_MAX)]
    lasts = [_last_end(hours, day, zone) for day in days]
    return min((end for end in lasts if end is not None and end > after), default=None)


def _last_end(hours: Hours, day: date, zone: ZoneInfo) -> datetime | None:
    ends = (end for _, end in _stretches(hours, day, zone))
    return max((end for end in ends if not contains(hours, end)), default=None)


def flatten_due(hours: Hours, last: datetime, now: datetime) -> datetime | None:
    """The newest end after `last` and not after `now` at which positions had to be flat.

    `last` is up to where a scheduler has looked. What was missed longer ago than two weeks is
    forgotten. The instant names the end, so that acting on it twice can be told.
    """
    due: datetime | None = None
    end = ends_at(hours, max(last, now - _DAY * _DAYS_AHEAD_MAX))
    while end is not None and end <= now:
        due, end = end, ends_at(hours, end)
    return due


def _stretches(hours: Hours, day: date, zone: ZoneInfo) -> Iterator[_Stretch]:
    """The windows that begin on `day`, those that a change of the clocks ate left out."""
    for window in hours.windows:
        if day.isoweekday() in window.days:
            begin, end = _stretch(window, day, zone)
            if begin < end:
                yield begin, end


def _stretch(window: Window, day: date, zone: ZoneInfo) -> _Stretch:
    stop_day = day + _DAY if window.stop <= window.start else day
    return (
        reached(datetime.combine(day, window.start), zone),
        reached(datetime.combine(stop_day, window.stop), zone),
    )


@lru_cache(maxsize=8192)
def reached(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, at which the zone's clock shows `wall` or later."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _clock(instant, zone) == wall:
        return instant
    # In a gap: `fold` 1 reads it with the offset after the change, which gives an instant before.
    whole = wall.replace(microsecond=0)
    before = whole.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = whole.replace(tzinfo=zone, fold=0).astimezone(UTC)
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if _clock(middle, zone) >= whole:
            after = middle
        else:
            before = middle
    return after


def _clock(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
