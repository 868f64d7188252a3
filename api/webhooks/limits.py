"""Token buckets, one for each key, in memory and bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from shared.ports.clock import Clock

KEYS_MAX: Final = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at_s: float


class Buckets:
    """`burst` at once, `rate_per_s` in the long run. A key not seen for long starts full."""

    def __init__(self, rate_per_s: float, burst: int, clock: Clock) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, key: Hashable) -> bool:
        """Take a token; False when there is none."""
        now_s = self._clock.monotonic()
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, now_s))
        self._buckets.move_to_end(key)
        if len(self._buckets) > KEYS_MAX:
            self._buckets.popitem(last=False)
        gained = (now_s - bucket.filled_at_s) * self._rate_per_s
        bucket.tokens = min(self._burst, bucket.tokens + gained)
        bucket.filled_at_s = now_s
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
