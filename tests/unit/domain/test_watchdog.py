"""Silence is counted in hours in which the strategy's market was open, and told once."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from shared.domain.rules import Watchdog
from shared.domain.watchdog import NOT_BY, QUIET, Silence, silences

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FRIDAY = datetime(2026, 11, 6, 21, tzinfo=UTC)  # an hour before the weekend
SUNDAY = datetime(2026, 11, 8, 23, tzinfo=UTC)  # the opening
LONG_AGO = FRIDAY - 300 * DAY
TWO_HOURS = Watchdog(quiet_s=7_200)
BY_TEN = Watchdog(due_by=time(10))


@pytest.mark.parametrize(
    ("now", "is_quiet"),
    [
        (FRIDAY + HOUR, False),
        (FRIDAY + 30 * HOUR, False),
        (SUNDAY + HOUR - timedelta(seconds=1), False),
        (SUNDAY + HOUR, True),
        (SUNDAY + 6 * DAY, True),
        (SUNDAY + 7 * DAY, False),  # told, and the telling may be forgotten by now
    ],
)
def test_a_weekend_is_no_silence(now: datetime, is_quiet: bool) -> None:
    found = silences(TWO_HOURS, "NQ1!", FRIDAY, LONG_AGO, now)
    assert found == ((Silence(QUIET, FRIDAY, None),) if is_quiet else ())


def test_a_change_of_the_strategy_begins_the_count_anew() -> None:
    assert silences(TWO_HOURS, "NQ1!", FRIDAY, SUNDAY, SUNDAY + HOUR) == ()
    assert silences(TWO_HOURS, "NQ1!", None, SUNDAY, SUNDAY + 2 * HOUR) == (
        Silence(QUIET, SUNDAY, None),
    )


def test_the_longest_silence_can_be_reached() -> None:
    longest, told = Watchdog(quiet_s=31 * 86_400), 0
    for day in range(70):
        told += len(silences(longest, None, None, FRIDAY, FRIDAY + day * DAY))
    assert 6 <= told <= 8


MONDAY_TEN = datetime(2026, 11, 9, 15, tzinfo=UTC)  # 10:00 in New York


@pytest.mark.parametrize(
    ("heard_at", "now", "is_missed"),
    [
        (FRIDAY, MONDAY_TEN - timedelta(seconds=1), False),
        (FRIDAY, MONDAY_TEN, True),
        (None, MONDAY_TEN + 13 * HOUR, True),
        (MONDAY_TEN - 9 * HOUR, MONDAY_TEN, False),
        (MONDAY_TEN + HOUR, MONDAY_TEN + 2 * HOUR, False),
        (FRIDAY, MONDAY_TEN - DAY, False),  # Sunday morning
        (FRIDAY, MONDAY_TEN - 2 * DAY, False),
    ],
)
def test_none_by_a_time_of_day_on_a_day_of_trading(
    heard_at: datetime | None, now: datetime, is_missed: bool
) -> None:
    found = silences(BY_TEN, "NQ1!", heard_at, LONG_AGO, now)
    assert found == ((Silence(NOT_BY, MONDAY_TEN, MONDAY_TEN),) if is_missed else ())


def test_a_full_holiday_has_no_due_time() -> None:
    christmas = datetime(2026, 12, 25, 20, tzinfo=UTC)
    assert silences(BY_TEN, "NQ1!", FRIDAY, LONG_AGO, christmas) == ()


def test_no_rule_no_silence_and_an_unknown_symbol_keeps_index_hours() -> None:
    assert silences(Watchdog(), "NQ1!", None, LONG_AGO, FRIDAY) == ()
    both = Watchdog(quiet_s=60, due_by=time(10))
    assert len(silences(both, "what", FRIDAY, LONG_AGO, MONDAY_TEN)) == 2
