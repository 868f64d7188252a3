"""The requests one login may make, and who goes without when they are few.

A bucket that fills at the broker's hourly rate, and the hour itself. Each class of call leaves a
share of both for the classes above, and exits may always draw: a fifth is theirs alone. 5,000
requests an hour are allowed to a user (Tradovate partner page "Rate Limits"), about 80 a minute is
what copiers report to be safe in a burst.

The bucket is this process's. The hour is everybody's: `spend` enters what was drawn here in the
shared record and says what that record holds. Drawing never waits for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from shared.ports.broker import Priority
from shared.ports.clock import Clock

REQUESTS_PER_HOUR: Final = 4_500.0  # the rest is the user's own, who shares it with us
BURST: Final = 80.0
HOUR_S: Final = 3_600.0
SLOT_S: Final = 60.0  # the record counts by minutes: room comes back one minute at a time
# What a class leaves for those above it, of the bucket and of the hour.
_LEAVES: Final[Mapping[Priority, float]] = {
    Priority.EXIT: float("-inf"),
    Priority.RESOLUTION: 0.20,
    Priority.PROTECTION: 0.25,
    Priority.ENTRY: 0.30,
    Priority.RECONCILE: 0.45,
    Priority.RECORDING: 0.60,
}

Unsaved = Mapping[int, int]  # requests by the slot of the monotonic clock they were drawn in


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
        self.metered = metered
        self._clock = clock
        self._per_hour = per_hour
        self._burst = burst
        self._left = burst
        self._at_s = clock.monotonic()
        self._unsaved: Counter[int] = Counter()
        self._recorded = 0
        self._recorded_at_s = float("-inf")

    def draw(self, priority: Priority, requests: int = 1) -> float:
        """0: drawn, go. Else nothing was drawn, and it is so many seconds until something is."""
        wait_s = self.lacks(priority, requests)
        if self.metered and wait_s == 0:
            # Exits overdraw by a bucket at most: what they take others wait for.
            self._left = max(self._left - requests, -self._burst)
            self._unsaved[int(self._at_s // SLOT_S)] += requests
        return wait_s

    def lacks(self, priority: Priority, requests: int = 1) -> float:
        """What `draw` would answer, and nothing is drawn."""
        if not self.metered:
            return 0.0
        now_s = self._clock.monotonic()
        per_s = self._per_hour / HOUR_S
        self._left = min(self._burst, self._left + (now_s - self._at_s) * per_s)
        self._at_s = now_s
        if self.hour_spent() + requests > self._per_hour * (1 - _LEAVES[priority]):
            return SLOT_S
        floor = self._burst * _LEAVES[priority]
        return max(0.0, floor + requests - self._left) / per_s

    def hour_spent(self) -> int:
        """Requests of the last hour, as far as this process knows.

        What the record said is believed for an hour: it may be away for longer.
        """
        self._forget()
        known = self._clock.monotonic() - self._recorded_at_s < HOUR_S
        return (self._recorded if known else 0) + self._unsaved.total()

    # --- the shared record ---
    def unsaved(self) -> Unsaved:
        """Drawn here and not yet known to be in the record."""
        self._forget()
        return dict(self._unsaved)

    def saved(self, these: Unsaved, hour_total: int) -> None:
        """`these` are in the record now, which holds `hour_total` of the last hour."""
        self._unsaved.subtract(these)
        self._unsaved = +self._unsaved
        self._recorded = hour_total
        self._recorded_at_s = self._clock.monotonic()

    def _forget(self) -> None:
        """While the record is away for long, an hour is enough to remember."""
        oldest = int((self._clock.monotonic() - HOUR_S) // SLOT_S)
        for slot in [slot for slot in self._unsaved if slot < oldest]:
            del self._unsaved[slot]
