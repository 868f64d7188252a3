"""The statistics that can stand in the eight cards, by their number.

Numbers are public and stored: one that was given out is never given to another. 0 to 14 are the
original's fifteen in its order; from 15 on ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CARDS: Final = 8


@dataclass(frozen=True, slots=True)
class Stat:
    key: str
    label: str
    unit: str  # $ | % | count | minutes | ratio | days


STATS: Final = (
    Stat("cumulativeProfit", "Cumulative P&L", "$"),
    Stat("wins", "Wins", "count"),
    Stat("losses", "Losses", "count"),
    Stat("winrate", "Win rate", "%"),
    Stat("drawdown", "Drawdown", "$"),
    Stat("roi", "Return", "%"),
    Stat("avgTiT", "Average time in trade", "minutes"),
    Stat("maxTiT", "Longest time in trade", "minutes"),
    Stat("minTiT", "Shortest time in trade", "minutes"),
    Stat("pf", "Profit factor", "ratio"),
    Stat("maxP", "Best win", "$"),
    Stat("avgP", "Average win", "$"),
    Stat("maxL", "Worst loss", "$"),
    Stat("avgL", "Average loss", "$"),
    Stat("maxPos", "Largest position", "count"),
    Stat("avgPos", "Average position", "count"),
    Stat("maxDD", "Largest drawdown of a trade", "$"),
    Stat("avgDD", "Average drawdown of a trade", "$"),
    Stat("days", "Days", "days"),
    Stat("expectancy", "Expectancy", "$"),
    Stat("payoff", "Payoff ratio", "ratio"),
    Stat("sharpe", "Sharpe ratio", "ratio"),
    Stat("win_streak", "Longest run of wins", "count"),
    Stat("loss_streak", "Longest run of losses", "count"),
    Stat("fees", "Fees", "$"),
    Stat("trades_per_day", "Trades per day", "ratio"),
    Stat("max_drawdown", "Max drawdown of the equity", "$"),
)
USUAL: Final = tuple(range(CARDS))
