"""Sharing and averaging: the parts add up, and nothing is rounded away."""

from __future__ import annotations

from decimal import Decimal, Inexact, InvalidOperation, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.money import average_price, split_usd

AMOUNTS = st.decimals(-1_000, 1_000, places=4)
WEIGHTS = st.lists(st.integers(1, 50), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        ("1.00", [1, 2], ["0.34", "0.66"]),
        ("2.37", [1, 2], ["0.79", "1.58"]),
        ("0.01", [1, 1], ["0.01", "0"]),
        ("-1.00", [1, 2], ["-0.34", "-0.66"]),  # a rebate
        ("0.0875", [1, 1], ["0.0475", "0.04"]),
        ("0", [3, 1], ["0", "0"]),
        ("5", [7], ["5"]),
    ],
)
def test_cents_to_the_others_the_rest_to_the_first(
    amount: str, weights: list[int], parts: list[str]
) -> None:
    assert split_usd(Decimal(amount), weights) == [Decimal(part) for part in parts]


@given(AMOUNTS, WEIGHTS)
def test_parts_add_up_and_lie_within_a_cent_of_their_share(
    amount: Decimal, weights: list[int]
) -> None:
    parts = split_usd(amount, weights)
    assert sum(parts) == amount
    total = sum(weights)
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        assert abs(part * total - amount * weight) < Decimal("0.01") * total
        assert part == part.quantize(Decimal("0.01"))


def test_an_average_that_does_not_end_keeps_ten_decimals() -> None:
    pairs = [(Decimal(5000), 2), (Decimal(5001), 1)]
    assert average_price(pairs) == Decimal("5000.3333333333")


@given(st.decimals(-100, 30_000, places=7), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_the_average_of_one_price_is_that_price(price: Decimal, quantities: list[int]) -> None:
    assert average_price((price, qty) for qty in quantities) == price


def test_shares_and_averages_ignore_the_precision_of_the_thread() -> None:
    amount, weights = Decimal("123456.7875"), [7, 11, 13]
    pairs = [(Decimal("20000.25"), 3), (Decimal("20010.5"), 4)]
    parts, average = split_usd(amount, weights), average_price(pairs)
    with localcontext() as context:
        context.prec = 3
        assert split_usd(amount, weights) == parts
        assert average_price(pairs) == average
    assert sum(parts) == amount


def test_shares_refuse_to_lose_a_digit() -> None:
    with pytest.raises(Inexact):
        split_usd(Decimal("1" * 60), [1, 11])
    with pytest.raises(Inexact):
        average_price([(Decimal("1" * 60), 11)])


def test_there_is_no_share_without_weights_and_no_average_of_nothing() -> None:
    with pytest.raises(InvalidOperation):
        split_usd(Decimal(0), [0, 0])
    with pytest.raises(InvalidOperation):
        average_price([])
