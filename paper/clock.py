"""The venue's time: the wall's, or one that stands still until somebody moves it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol

from shared.domain.calendar import CHICAGO

SESSION_ENDS_AT: Final = time(16)  # Chicago; Day orders end then
_SATURDAY: Final = 5


class Clock(Protocol):
    def now(self) -> datetime: ...


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """Moves only by `advance`, so that tests decide when tokens end and days roll."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Raises ValueError for a step back: a venue's time never runs backwards."""
        if by < timedelta(0):
            raise ValueError("time does not run backwards")
        self._now += by


def session_end(at: datetime) -> datetime:
    """The first end of a session after `at`: 16:00 Chicago of a weekday, in UTC."""
    day = at.astimezone(CHICAGO).date()
    while (end := _end_on(day)) <= at or day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return end


def _end_on(day: date) -> datetime:
    return datetime.combine(day, SESSION_ENDS_AT, CHICAGO).astimezone(UTC)
