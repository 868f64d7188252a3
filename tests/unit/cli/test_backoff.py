from itertools import accumulate, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.up.backoff import LONGEST_DELAY_S, STEADY_AFTER_S, Backoff


def test_delays_double_up_to_the_longest() -> None:
    deaths = accumulate(repeat(0.5, 8), lambda known, _: known.died(0.5), initial=Backoff())
    assert [known.delay_s for known in deaths] == pytest.approx(
        [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    )


def test_a_steady_run_starts_over_with_the_first_delay() -> None:
    assert Backoff(7).died(STEADY_AFTER_S).delay_s == pytest.approx(0.1)


@given(st.integers(min_value=0, max_value=10**9), st.floats(min_value=0, max_value=1e9))
def test_a_delay_is_never_longer_than_the_longest(failures: int, uptime_s: float) -> None:
    assert 0 < Backoff(failures).died(uptime_s).delay_s <= LONGEST_DELAY_S
