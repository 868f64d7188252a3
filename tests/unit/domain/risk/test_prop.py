"""Golden day paths of each prop rule type, in dollars a trader can follow."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.risk.prop import (
    PropMark,
    PropState,
    day_result_usd,
    floor_usd,
    leave_in_time,
    observe,
    refusal_of,
    room_usd,
    started,
)
from shared.domain.rules.prop import DrawdownKind, PropRules

MONDAY = date(2026, 11, 2)


def rules(kind: DrawdownKind = DrawdownKind.INTRADAY, **more: object) -> PropRules:
    values = {"name": "50K", "start_balance_usd": "50000", "drawdown_usd": "2500", **more}
    return PropRules.model_validate({**values, "drawdown_kind": kind})


def walk(state: PropState, by: PropRules, *marks: tuple[int, int, int]) -> PropState:
    """Marks as (day number, balance, open P&L)."""
    for day, balance, open_usd in marks:
        mark = PropMark(MONDAY + timedelta(days=day), Decimal(balance), Decimal(open_usd))
        state = observe(state, by, mark)
    return state


def test_an_intraday_floor_follows_open_profit_and_never_falls() -> None:
    by = rules()
    state = walk(started(by, MONDAY), by, (0, 50000, 1200), (0, 50000, 200))
    assert floor_usd(state, by) == 48700
    assert room_usd(state, by) == 1500
    assert walk(state, by, (0, 48700, 1)).breach is None
    assert walk(state, by, (0, 48700, 0)).breach == "prop.drawdown"


def test_an_end_of_day_floor_moves_with_the_closed_day_only() -> None:
    by = rules(DrawdownKind.END_OF_DAY)
    state = walk(started(by, MONDAY), by, (0, 50000, 3000), (0, 51000, 0))
    assert floor_usd(state, by) == 47500
    state = walk(state, by, (1, 51000, 0))
    assert floor_usd(state, by) == 48500
    state = walk(state, by, (1, 49000, 0), (2, 49000, 0))
    assert floor_usd(state, by) == 48500
    assert state.days == {MONDAY: 1000, MONDAY + timedelta(days=1): -2000}


def test_a_static_floor_never_moves() -> None:
    by = rules(DrawdownKind.STATIC)
    state = walk(started(by, MONDAY), by, (0, 56000, 0), (1, 56000, 4000))
    assert floor_usd(state, by) == 47500


def test_the_lock_level_stops_the_floor() -> None:
    by = rules(lock_at_usd="50100")
    state = walk(started(by, MONDAY), by, (0, 50000, 2600))
    assert floor_usd(state, by) == 50100
    assert floor_usd(walk(state, by, (0, 60000, 0)), by) == 50100


def test_a_breach_is_for_good() -> None:
    by = rules()
    state = walk(started(by, MONDAY), by, (0, 50000, -2500), (0, 58000, 0), (9, 58000, 0))
    assert state.breach == "prop.drawdown"
    assert refusal_of(state, by) == "prop.drawdown"


def test_a_daily_loss_stops_its_day_whatever_comes_after() -> None:
    by = rules(daily_loss_usd="1000")
    state = walk(started(by, MONDAY), by, (0, 50000, -1000), (0, 50400, 0))
    assert refusal_of(state, by) == "prop.daily_loss"
    state = walk(state, by, (1, 50400, 0))
    assert refusal_of(state, by) is None
    assert day_result_usd(state) == 0
    assert room_usd(state, by) == 1000


def test_the_target_and_the_consistency_of_days() -> None:
    by = rules(profit_target_usd="3000", consistency_percent="50")
    state = walk(started(by, MONDAY), by, (0, 51499, 0))
    assert refusal_of(state, by) is None
    assert refusal_of(walk(state, by, (0, 51500, 0)), by) == "prop.consistency"
    state = walk(state, by, (0, 51499, 0), (1, 51499, 0))
    assert refusal_of(state, by) is None
    assert refusal_of(walk(state, by, (1, 52998, 2)), by) == "prop.target_reached"


def test_a_floor_that_rose_above_a_stop_closes_in_time() -> None:
    """1,000 to the stop, 2,500 to the floor; 2,000 up, the floor has passed the stop."""
    by = rules(on_reached="flatten")
    state = walk(started(by, MONDAY), by, (0, 50000, 2000))
    assert floor_usd(state, by) == 49500  # at the stop it would be 49,000
    state = leave_in_time(walk(state, by, (0, 50000, -489)), by, Decimal(10))
    assert refusal_of(state, by) is None
    state = leave_in_time(walk(state, by, (0, 50000, -490)), by, Decimal(10))
    assert refusal_of(state, by) == "prop.left_in_time"
    state = walk(state, by, (0, 49503, 0))  # closed: it cost less than was allowed
    assert (state.breach, refusal_of(state, by)) == (None, "prop.left_in_time")
    assert refusal_of(walk(state, by, (1, 49503, 0)), by) is None


def test_the_days_loss_is_left_in_time_too_and_nothing_is_left_twice() -> None:
    by = rules(daily_loss_usd="1000", on_reached="flatten")
    near = walk(started(by, MONDAY), by, (0, 50000, -990))
    assert leave_in_time(near, by, Decimal(10)).left_on == MONDAY
    assert leave_in_time(near, by, Decimal(9)).left_on is None
    over = walk(near, by, (0, 50000, -1000))
    assert leave_in_time(over, by, Decimal(10)).left_on is None
    flat = leave_in_time(near, by, Decimal(0))
    assert flat.left_on is None


def test_rules_that_only_block_leave_nothing() -> None:
    by = rules()
    near = walk(started(by, MONDAY), by, (0, 50000, -2499))
    assert leave_in_time(near, by, Decimal(10)) == near


def test_a_position_carried_over_the_days_end() -> None:
    """The new day begins with the balance: a loss that is carried is a loss of the new day."""
    by = rules(DrawdownKind.END_OF_DAY, daily_loss_usd="1000")
    state = walk(started(by, MONDAY), by, (0, 50600, -700))
    assert day_result_usd(state) == -100
    state = walk(state, by, (1, 50600, -700))
    assert day_result_usd(state) == -700
    assert floor_usd(state, by) == 48100  # the closed day's balance, less the drawdown
    assert refusal_of(walk(state, by, (1, 50600, -1000)), by) == "prop.daily_loss"
    state = walk(state, by, (1, 49900, 0), (2, 49900, 0))  # closed for 700, of which the day tells
    assert state.days == {MONDAY: 600, MONDAY + timedelta(days=1): -700}
    assert day_result_usd(state) == 0
    assert floor_usd(state, by) == 48100


def test_an_intraday_floor_keeps_what_a_carried_position_had_gained() -> None:
    by = rules()
    state = walk(started(by, MONDAY), by, (0, 50000, 1500), (1, 50000, 1400), (1, 50000, 200))
    assert floor_usd(state, by) == 49000
    assert refusal_of(walk(state, by, (2, 50000, -1000)), by) == "prop.drawdown"


marks = st.lists(
    st.tuples(st.integers(0, 1), st.integers(46_000, 56_000), st.integers(-2_000, 2_000)),
    max_size=40,
)


@pytest.mark.parametrize("kind", DrawdownKind)
@settings(suppress_health_check=[HealthCheck.too_slow])  # the clock of a busy machine
@given(steps=marks, cut=st.integers(0, 40))
def test_a_restart_at_any_point_forgets_nothing(
    kind: DrawdownKind, steps: list[tuple[int, int, int]], cut: int
) -> None:
    by = rules(kind, daily_loss_usd="1000", lock_at_usd="50100")
    day, path = 0, []
    for step, balance, open_usd in steps:
        day += step
        path.append((day, balance, open_usd))
    whole = walk(started(by, MONDAY), by, *path)
    halfway = walk(started(by, MONDAY), by, *path[:cut])
    stored = PropState(
        halfway.peak_usd,
        halfway.day_start_usd,
        halfway.last,
        dict(halfway.days),
        halfway.breach,
        halfway.day_stopped,
    )
    assert walk(stored, by, *path[cut:]) == whole


@pytest.mark.parametrize("kind", DrawdownKind)
@settings(suppress_health_check=[HealthCheck.too_slow])  # the clock of a busy machine
@given(steps=marks)
def test_the_floor_never_falls_and_the_room_is_honest(
    kind: DrawdownKind, steps: list[tuple[int, int, int]]
) -> None:
    by = rules(kind, lock_at_usd="50100")
    state, day = started(by, MONDAY), 0
    floor = floor_usd(state, by)
    for step, balance, open_usd in steps:
        day += step
        state = walk(state, by, (day, balance, open_usd))
        assert floor_usd(state, by) >= floor
        floor = floor_usd(state, by)
        assert floor <= 50100
        if state.breach is None:
            assert room_usd(state, by) > 0
