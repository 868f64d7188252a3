"""The venue's time: the wall's, or one that stands still until somebody moves it."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final, Protocol

from shared.domain.calendar import CHICAGO

REPLAYS_AT: Final = time(16)  # Chicago; when production teams saw the events of a day again
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


def replay_time(at: datetime) -> datetime:
    """The first 16:00 Chicago of a weekday after `at`, in UTC; no product's hours are asked."""
    day = at.astimezone(CHICAGO).date()
    while True:
        replays_at = datetime.combine(day, REPLAYS_AT, CHICAGO).astimezone(UTC)
        if replays_at > at and day.weekday() < _SATURDAY:
            return replays_at
        day += timedelta(days=1)
