"""Windows against a slow oracle that walks the minutes and looks at the clock on the wall."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.gates.hours import outside_hours
from shared.domain.gates.windows import contains, ends_at, flatten_due, opens_at, reached
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.entries import AtEnd, Hours, Window
from tests.unit.domain.gates.builders import NOW, entry

NEW_YORK = "America/New_York"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(start: str, stop: str, *days: int) -> Window:
    chosen = frozenset(days) if days else frozenset(range(1, 8))
    return Window(start=time.fromisoformat(start), stop=time.fromisoformat(stop), days=chosen)


def hours(*windows: Window, zone: str = NEW_YORK, flatten: bool = False) -> Hours:
    at_end = AtEnd.FLATTEN if flatten else AtEnd.BLOCK
    return Hours(zone=zone, windows=windows, at_end=at_end)


def walk(setting: Hours, since: datetime, minutes: int) -> Iterator[tuple[datetime, bool]]:
    """Each minute, and whether a window is open then.

    The clock is pushed back by nobody: while the wall clock repeats an hour it stands still.
    """
    zone = ZoneInfo(setting.zone)
    clock = datetime.min  # noqa: DTZ901 - a wall clock without zone
    for minute in range(-6 * 60, minutes):
        at = since + MINUTE * minute
        clock = max(clock, at.astimezone(zone).replace(tzinfo=None, fold=0))
        if minute >= 0:
            yield at, any(_is_open(each, clock) for each in setting.windows)


def _is_open(each: Window, clock: datetime) -> bool:
    for day in (clock.date() - DAY, clock.date()):
        begin, end = datetime.combine(day, each.start), datetime.combine(day, each.stop)
        if end <= begin:
            end += DAY
        if day.isoweekday() in each.days and begin <= clock < end:
            return True
    return False


# Days on which clocks go forward or back: at two in the night, at midnight, by half an hour, by
# two hours, on a Friday, and where nothing happens.
CHANGES = {
    NEW_YORK: ("2026-03-08", "2026-11-01"),
    "America/Chicago": ("2026-03-08", "2026-11-01"),
    "Europe/London": ("2026-03-29", "2026-10-25"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "Antarctica/Troll": ("2026-03-29", "2026-10-25"),
    "America/Havana": ("2026-03-08", "2026-11-01"),
    "Africa/Cairo": ("2026-04-24", "2026-10-30"),
    "Asia/Tokyo": ("2026-03-08", "2026-11-01"),
}
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]))
early = st.builds(time, st.integers(0, 3), st.sampled_from([0, 15, 30, 45]))
windows = st.builds(
    Window,
    start=times | early,
    stop=times | early,
    days=st.frozensets(st.integers(1, 7)) | st.just(frozenset(range(1, 8))),
)


@st.composite
def moments(draw: st.DrawFn) -> tuple[Hours, datetime]:
    """Some windows, and an instant shortly before a change of the clocks of their zone."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    day = date.fromisoformat(draw(st.sampled_from(CHANGES[zone])))
    since = datetime.combine(day, time(), UTC) - timedelta(minutes=draw(st.integers(0, 1500)))
    several = tuple(draw(st.lists(windows, min_size=1, max_size=3)))
    return Hours(zone=zone, windows=several, at_end=AtEnd.FLATTEN), since


@settings(deadline=None, max_examples=40)  # each walks 30 hours by the minute
@given(moments())
def test_membership_is_what_the_wall_clock_shows(moment: tuple[Hours, datetime]) -> None:
    setting, since = moment
    for at, is_open in walk(setting, since, 30 * 60):
        assert contains(setting, at) is is_open, at


@settings(deadline=None, max_examples=40)  # each walks 30 hours by the minute
@given(moments())
def test_every_flattening_is_an_end_and_the_next_opening_a_beginning(
    moment: tuple[Hours, datetime],
) -> None:
    setting, since = moment
    walked = dict(walk(setting, since, 30 * 60))
    turned_off = [at for at in list(walked)[1:] if not walked[at] and walked[at - MINUTE]]
    turned_on = [at for at in list(walked)[1:] if walked[at] and not walked[at - MINUTE]]
    last = max(walked)
    end = ends_at(setting, since)
    while end is not None and end <= last:
        assert end in turned_off
        assert ends_at(setting, end - MINUTE) == end
        end = ends_at(setting, end)
    for at in turned_on:
        assert opens_at(setting, at - MINUTE) == at


@settings(deadline=None, max_examples=40)
@given(moments(), st.integers(0, 10_000), st.integers(0, 10_000))
def test_what_is_due_does_not_depend_on_how_often_one_looks(
    moment: tuple[Hours, datetime], first: int, second: int
) -> None:
    setting, since = moment
    middle = since + MINUTE * first
    end = middle + MINUTE * second
    parts = [flatten_due(setting, since, middle), flatten_due(setting, middle, end)]
    found = [each for each in parts if each is not None]
    assert flatten_due(setting, since, end) == (max(found) if found else None)


