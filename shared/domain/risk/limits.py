"""Daily and weekly losses and profits: how far from each, and which have been reached.

A limit that was reached stays reached until its day or week is over, whatever happens to the P&L,
the process or the settings meanwhile: what was reached is kept with the day or week it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from shared.domain.money import Usd
from shared.domain.rules.limits import Limits


class LimitKind(StrEnum):
    DAILY_LOSS = "daily_loss"
    DAILY_PROFIT = "daily_profit"
    WEEKLY_LOSS = "weekly_loss"
    WEEKLY_PROFIT = "weekly_profit"


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit that was reached in the trade date or week that began with `period`."""

    kind: LimitKind
    period: date
    limit_usd: Usd
    result_usd: Usd


@dataclass(frozen=True, slots=True)
class Mark:
    """Results net of fees, open P&L included, of trade date `on` and of its week."""

    on: date
    day_usd: Usd
    week_usd: Usd


def week_of(on: date) -> date:
    """The Monday that names the week of a trade date; Sunday evening trades for Monday."""
    return on - timedelta(days=on.weekday())


def observe(reached: frozenset[Reached], limits: Limits, mark: Mark) -> frozenset[Reached]:
    """What is reached once this mark has been seen; forgets ended days and weeks."""
    kept = current(reached, mark.on)
    kinds = {(each.kind, each.period) for each in kept}
    new = {each for each in _reached_now(limits, mark) if (each.kind, each.period) not in kinds}
    return kept | new


def current(reached: frozenset[Reached], on: date) -> frozenset[Reached]:
    """Without those whose day or week is over."""
    return frozenset(each for each in reached if each.period == _period(each.kind, on))


def room_usd(limits: Limits, mark: Mark) -> Usd | None:
    """What may still be lost before a loss limit is reached; None without one."""
    rooms = [
        limit + result
        for limit, result in (
            (limits.daily_loss_usd, mark.day_usd),
            (limits.weekly_loss_usd, mark.week_usd),
        )
        if limit is not None
    ]
    return min(rooms, default=None)


def _period(kind: LimitKind, on: date) -> date:
    weekly = kind in (LimitKind.WEEKLY_LOSS, LimitKind.WEEKLY_PROFIT)
    return week_of(on) if weekly else on


def _reached_now(limits: Limits, mark: Mark) -> Iterator[Reached]:
    week = week_of(mark.on)
    if limits.daily_loss_usd is not None and mark.day_usd <= -limits.daily_loss_usd:
        yield Reached(LimitKind.DAILY_LOSS, mark.on, limits.daily_loss_usd, mark.day_usd)
    if limits.daily_profit_usd is not None and mark.day_usd >= limits.daily_profit_usd:
        yield Reached(LimitKind.DAILY_PROFIT, mark.on, limits.daily_profit_usd, mark.day_usd)
    if limits.weekly_loss_usd is not None and mark.week_usd <= -limits.weekly_loss_usd:
        yield Reached(LimitKind.WEEKLY_LOSS, week, limits.weekly_loss_usd, mark.week_usd)
    if limits.weekly_profit_usd is not None and mark.week_usd >= limits.weekly_profit_usd:
        yield Reached(LimitKind.WEEKLY_PROFIT, week, limits.weekly_profit_usd, mark.week_usd)
