"""By when a position must be flat: windows, and a prop firm's time of day, through both changes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from shared.domain.ends import FlatBy, flat_by
from shared.domain.rules import FREE_ACCOUNT, FREE_STRATEGY, AccountRules, StrategyRules
from shared.domain.rules.entries import AtEnd, Hours, Window
from shared.domain.rules.prop import PropRules

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
HOURS = Hours(windows=(Window(start=time(9, 30), stop=time(16)),), at_end=AtEnd.FLATTEN)
FLATTENS = StrategyRules(hours=HOURS)
ACCOUNT_FLATTENS = AccountRules(hours=HOURS)


ANY_HOUR = Hours()


def prop(hours: Hours = ANY_HOUR, by: time | None = time(15, 10)) -> AccountRules:
    return AccountRules(
        prop=PropRules(
            name="x",
            start_balance_usd=Decimal(50_000),
            drawdown_usd=Decimal(2_000),
            hours=hours,
            flat_by=by,
        )
    )


@pytest.mark.parametrize(
    ("strategy", "account", "due"),
    [
        (FREE_STRATEGY, FREE_ACCOUNT, None),
        (StrategyRules(hours=HOURS.model_copy(update={"at_end": AtEnd.BLOCK})), FREE_ACCOUNT, None),
        (FLATTENS, FREE_ACCOUNT, FlatBy(MONDAY.replace(hour=21), "hours.strategy")),
        (FREE_STRATEGY, ACCOUNT_FLATTENS, FlatBy(MONDAY.replace(hour=21), "hours.account")),
        (FREE_STRATEGY, prop(HOURS, None), FlatBy(MONDAY.replace(hour=21), "prop.hours")),
        (FREE_STRATEGY, prop(), FlatBy(MONDAY.replace(hour=20, minute=10), "prop.flat_by")),
        (FLATTENS, prop(), FlatBy(MONDAY.replace(hour=21), "hours.strategy")),
    ],
)
def test_the_newest_end_between_two_looks(
    strategy: StrategyRules, account: AccountRules, due: FlatBy | None
) -> None:
    assert flat_by(strategy, account, MONDAY, MONDAY + DAY) == due


@pytest.mark.parametrize(("day", "utc_hour"), [(30, 20), (31, 20), (33, 21)])
def test_an_hour_on_the_wall_stays_that_hour_when_the_clocks_change(
    day: int, utc_hour: int
) -> None:
    """New York leaves summer time on Sunday, 1 November 2026."""
    midnight = datetime(2026, 10, 1, tzinfo=UTC) + DAY * (day - 1)
    end = midnight.replace(hour=utc_hour)
    for account, at in ((ACCOUNT_FLATTENS, end), (prop(), end - 50 * MINUTE)):
        found = flat_by(FREE_STRATEGY, account, midnight, midnight + DAY)
        assert found is not None
        assert found.at == at


@pytest.mark.parametrize(
    ("account", "at"),
    [
        (prop(), MONDAY.replace(hour=20, minute=10)),
        (ACCOUNT_FLATTENS, MONDAY.replace(hour=21)),
    ],
)
def test_an_end_lies_between_exactly_one_pair_of_looks(account: AccountRules, at: datetime) -> None:
    assert flat_by(FREE_STRATEGY, account, at - MINUTE, at - MINUTE / 60) is None
    assert flat_by(FREE_STRATEGY, account, at - MINUTE, at) is not None
    assert flat_by(FREE_STRATEGY, account, at, at + MINUTE) is None


def test_what_was_missed_for_a_month_is_the_newest_one_only() -> None:
    found = flat_by(FREE_STRATEGY, prop(), MONDAY - 40 * DAY, MONDAY)
    assert found == FlatBy((MONDAY - DAY).replace(hour=20, minute=10), "prop.flat_by")
