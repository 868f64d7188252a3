from decimal import Decimal, Inexact, InvalidOperation, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.money import gross_usd, to_cents, usd_text

prices = st.decimals(min_value=-100_000, max_value=100_000, places=8)
sizes = st.integers(min_value=-10_000, max_value=10_000)


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        ("7.8125", "7.81"),
        ("0.005", "0.00"),
        ("0.015", "0.02"),
        ("0.025", "0.02"),
        ("-0.015", "-0.02"),
        ("-0.0251", "-0.03"),
        ("3", "3.00"),
    ],
)
def test_half_cents_go_to_the_even_cent(amount: str, cents: str) -> None:
    assert str(to_cents(Decimal(amount))) == cents


def test_infinity_is_no_amount() -> None:
    with pytest.raises(InvalidOperation):
        to_cents(Decimal("Infinity"))


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=7))
def test_rounding_moves_an_amount_by_half_a_cent_at_most(amount: Decimal) -> None:
    rounded = to_cents(amount)
    assert abs(rounded - amount) <= Decimal("0.005")
    assert to_cents(rounded) == rounded


@pytest.mark.parametrize(
    ("entry", "close", "qty_signed", "point_value", "gross"),
    [
        ("20000.25", "20010.50", 2, "20", "410"),
        ("20000.25", "20010.50", -2, "20", "-410"),
        ("108.5", "108.5078125", 1, "1000", "7.8125"),
        ("0.0067895", "0.0067890", -3, "12500000", "18.75"),
        ("1.00", "-37.63", 1, "1000", "-38630"),  # crude oil on 2020-04-20
    ],
)
def test_gross_is_exact(
    entry: str, close: str, qty_signed: int, point_value: str, gross: str
) -> None:
    assert gross_usd(Decimal(entry), Decimal(close), qty_signed, Decimal(point_value)) == Decimal(
        gross
    )


@given(entry=prices, between=prices, close=prices, qty=sizes)
def test_gross_does_not_depend_on_the_stops_between(
    entry: Decimal, between: Decimal, close: Decimal, qty: int
) -> None:
    point_value = Decimal(12_500_000)
    legs = gross_usd(entry, between, qty, point_value) + gross_usd(between, close, qty, point_value)
    assert gross_usd(entry, close, qty, point_value) == legs
    assert gross_usd(entry, close, -qty, point_value) == -legs


def test_gross_ignores_the_precision_of_the_thread() -> None:
    with localcontext() as context:
        context.prec = 3
        gross = gross_usd(Decimal("20000.25"), Decimal("20010.50"), 2, Decimal(20))
    assert gross == Decimal(410)


def test_gross_refuses_to_lose_a_digit() -> None:
    with pytest.raises(Inexact):
        gross_usd(Decimal(0), Decimal("1" * 60), 1, Decimal("1.1"))


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("1500.000000", "1500.00"),
        ("1500", "1500.00"),
        ("1E+3", "1000.00"),
        ("-60.5", "-60.50"),
        ("7.8125", "7.8125"),
        ("0.000", "0.00"),
    ],
)
def test_an_amount_is_written_with_cents_and_never_rounded(amount: str, words: str) -> None:
    assert usd_text(Decimal(amount)) == words
