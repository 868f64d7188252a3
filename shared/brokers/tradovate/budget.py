"""The requests one login may make, and who goes without when they are few.

A bucket that fills at the broker's hourly rate. Each class of call leaves a share of it for the
classes above, and exits may always draw: a fifth of the bucket is theirs alone. 5,000 requests an
hour are allowed to a user (Tradovate partner page "Rate Limits"), about 80 a minute is what
copiers report to be safe in a burst.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.ports.broker import Priority
from shared.ports.clock import Clock

REQUESTS_PER_HOUR: Final = 4_500.0  # the rest is the user's own, who shares it with us
BURST: Final = 80.0
# What a class leaves in the bucket for those above it.
_LEAVES: Final[Mapping[Priority, float]] = {
    Priority.EXIT: float("-inf"),
    Priority.RESOLUTION: 0.20,
    Priority.PROTECTION: 0.25,
    Priority.ENTRY: 0.30,
    Priority.RECONCILE: 0.45,
    Priority.RECORDING: 0.60,
}


class RequestBudget:
    """All calls of one login draw here, over socket and HTTP alike."""

    def __init__(
        self,
        clock: Clock,
        *,
        metered: bool,
        per_hour: float = REQUESTS_PER_HOUR,
        burst: float = BURST,
    ) -> None:
        self._clock = clock
        self._metered = metered
        self._per_s = per_hour / 3_600.0
        self._burst = burst
        self._left = burst
        self._at_s = clock.monotonic()

    def draw(self, priority: Priority) -> float:
        """0: drawn, go. Else nothing was drawn, and it is so many seconds until something is."""
        if not self._metered:
            return 0.0
        now_s = self._clock.monotonic()
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        floor = self._burst * _LEAVES[priority]
        if self._left - 1.0 >= floor:
            # Exits overdraw by a bucket at most: what they take others wait for.
            self._left = max(self._left - 1.0, -self._burst)
            return 0.0
        return (floor + 1.0 - self._left) / self._per_s
