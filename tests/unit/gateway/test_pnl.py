"""Unrealised profit against a slow, obvious version."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from gateway.pnl import unrealised_usd

PRICES = st.decimals(min_value=-500, max_value=50_000, places=4)


def test_known_figures() -> None:
    assert unrealised_usd(2, Decimal("5000.25"), Decimal(5001), Decimal(5)) == Decimal("7.50")
    assert unrealised_usd(-2, Decimal("5000.25"), Decimal(5001), Decimal(5)) == Decimal("-7.50")
    assert unrealised_usd(1, Decimal("106.0078125"), Decimal(106), Decimal(1000)) == Decimal(
        "-7.81"
    )


def test_flat_is_worth_nothing_whatever_is_known() -> None:
    assert unrealised_usd(0, Decimal(1), Decimal(2), Decimal(5)) == 0
    assert unrealised_usd(3, None, Decimal(2), Decimal(5)) == 0


@given(st.integers(-1_000, 1_000), PRICES, PRICES, st.sampled_from(["5", "20", "0.1", "1000"]))
def test_equals_fractions(qty: int, avg: Decimal, last: Decimal, point: str) -> None:
    exact = (Fraction(last) - Fraction(avg)) * qty * Fraction(point)
    cents = round(exact * 100)  # Python rounds halves to even too
    shown = unrealised_usd(qty, avg, last, Decimal(point))
    assert shown == Decimal(cents).scaleb(-2).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
