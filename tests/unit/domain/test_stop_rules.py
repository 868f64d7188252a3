"""Break-even and trailing: a stop only ever tightens, and never stands at the market."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.instruments import product_of
from shared.domain.order import Action
from shared.domain.price import is_on_tick
from shared.domain.rules.bracket import BreakEven, Stop, Trail
from shared.domain.stop_rules import Ride, tighter

NQ = product_of("NQ")
LONG = Ride(Action.BUY, Decimal(20000), Decimal(19990), Decimal(20000))
SHORT = Ride(Action.SELL, Decimal(20000), Decimal(20010), Decimal(20000))
EVEN = Stop(at=Decimal(40), break_even=BreakEven(after_ticks=20, plus_ticks=2))
TRAIL = Stop(at=Decimal(40), trail=Trail(distance=Decimal(40), trigger=Decimal(20), step_ticks=4))


@pytest.mark.parametrize(
    ("rule", "ride", "now", "expected"),
    [
        (EVEN, LONG, "20004.75", None),
        (EVEN, LONG, "20005", "20000.50"),
        (EVEN, SHORT, "19995", "19999.50"),
        (EVEN, SHORT, "19995.25", None),
        (TRAIL, LONG, "20004.75", None),
        (TRAIL, LONG, "20005", "19995"),
        (TRAIL, LONG, "20005.75", "19995"),
        (TRAIL, LONG, "20006", "19996"),
        (TRAIL, SHORT, "19990", "20000"),
    ],
)
def test_moves(rule: Stop, ride: Ride, now: str, expected: str | None) -> None:
    found = tighter(rule, replace(ride, price_now=Decimal(now)), NQ)
    assert found == (None if expected is None else Decimal(expected))


def test_the_tighter_of_both_rules_wins() -> None:
    both = Stop(at=Decimal(40), break_even=EVEN.break_even, trail=TRAIL.trail)
    assert tighter(both, replace(LONG, price_now=Decimal(20005)), NQ) == Decimal("20000.50")
    assert tighter(both, replace(LONG, price_now=Decimal(20020)), NQ) == Decimal(20010)


def test_an_average_between_ticks_breaks_even_without_loss() -> None:
    odd = replace(LONG, entry_price=Decimal("20000.10"), price_now=Decimal(20010))
    assert tighter(replace_plus(0), odd, NQ) == Decimal("20000.25")


def replace_plus(ticks: int) -> Stop:
    return Stop(at=Decimal(40), break_even=BreakEven(after_ticks=20, plus_ticks=ticks))


@given(
    entry=st.sampled_from(list(Action)),
    path=st.lists(st.integers(-200, 200), max_size=30),
    distance=st.integers(1, 100),
    trigger=st.integers(0, 100),
    step=st.integers(1, 10),
    after=st.integers(2, 100),
)
def test_along_any_path_it_only_tightens(
    entry: Action, path: list[int], distance: int, trigger: int, step: int, after: int
) -> None:
    rule = Stop(
        at=Decimal(50),
        trail=Trail(distance=Decimal(distance), trigger=Decimal(trigger), step_ticks=step),
        break_even=BreakEven(after_ticks=after, plus_ticks=1),
    )
    stop = Decimal(20000) - entry.sign * 50 * NQ.tick_size
    for ticks in path:
        now = Decimal(20000) + ticks * NQ.tick_size
        moved = tighter(rule, Ride(entry, Decimal(20000), stop, now), NQ)
        if moved is not None:
            assert (moved - stop) * entry.sign > 0
            assert (now - moved) * entry.sign > 0
            assert is_on_tick(moved, NQ.tick_size)
            stop = moved
