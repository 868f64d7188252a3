"""The figures of `get-widget-info`. All over closed trades, net of fees, in US dollars.

| figure | formula | of no trades |
|---|---|---|
| cumulativeProfit | sum of net | 0 |
| wins, losses | trades with net above, below zero; one of exactly zero is neither | 0 |
| winrate | wins / (wins + losses) in whole percent | 0 |
| drawdown, maxDD | the largest drawdown inside one trade, positive; of those measured | 0 |
| avgDD | mean of the drawdowns inside trades, positive; of those measured | 0 |
| roi | sum of net / capital base, in percent; None without a base | None |
| avgTiT, maxTiT, minTiT | minutes from first entry to last exit | 0 |
| pf | sum of wins / sum of losses; None without a loss, 0 without a win | None |
| maxP, avgP | largest and mean win | 0 |
| maxL, avgL | largest and mean loss, negative | 0 |
| maxPos, avgPos | largest and mean size held | 0 |
| days | trading days from the first entry's to the last exit's, both counted | 0 |

Sums are exact. A ratio is rounded once, half to even: percent of `winrate` to a whole one, all
else to hundredths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from shared.domain.calendar import trade_date
from shared.domain.money import Usd
from shared.domain.statistics.closed import CENT, WHOLE, ZERO, ClosedTrade, mean, ratio, total

_HUNDRED: Final = Decimal(100)
_SECONDS_A_MINUTE: Final = Decimal(60)


@dataclass(frozen=True, slots=True)
class Widget:
    """Named as the original names them, in Python's spelling."""

    cumulative_profit: Usd
    wins: int
    losses: int
    winrate: int
    max_dd: Usd
    avg_dd: Usd
    roi: Decimal | None
    avg_tit: Decimal
    max_tit: Decimal
    min_tit: Decimal
    pf: Decimal | None
    max_p: Usd
    avg_p: Usd
    max_l: Usd
    avg_l: Usd
    max_pos: int
    avg_pos: Decimal
    days: int


def widget(trades: Sequence[ClosedTrade], capital_usd: Usd | None) -> Widget:
    """`capital_usd`: what the accounts began with; None where nobody knows."""
    wins = [trade.net_usd for trade in trades if trade.net_usd > 0]
    losses = [trade.net_usd for trade in trades if trade.net_usd < 0]
    net = total(trade.net_usd for trade in trades)
    drawdowns = [abs(trade.drawdown_usd) for trade in trades if trade.drawdown_usd is not None]
    minutes = [_minutes(trade) for trade in trades]
    sizes = [trade.qty_contracts for trade in trades]
    decided = Decimal(len(wins) + len(losses))
    return Widget(
        cumulative_profit=net,
        wins=len(wins),
        losses=len(losses),
        winrate=int(ratio(Decimal(len(wins)) * 100, decided, WHOLE) or 0),
        max_dd=max(drawdowns, default=ZERO),
        avg_dd=mean(drawdowns) or ZERO,
        roi=_roi(trades, net, capital_usd),
        avg_tit=mean(minutes) or ZERO,
        max_tit=_hundredths(max(minutes, default=ZERO)),
        min_tit=_hundredths(min(minutes, default=ZERO)),
        pf=profit_factor(wins, losses),
        max_p=max(wins, default=ZERO),
        avg_p=mean(wins) or ZERO,
        max_l=min(losses, default=ZERO),
        avg_l=mean(losses) or ZERO,
        max_pos=max(sizes, default=0),
        avg_pos=mean([Decimal(size) for size in sizes]) or ZERO,
        days=_days(trades),
    )


def profit_factor(wins: Sequence[Usd], losses: Sequence[Usd]) -> Decimal | None:
    """None where it would be infinite, or of nothing."""
    return ratio(total(wins), abs(total(losses)), CENT)


def _roi(trades: Sequence[ClosedTrade], net: Usd, capital_usd: Usd | None) -> Decimal | None:
    if not trades or capital_usd is None or capital_usd <= 0:
        return None
    return ratio(net * _HUNDRED, capital_usd, CENT)


def _minutes(trade: ClosedTrade) -> Decimal:
    """Exact: a microsecond is a decimal part of a second."""
    spent = trade.exit_at - trade.entry_at
    seconds = Decimal(spent.days * 86_400 + spent.seconds) + Decimal(spent.microseconds).scaleb(-6)
    return seconds / _SECONDS_A_MINUTE


def _hundredths(minutes: Decimal) -> Decimal:
    return ratio(minutes, Decimal(1), CENT) or ZERO


def _days(trades: Sequence[ClosedTrade]) -> int:
    if not trades:
        return 0
    first = trade_date(min(trade.entry_at for trade in trades))
    last = max(trade.trade_date for trade in trades)
    return (last - first).days + 1