def test_no_window_means_always_and_no_day_means_never() -> None:
    assert contains(hours(), NOW)
    assert ends_at(hours(flatten=True), NOW) is None
    never = Hours(windows=(Window(start=time(9), stop=time(17), days=frozenset()),))
    assert not contains(never, NOW)
    assert opens_at(never, NOW) is None
    assert ends_at(never.model_copy(update={"at_end": AtEnd.FLATTEN}), NOW) is None


def test_the_start_is_in_and_the_stop_is_out() -> None:
    setting = hours(window("09:30", "16:00"))
    assert not contains(setting, utc("2026-11-03 14:29:59.999999"))
    assert contains(setting, utc("2026-11-03 14:30"))
    assert contains(setting, utc("2026-11-03 20:59:59.999999"))
    assert not contains(setting, utc("2026-11-03 21:00"))


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    friday_night = hours(window("22:00", "02:00", 5))
    assert contains(friday_night, utc("2026-11-07 06:59"))  # Saturday 01:59
    assert not contains(friday_night, utc("2026-11-06 06:59"))  # Friday 01:59
    assert contains(hours(window("18:00", "18:00", 5)), utc("2026-11-07 22:59"))


def test_in_spring_the_skipped_hour_is_the_moment_of_the_change() -> None:
    zone, change = ZoneInfo(NEW_YORK), utc("2026-03-08 07:00")
    assert reached(datetime(2026, 3, 8, 2, 0), zone) == change  # noqa: DTZ001 - a wall clock
    assert reached(datetime(2026, 3, 8, 2, 59, 59, 7), zone) == change  # noqa: DTZ001 - the same
    eaten = hours(window("02:15", "02:45"), flatten=True)
    assert not contains(eaten, change)
    assert ends_at(eaten, utc("2026-03-08 00:00")) == utc("2026-03-08 00:00") + timedelta(
        hours=30, minutes=45
    )
    assert contains(hours(window("02:30", "03:30")), change)
    assert not contains(hours(window("02:30", "03:30")), change + timedelta(minutes=30))


def test_in_autumn_the_repeated_hour_counts_from_its_first() -> None:
    setting = hours(window("00:30", "01:30"), flatten=True)
    first, second = utc("2026-11-01 05:30"), utc("2026-11-01 06:30")
    assert contains(setting, first - MINUTE)
    assert not contains(setting, first)
    assert not contains(setting, second - MINUTE)
    assert ends_at(setting, utc("2026-11-01 00:00")) == first
    over = hours(window("01:30", "02:00"))
    assert all(contains(over, first + MINUTE * each) for each in range(90))
    assert not contains(over, first + MINUTE * 90)


def test_only_the_last_window_of_a_day_flattens() -> None:
    setting = hours(window("09:30", "12:00"), window("13:00", "16:00"), flatten=True)
    four = utc("2026-11-03 21:00")
    assert ends_at(setting, utc("2026-11-03 14:00")) == four
    assert ends_at(setting, four) == four + DAY
    assert ends_at(hours(*setting.windows), four) is None


def test_an_end_inside_another_window_ends_nothing() -> None:
    around_the_clock = hours(window("00:00", "00:00"), flatten=True)
    assert ends_at(around_the_clock, NOW) is None
    night = hours(window("20:00", "09:30"), window("09:30", "16:00"), flatten=True)
    assert ends_at(night, utc("2026-11-03 12:00")) == utc("2026-11-03 21:00")
    late = hours(window("09:30", "12:00"), window("14:00", "02:00"), flatten=True)
    assert ends_at(late, utc("2026-11-03 12:00")) == utc("2026-11-04 07:00")


def test_a_scheduler_is_told_once() -> None:
    setting = hours(window("09:30", "16:00"), flatten=True)
    end = utc("2026-11-03 21:00")
    assert flatten_due(setting, end - MINUTE, end - timedelta(microseconds=1)) is None
    assert flatten_due(setting, end - MINUTE, end) == end
    assert flatten_due(setting, end, end + MINUTE) is None
    assert flatten_due(setting, end - DAY * 400, end + MINUTE) == end


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_the_gate_knows_both_settings(zone: str) -> None:
    is_open, is_shut = hours(window("00:00", "00:00")), hours(window("03:00", "04:00"), zone=zone)
    both = {"rules": StrategyRules(hours=is_open), "account": AccountRules(hours=is_open)}
    assert outside_hours(entry(**both)) is None  # type: ignore[arg-type] # two kinds of rules
    own = outside_hours(entry(rules=StrategyRules(hours=is_shut)))
    theirs = outside_hours(entry(account=AccountRules(hours=is_shut)))
    assert own is not None
    assert theirs is not None
    assert (own.code, theirs.code) == ("hours.strategy", "hours.account")
    assert own.detail["zone"] == zone
    assert own.detail["opens"] == "Wed 2026-11-04 03:00"
