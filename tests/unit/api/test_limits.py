"""Token buckets and growing delays, without waiting for them."""

from __future__ import annotations

from datetime import UTC, datetime

from api.security.throttle import DELAY_S_MAX, FREE_TRIES, Tries, wait_s
from api.webhooks import limits
from api.webhooks.limits import Buckets


class StillClock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)

    def monotonic(self) -> float:
        return self.at_s

    async def sleep(self, delay_s: float) -> None:
        self.at_s += delay_s


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = StillClock()
    buckets = Buckets(2, 3, clock)
    assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]
    assert buckets.take("b")
    clock.at_s += 0.5
    assert [buckets.take("a") for _ in range(2)] == [True, False]
    clock.at_s += 1000
    assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]


def test_buckets_are_bounded_and_forget_the_longest_unseen() -> None:
    buckets = Buckets(0.001, 1, StillClock())
    for number in range(limits.KEYS_MAX + 1):
        assert buckets.take(number)
    assert not buckets.take(limits.KEYS_MAX)
    assert buckets.take(0)


def test_the_first_tries_are_free_and_later_ones_wait_longer_and_longer() -> None:
    assert wait_s(Tries(0, None)) == 0
    assert wait_s(Tries(FREE_TRIES - 1, 0.0)) == 0
    waits = [wait_s(Tries(FREE_TRIES + over, 0.0)) for over in range(12)]
    assert waits == sorted(waits)
    assert waits[0] > 0
    assert waits[-1] <= DELAY_S_MAX + 1
    assert wait_s(Tries(FREE_TRIES + 12, DELAY_S_MAX)) == 0
