"""Request quotas of the broker: each user's and each address's, answered 429 when spent.

Current figures of the partner site ("Rate Limits"). The first tier counts a login's requests (or
an address's, before it has logged in); the second counts some endpoints per address in a rolling
hour, some of them failures only.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Final


@dataclass(frozen=True, slots=True)
class Quota:
    most: int
    within: timedelta
    failures_only: bool = False


_SECOND, _MINUTE, _HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
USER_QUOTAS: Final = (Quota(5000, _SECOND), Quota(5000, _MINUTE), Quota(5000, _HOUR))
ANONYMOUS_QUOTAS: Final = (Quota(100, _SECOND), Quota(1000, _MINUTE), Quota(1000, _HOUR))
ENDPOINT_QUOTAS: Final = {
    "auth/accesstokenrequest": Quota(5, _HOUR, failures_only=True),
    "auth/renewaccesstoken": Quota(15, _HOUR),
    "auth/me": Quota(10, _HOUR, failures_only=True),
    "user/syncrequest": Quota(300, _HOUR),
    "order/dryrun": Quota(500, _HOUR),
}
_KEYS_MAX: Final = 10_000


@dataclass(slots=True)
class Gate:
    """Counts by key. Keys beyond `_KEYS_MAX` push the oldest out."""

    _seen: dict[str, deque[datetime]] = field(default_factory=dict)

    def admits(self, endpoint: str, user_id: int | None, address: str, now: datetime) -> bool:
        """Whether a request may pass; one that may is counted, one that may not is not."""
        quotas = ANONYMOUS_QUOTAS if user_id is None else USER_QUOTAS
        who = f"address {address}" if user_id is None else f"user {user_id}"
        special = ENDPOINT_QUOTAS.get(endpoint)
        key = f"{endpoint} {address}"
        if any(self._count(who, quota, now) >= quota.most for quota in quotas):
            return False
        if special is not None and self._count(key, special, now) >= special.most:
            return False
        self._note(who, now)
        if special is not None and not special.failures_only:
            self._note(key, now)
        return True

    def failed(self, endpoint: str, address: str, now: datetime) -> None:
        """A request was answered with an error; counted where only those count."""
        special = ENDPOINT_QUOTAS.get(endpoint)
        if special is not None and special.failures_only:
            self._note(f"{endpoint} {address}", now)

    def _count(self, key: str, quota: Quota, now: datetime) -> int:
        seen = self._seen.get(key)
        if seen is None:
            return 0
        while seen and seen[0] <= now - _HOUR:
            seen.popleft()
        if quota.within == _HOUR:
            return len(seen)
        recent = takewhile(lambda at: at > now - quota.within, reversed(seen))
        return sum(1 for _ in islice(recent, quota.most))

    def _note(self, key: str, now: datetime) -> None:
        if key not in self._seen and len(self._seen) >= _KEYS_MAX:
            del self._seen[next(iter(self._seen))]
        self._seen.setdefault(key, deque()).append(now)
