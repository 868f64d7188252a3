"""A thing that may be away: said once when it goes, once when it comes back."""

from __future__ import annotations

import random
from typing import Final

from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

BACKOFF_S_MIN: Final = 0.05
BACKOFF_S_MAX: Final = 2.0


class Outage:
    """Counts failures in a row; logs only the first and the recovery."""

    def __init__(self, what: str, clock: Clock) -> None:
        self._what = what
        self._clock = clock
        self._failures = 0
        self._since_s = 0.0

    @property
    def is_on(self) -> bool:
        return self._failures > 0

    def failed(self, error: BaseException) -> None:
        if self._failures == 0:
            self._since_s = self._clock.monotonic()
            _log.warning("dependency_away", what=self._what, error=repr(error))
        self._failures += 1

    def worked(self) -> None:
        if self._failures:
            lasted_s = round(self._clock.monotonic() - self._since_s, 3)
            _log.info("dependency_back", what=self._what, lasted_s=lasted_s)
        self._failures = 0

    async def pause(self) -> None:
        """Wait before the next try: doubling, bounded, and not in step with other processes."""
        longest = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2 ** min(self._failures, 10))
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        await self._clock.sleep(longest * jitter)
