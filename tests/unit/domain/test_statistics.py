"""Figures against slow, obvious versions in whole cents and fractions, which share nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import isqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.statistics.analytics import Period, analytics, max_drawdown, sharpe
from shared.domain.statistics.catalogue import CARDS, STATS, USUAL
from shared.domain.statistics.closed import ClosedTrade
from shared.domain.statistics.widget import Widget, widget

MONDAY = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)  # 09:00 in Chicago


def trade(
    net_cents: int,
    *,
    minutes: int = 5,
    day: int = 0,
    qty: int = 1,
    drawdown_cents: int | None = None,
    fees_cents: int = 0,
) -> ClosedTrade:
    entry = MONDAY + timedelta(days=day)
    return ClosedTrade(
        net_usd=Decimal(net_cents).scaleb(-2),
        gross_usd=Decimal(net_cents + fees_cents).scaleb(-2),
        fees_usd=Decimal(fees_cents).scaleb(-2),
        qty_contracts=qty,
        entry_at=entry,
        exit_at=entry + timedelta(minutes=minutes),
        trade_date=entry.date(),
        drawdown_usd=None if drawdown_cents is None else Decimal(drawdown_cents).scaleb(-2),
    )


# --- the oracle: whole cents, fractions, and rounding written out -----------------------------
def half_even(value: Fraction) -> int:
    below = value.numerator // value.denominator
    rest = value - below
    if rest == Fraction(1, 2):
        return below + below % 2
    return below + (rest > Fraction(1, 2))


def hundredths(value: Fraction) -> Decimal:
    return Decimal(half_even(value * 100)).scaleb(-2)


@dataclass
class Row:
    """A trade in whole numbers."""

    cents: int
    minutes: int
    day: int
    qty: int
    drawdown: int | None

    @property
    def closed(self) -> ClosedTrade:
        return trade(
            self.cents, minutes=self.minutes, day=self.day, qty=self.qty,
            drawdown_cents=self.drawdown,
        )  # fmt: skip


def average(numbers: Sequence[int]) -> Decimal:
    """Of cents, in dollars."""
    return hundredths(Fraction(sum(numbers), len(numbers) * 100)) if numbers else Decimal(0)


def oracle(rows: Sequence[Row], capital_cents: int | None) -> Widget:
    won = [row.cents for row in rows if row.cents > 0]
    lost = [row.cents for row in rows if row.cents < 0]
    deep = [-row.drawdown for row in rows if row.drawdown is not None]
    spent = [row.minutes for row in rows]
    sizes = [row.qty for row in rows]
    net = sum(row.cents for row in rows)
    decided = len(won) + len(lost)
    has_roi = bool(rows) and capital_cents is not None and capital_cents > 0
    return Widget(
        cumulative_profit=Decimal(net).scaleb(-2),
        wins=len(won),
        losses=len(lost),
        winrate=half_even(Fraction(len(won) * 100, decided)) if decided else 0,
        max_dd=Decimal(max(deep, default=0)).scaleb(-2),
        avg_dd=average(deep),
        roi=hundredths(Fraction(net * 100, capital_cents or 1)) if has_roi else None,
        avg_tit=hundredths(Fraction(sum(spent), len(spent))) if spent else Decimal(0),
        max_tit=Decimal(max(spent, default=0)),
        min_tit=Decimal(min(spent, default=0)),
        pf=hundredths(Fraction(sum(won), -sum(lost))) if lost else None,
        max_p=Decimal(max(won, default=0)).scaleb(-2),
        avg_p=average(won),
        max_l=Decimal(min(lost, default=0)).scaleb(-2),
        avg_l=average(lost),
        max_pos=max(sizes, default=0),
        avg_pos=hundredths(Fraction(sum(sizes), len(sizes))) if sizes else Decimal(0),
        days=max(row.day for row in rows) - min(row.day for row in rows) + 1 if rows else 0,
    )


ROWS = st.lists(
    st.builds(
        Row,
        cents=st.integers(-(10**9), 10**9) | st.sampled_from([0, 1, -1, 5, -5]),
        minutes=st.integers(0, 300),
        # Monday to Thursday of some weeks: a Friday's evening would be Monday's trading day.
        day=st.builds(lambda week, day: 7 * week + day, st.integers(0, 8), st.integers(0, 3)),
        qty=st.integers(1, 500),
        drawdown=st.none() | st.integers(-(10**6), 0),
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=150)
@given(ROWS, st.none() | st.integers(-5, 10**9))
def test_m134_every_figure_is_what_whole_cents_say(
    rows: list[Row], capital_cents: int | None
) -> None:
    capital = None if capital_cents is None else Decimal(capital_cents).scaleb(-2)
    assert widget([row.closed for row in rows], capital) == oracle(rows, capital_cents)


def test_m134_a_worked_example() -> None:
    trades = [
        trade(10_010, minutes=10, qty=2, drawdown_cents=-2_500),
        trade(-5_005, minutes=20, day=1, qty=1, drawdown_cents=-6_000),
        trade(0, minutes=1, day=1),
        trade(2_000, minutes=31, day=2, qty=3),
    ]
    found = widget(trades, Decimal(50_000))
    assert found == Widget(
        cumulative_profit=Decimal("70.05"), wins=2, losses=1, winrate=67,
        max_dd=Decimal(60), avg_dd=Decimal("42.50"), roi=Decimal("0.14"),
        avg_tit=Decimal("15.50"), max_tit=Decimal(31), min_tit=Decimal(1), pf=Decimal("2.40"),
        max_p=Decimal("100.10"), avg_p=Decimal("60.05"), max_l=Decimal("-50.05"),
        avg_l=Decimal("-50.05"), max_pos=3, avg_pos=Decimal("1.75"), days=3,
    )  # fmt: skip


# --- analytics --------------------------------------------------------------------------------
def slow_drawdown(cents: Sequence[int]) -> int:
    """Every later point against every earlier one."""
    equity = [sum(cents[:count]) for count in range(len(cents) + 1)]
    pairs = ((early, late) for early in range(len(equity)) for late in range(early, len(equity)))
    return min(equity[late] - equity[early] for early, late in pairs)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-(10**7), 10**7), max_size=25))
def test_m138_drawdown_is_the_deepest_fall_from_any_earlier_point(cents: list[int]) -> None:
    nets = [Decimal(each).scaleb(-2) for each in cents]
    assert max_drawdown(nets) == Decimal(slow_drawdown(cents)).scaleb(-2)


def slow_sharpe(cents: Sequence[int]) -> Fraction | None:
    """By the book: mean, variance of a sample, root of 252; roots in whole numbers."""
    count = len(cents)
    if count < 2 or len(set(cents)) == 1:
        return None
    mean = Fraction(sum(cents), count)
    variance = sum(((each - mean) * (each - mean) for each in cents), Fraction(0)) / (count - 1)
    square = mean * mean / variance * 252
    big = 10**40
    root = Fraction(isqrt(square.numerator * big * big // square.denominator), big)
    return root if mean >= 0 else -root


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-(10**6), 10**6), max_size=20))
def test_m138_sharpe_by_the_book(cents: list[int]) -> None:
    found = sharpe([Decimal(each).scaleb(-2) for each in cents])
    wanted = slow_sharpe(cents)
    if wanted is None:
        assert found is None
    else:
        assert found is not None
        # Rounded to hundredths: within half of one, and a hair for the oracle's own root.
        assert abs(Fraction(found) - wanted) <= Fraction(1, 200) + Fraction(1, 10**30)


def usd(*amounts: Decimal | None) -> list[str]:
    """As people write them: whole dollars without cents."""
    return [f"{each:.2f}".removesuffix(".00") for each in amounts if each is not None]


def test_m138_m140_a_worked_example() -> None:
    trades = [
        trade(-5_000, day=1, minutes=9, fees_cents=420),
        trade(10_000, day=0, fees_cents=420),
        trade(4_000, day=0, minutes=30),
        trade(-1_000, day=1, minutes=30),
        trade(0, day=7),
        trade(2_000, day=31),
    ]
    found = analytics(trades)
    assert (found.total_trades, found.wins, found.losses, found.break_even) == (6, 3, 2, 1)
    assert (found.win_rate, found.profit_factor) == (Decimal("60.0"), Decimal("2.67"))
    assert usd(found.total_pnl, found.fees, found.gross_pnl) == ["100", "8.40", "108.40"]
    assert (found.average_win, found.average_loss) == (Decimal("53.33"), Decimal("-30.00"))
    assert usd(found.largest_win, found.largest_loss) == ["100", "-50"]
    assert usd(found.max_drawdown, found.payoff) == ["-60", "1.78"]
    assert (found.win_streak, found.loss_streak) == (2, 2)
    assert found.expectancy == Decimal("16.67")
    assert found.days == (
        Period(date(2026, 3, 2), Decimal(140), 2),
        Period(date(2026, 3, 3), Decimal(-60), 2),
        Period(date(2026, 3, 9), Decimal(0), 1),
        Period(date(2026, 4, 2), Decimal(20), 1),
    )
    assert [week.begins for week in found.weeks] == [
        date(2026, 3, 2), date(2026, 3, 9), date(2026, 3, 30),
    ]  # fmt: skip
    assert [month.net_usd for month in found.months] == [80, 20]
    assert (found.best_day, found.worst_day) == (found.days[0], found.days[1])
    assert found.trades_per_day == Decimal("1.50")


def test_m138_of_nothing_there_is_nothing_to_say() -> None:
    found = analytics([])
    assert found.total_trades == 0
    assert usd(found.total_pnl, found.max_drawdown) == ["0", "0"]
    unknown = (found.win_rate, found.profit_factor, found.sharpe, found.best_day, found.expectancy)
    assert unknown == (None,) * 5
    assert analytics([trade(500)]).profit_factor is None  # nothing lost: not a number


@pytest.mark.parametrize("number", range(len(STATS)))
def test_m148_a_statistics_number_is_its_own(number: int) -> None:
    assert [stat.key for stat in STATS].index(STATS[number].key) == number
    assert len(USUAL) == CARDS
