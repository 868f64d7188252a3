"""Time as a dependency: whoever needs it is given it, so that a simulation can own it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for deadlines. Never compare the one with the other."""

    def now(self) -> datetime:
        """Aware, UTC, microseconds. May jump: only for what is written down or shown."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary instant; never goes back."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait; at least one turn of the loop passes, also for zero."""
        ...
