"""Figures of one strategy, or of any set of trades; null is what is no number.

How each is made stands in `shared/domain/statistics/analytics.py`.
"""

from __future__ import annotations

from datetime import date

from api.schemas import Answer
from api.wire import DecimalNumber, DecimalText


class PeriodOut(Answer):
    """`begins` is its first trading day."""

    begins: date
    net: DecimalText
    trades: int


class AnalyticsOut(Answer):
    """Net of fees, in US dollars; `win_rate` in percent."""

    total_trades: int
    wins: int
    losses: int
    break_even: int
    win_rate: DecimalNumber | None
    total_pnl: DecimalNumber
    gross_pnl: DecimalNumber
    fees: DecimalNumber
    average_win: DecimalNumber | None
    average_loss: DecimalNumber | None
    largest_win: DecimalNumber | None
    largest_loss: DecimalNumber | None
    profit_factor: DecimalNumber | None
    payoff: DecimalNumber | None
    expectancy: DecimalNumber | None
    max_drawdown: DecimalNumber
    sharpe: DecimalNumber | None
    win_streak: int
    loss_streak: int
    trades_per_day: DecimalNumber | None
    best_day: PeriodOut | None
    worst_day: PeriodOut | None
    days: list[PeriodOut]
    weeks: list[PeriodOut]
    months: list[PeriodOut]
