"""Instants by which a position must be flat: the end of a window, a prop firm's time of day.

The instant names the end. Whoever looks from time to time asks what lies between two looks, and
acts once however often it looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shared.domain.gates.windows import flatten_due, reached
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.prop import PropRules

# What was missed longer ago is forgotten, as with windows.
_DAYS_BACK_MAX: Final = 14
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FlatBy:
    """Positions had to be flat at `at` (UTC); `code` says by whose rule."""

    at: datetime
    code: str


STRATEGY_HOURS: Final = "hours.strategy"
ACCOUNT_HOURS: Final = "hours.account"
PROP_HOURS: Final = "prop.hours"
PROP_FLAT_BY: Final = "prop.flat_by"


def flat_by(
    strategy: StrategyRules, account: AccountRules, last: datetime, now: datetime
) -> FlatBy | None:
    """The newest such instant after `last` and not after `now`; None when there is none."""
    return max(_all(strategy, account, last, now), key=lambda each: each.at, default=None)


def _all(
    strategy: StrategyRules, account: AccountRules, last: datetime, now: datetime
) -> Iterator[FlatBy]:
    hours = [(strategy.hours, STRATEGY_HOURS), (account.hours, ACCOUNT_HOURS)]
    if account.prop is not None:
        hours.append((account.prop.hours, PROP_HOURS))
        at = _of_the_day(account.prop, last, now)
        if at is not None:
            yield FlatBy(at, PROP_FLAT_BY)
    for some, code in hours:
        at = flatten_due(some, last, now)
        if at is not None:
            yield FlatBy(at, code)


def _of_the_day(prop: PropRules, last: datetime, now: datetime) -> datetime | None:
    if prop.flat_by is None:
        return None
    zone = ZoneInfo(prop.hours.zone)
    today = now.astimezone(zone).date()
    for back in range(_DAYS_BACK_MAX):
        at = reached(datetime.combine(today - _DAY * back, prop.flat_by), zone)
        if at <= last:
            return None
        if at <= now:
            return at
    return None
