"""Where the broker's figures are not our table's, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from execution.instruments import (
    EXPIRY_DIFFERS,
    FIGURES_DIFFER,
    FRONT_DIFFERS,
    differences,
    front_difference,
)
from shared.domain.calendar import last_trading_day
from shared.domain.instruments import PRODUCTS
from shared.ports.broker import ContractInfo, FrontContract


def info(root: str, tick: Decimal | None = None) -> ContractInfo:
    product = PRODUCTS[root]
    tick_size = product.tick_size if tick is None else tick
    return ContractInfo(1, f"{root}Z6", root, tick_size, product.point_value)


@pytest.mark.parametrize("root", ["6A", "6S", "6N", "PA", "NQ"])
def test_another_tick_is_told_with_both_figures(root: str) -> None:
    assert differences(info(root)) == []
    theirs = PRODUCTS[root].tick_size * 3
    (differs,) = differences(info(root, theirs))
    assert differs.code == FIGURES_DIFFER
    assert f"{theirs:f}" in differs.words
    assert f"{PRODUCTS[root].tick_size:f}" in differs.words


def test_another_last_day_is_told_with_both() -> None:
    ours = last_trading_day(PRODUCTS["BZ"], 2026, 12)
    assert differences(replace(info("BZ"), expires_on=ours)) == []
    theirs = ours + timedelta(days=1)
    (differs,) = differences(replace(info("BZ"), expires_on=theirs))
    assert differs.code == EXPIRY_DIFFERS
    assert f"{theirs}" in differs.words
    assert f"{ours}" in differs.words


def test_a_product_that_is_not_in_our_table_differs_from_nothing() -> None:
    assert differences(ContractInfo(1, "XXZ6", "XX", Decimal(1), Decimal(1))) == []


def test_another_front_contract_is_told() -> None:
    front = FrontContract(info("NQ"), "NQH7")
    assert front_difference("NQZ6", front) is None
    differs = front_difference("NQH7", front)
    assert differs is not None
    assert differs.code == FRONT_DIFFERS
    assert "NQZ6" in differs.words
