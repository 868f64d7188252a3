"""Daily and weekly limits: golden paths, midnight, and the week that begins on Sunday evening."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.calendar import trade_date
from shared.domain.risk.limits import LimitKind, Mark, Reached, observe, room_usd, week_of
from shared.domain.rules.limits import Limits

MONDAY = date(2026, 11, 2)
LIMITS = Limits(
    daily_loss_usd=Decimal(500),
    daily_profit_usd=Decimal(800),
    weekly_loss_usd=Decimal(1200),
    weekly_profit_usd=Decimal(3000),
)
NOTHING: frozenset[Reached] = frozenset()


def mark(day: int, day_usd: int, week_usd: int) -> Mark:
    return Mark(MONDAY + timedelta(days=day), Decimal(day_usd), Decimal(week_usd))


def kinds(reached: frozenset[Reached]) -> set[LimitKind]:
    return {each.kind for each in reached}


def test_reached_to_the_dollar_and_not_before() -> None:
    assert kinds(observe(NOTHING, LIMITS, mark(0, -499, -499))) == set()
    assert kinds(observe(NOTHING, LIMITS, mark(0, -500, -500))) == {LimitKind.DAILY_LOSS}
    assert kinds(observe(NOTHING, LIMITS, mark(0, 800, 800))) == {LimitKind.DAILY_PROFIT}


def test_a_day_stays_over_until_the_next() -> None:
    reached = observe(NOTHING, LIMITS, mark(0, -500, -500))
    assert kinds(observe(reached, LIMITS, mark(0, 100, 100))) == {LimitKind.DAILY_LOSS}
    assert kinds(observe(reached, LIMITS, mark(1, 0, -500))) == set()


def test_a_week_stays_over_until_the_next() -> None:
    reached = observe(NOTHING, LIMITS, mark(2, -100, -1200))
    assert kinds(observe(reached, LIMITS, mark(4, 900, 0))) == {
        LimitKind.WEEKLY_LOSS,
        LimitKind.DAILY_PROFIT,
    }
    assert kinds(observe(reached, LIMITS, mark(7, 0, 0))) == set()


def test_a_raised_limit_does_not_undo_what_was_reached() -> None:
    reached = observe(NOTHING, LIMITS, mark(0, -500, -500))
    looser = Limits(daily_loss_usd=Decimal(5000))
    assert kinds(observe(reached, looser, mark(0, -500, -500))) == {LimitKind.DAILY_LOSS}


def test_a_limit_of_zero_is_a_limit() -> None:
    assert kinds(observe(NOTHING, Limits(daily_loss_usd=Decimal(0)), mark(0, 0, 0))) == {
        LimitKind.DAILY_LOSS
    }


def test_the_room_is_the_nearest_limit() -> None:
    assert room_usd(LIMITS, mark(0, -100, -900)) == 300
    assert room_usd(LIMITS, mark(0, 50, 50)) == 550
    assert room_usd(Limits(), mark(0, -100, -900)) is None


def test_sunday_evening_trades_for_the_new_week_on_both_clock_changes() -> None:
    for sunday in (date(2026, 3, 8), date(2026, 11, 1)):
        at = datetime.combine(sunday, datetime.min.time(), UTC) + timedelta(hours=23, minutes=30)
        assert trade_date(at) == sunday + timedelta(days=1)
        assert week_of(trade_date(at)) == sunday + timedelta(days=1)


@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(-2000, 2000)), max_size=30),
    cut=st.integers(0, 30),
)
def test_a_restart_at_any_point_forgets_nothing(steps: list[tuple[int, int]], cut: int) -> None:
    day, path = 0, []
    for step, usd in steps:
        day += step
        path.append(mark(day, usd, usd))
    whole = NOTHING
    for each in path:
        whole = observe(whole, LIMITS, each)
    stored = NOTHING
    for number, each in enumerate(path):
        if number == cut:
            stored = frozenset(Reached(r.kind, r.period, r.limit_usd, r.result_usd) for r in stored)
        stored = observe(stored, LIMITS, each)
    assert stored == whole
