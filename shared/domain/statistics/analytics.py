"""What one strategy, or any set of trades, has earned and how. Net of fees, in US dollars.

win_rate       wins / (wins + losses) in percent, one decimal; break-even trades are neither
average_win    mean of the wins, and so on; None where there are none
profit_factor  sum of wins / sum of losses; None without a loss
max_drawdown   the lowest (equity - its peak so far), trade by trade in order of exit, equity
               starting at 0: never above zero
sharpe         mean / standard deviation (of a sample) of the net result of each trading day with
               a closed trade, times the root of 252; None with fewer than two such days, or when
               all were alike. No interest is taken off.
expectancy     mean net of a trade
payoff         average win / average loss, positive; None without either
streaks        longest run of wins, and of losses, in order of exit; a break-even trade ends both
days, weeks,   net by trading day; a week begins on Monday; a trading day begins at 17:00 Chicago
months         and is named by its last date
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final

from shared.domain.money import EXACT, Usd
from shared.domain.statistics.closed import (
    CENT,
    ZERO,
    ClosedTrade,
    mean,
    ratio,
    root,
    scaled,
    total,
)
from shared.domain.statistics.widget import profit_factor

_TENTH: Final = Decimal("0.1")
_HUNDRED: Final = Decimal(100)
_DAYS_A_YEAR: Final = Decimal(252)
_SHARPE_DAYS_MIN: Final = 2


@dataclass(frozen=True, slots=True)
class Period:
    """`begins` is its first day."""

    begins: date
    net_usd: Usd
    trades: int


@dataclass(frozen=True, slots=True)
class Analytics:
    total_trades: int
    wins: int
    losses: int
    break_even: int
    win_rate: Decimal | None
    total_pnl: Usd
    gross_pnl: Usd
    fees: Usd
    average_win: Usd | None
    average_loss: Usd | None
    largest_win: Usd | None
    largest_loss: Usd | None
    profit_factor: Decimal | None
    payoff: Decimal | None
    expectancy: Usd | None
    max_drawdown: Usd
    sharpe: Decimal | None
    win_streak: int
    loss_streak: int
    trades_per_day: Decimal | None
    best_day: Period | None
    worst_day: Period | None
    days: tuple[Period, ...]
    weeks: tuple[Period, ...]
    months: tuple[Period, ...]


def analytics(trades: Sequence[ClosedTrade]) -> Analytics:
    """In any order."""
    ordered = sorted(trades, key=lambda trade: trade.exit_at)
    nets = [trade.net_usd for trade in ordered]
    wins, losses = [net for net in nets if net > 0], [net for net in nets if net < 0]
    days = _periods(ordered, lambda day: day)
    decided = Decimal(len(wins) + len(losses))
    return Analytics(
        total_trades=len(nets),
        wins=len(wins),
        losses=len(losses),
        break_even=len(nets) - len(wins) - len(losses),
        win_rate=ratio(len(wins) * _HUNDRED, decided, _TENTH),
        total_pnl=total(nets),
        gross_pnl=total(trade.gross_usd for trade in ordered),
        fees=total(trade.fees_usd for trade in ordered),
        average_win=mean(wins),
        average_loss=mean(losses),
        largest_win=max(wins, default=None),
        largest_loss=min(losses, default=None),
        profit_factor=profit_factor(wins, losses),
        payoff=_payoff(wins, losses),
        expectancy=mean(nets),
        max_drawdown=max_drawdown(nets),
        sharpe=sharpe([day.net_usd for day in days]),
        win_streak=_streak(nets, lambda net: net > 0),
        loss_streak=_streak(nets, lambda net: net < 0),
        trades_per_day=ratio(Decimal(len(nets)), Decimal(len(days)), CENT),
        best_day=max(days, key=lambda day: day.net_usd, default=None),
        worst_day=min(days, key=lambda day: day.net_usd, default=None),
        days=days,
        weeks=_periods(ordered, lambda day: day - timedelta(days=day.weekday())),
        months=_periods(ordered, lambda day: day.replace(day=1)),
    )


def max_drawdown(nets: Sequence[Usd]) -> Usd:
    """Of the equity after each result, which starts at 0."""
    equity = peak = worst = ZERO
    for net in nets:
        equity = EXACT.add(equity, net)
        peak = max(peak, equity)
        worst = min(worst, EXACT.subtract(equity, peak))
    return worst


def sharpe(daily: Sequence[Usd]) -> Decimal | None:
    """Of the net results of days, annualised."""
    count = Decimal(len(daily))
    if count < _SHARPE_DAYS_MIN:
        return None
    net = total(daily)
    # n * sum(x^2) - (sum x)^2 is exact, and n * (n - 1) times the variance.
    squares = total(EXACT.multiply(each, each) for each in daily)
    spread = EXACT.subtract(EXACT.multiply(count, squares), EXACT.multiply(net, net))
    if spread == 0:
        return None
    # mean / deviation = (sum / n) / sqrt(spread / (n (n - 1))) = sum * sqrt((n - 1) / n / spread)
    factor = root(_DAYS_A_YEAR * (count - 1) / count / spread)
    return scaled(net, factor, CENT)


def _payoff(wins: list[Usd], losses: list[Usd]) -> Decimal | None:
    if not wins or not losses:
        return None
    # (sum wins / n wins) / (sum losses / n losses), rounded once.
    return ratio(total(wins) * len(losses), abs(total(losses)) * len(wins), CENT)


def _streak(nets: Sequence[Usd], counts: Callable[[Usd], bool]) -> int:
    runs = (len(list(run)) for is_one, run in groupby(nets, key=counts) if is_one)
    return max(runs, default=0)


def _periods(trades: Sequence[ClosedTrade], begins: Callable[[date], date]) -> tuple[Period, ...]:
    """In order of time; one without a trade is left out."""
    found: dict[date, list[Usd]] = {}
    for trade in trades:
        found.setdefault(begins(trade.trade_date), []).append(trade.net_usd)
    return tuple(Period(day, total(nets), len(nets)) for day, nets in sorted(found.items()))
