"""What a continuous symbol means, what is ahead, and what a roll does by policy."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from shared.domain.calendar import front_month, last_trading_day
from shared.domain.errors import InvalidInput
from shared.domain.instruments import PRODUCTS, product_of
from shared.domain.roll import Ahead, Due, Step, due, meaning, rank_of, roll_ahead, shown_ahead
from shared.domain.rules import RollPolicy, RollRules
from shared.domain.symbols import ContractMonth, Symbol, read_symbol

Z6, H7, M7 = (
    ContractMonth("NQ", year, month) for year, month in ((2026, 12), (2027, 3), (2027, 6))
)
ROLL = date(2026, 12, 10)  # the Thursday of the week before the third Friday
DAY = timedelta(days=1)
BEFORE = date(2026, 11, 2)


@pytest.mark.parametrize(
    ("text", "on", "means"),
    [
        ("NQ1!", ROLL - DAY, Z6),
        ("NQ1!", ROLL, H7),
        ("NQ2!", ROLL - DAY, H7),
        ("NQ2!", ROLL, M7),
        ("NQZ6", ROLL, Z6),
    ],
)
def test_a_symbol_means_one_contract_on_each_day(text: str, on: date, means: ContractMonth) -> None:
    assert meaning(read_symbol(text, on), on) == means


def test_a_root_that_is_not_ours_means_nothing() -> None:
    with pytest.raises(InvalidInput, match="No product"):
        meaning(Symbol("XX", 1, None, "XX1!"), BEFORE)


@pytest.mark.parametrize(
    ("symbol", "rank"),
    [(None, 1), ("NQ1!", 1), ("NQ2!", 2), ("NQZ6", 1), ("ES2!", 1), ("what", 1)],
)
def test_a_strategy_trades_the_front_unless_it_says_otherwise(
    symbol: str | None, rank: int
) -> None:
    assert rank_of(symbol, "NQ", BEFORE) == rank


def test_the_second_contract_is_left_a_quarter_before_it_ends() -> None:
    assert roll_ahead(Z6, 1) == Ahead(Z6, H7, ROLL)
    assert roll_ahead(H7, 2) == Ahead(H7, M7, ROLL)


@pytest.mark.parametrize("root", sorted(PRODUCTS))
def test_a_roll_is_the_day_on_which_the_front_changes(root: str) -> None:
    front = front_month(product_of(root), BEFORE)
    ahead = roll_ahead(front, 1)
    assert front_month(product_of(root), ahead.on - DAY) == front
    assert front_month(product_of(root), ahead.on) == ahead.entering
    assert ahead.on < last_trading_day(product_of(root), front.year, front.month)
    second = roll_ahead(ahead.entering, 2)
    assert second.on == ahead.on
    assert second.leaving == ahead.entering


def test_all_that_is_traded_or_held_is_shown_ahead_once() -> None:
    shown = shown_ahead(["NQ1!", "NQZ6", "ZZZ"], ["NQZ6", "GCZ6", "their own"], date(2026, 11, 23))
    assert [each.leaving.name for each in shown] == ["GCZ6", "NQZ6"]
    assert [each.on for each in shown] == sorted(each.on for each in shown)


def wanted(
    policy: RollPolicy, on: date, entered_on: date = BEFORE, *, may_enter: bool = True
) -> Due | None:
    rules = RollRules(policy=policy, tell_days_before=3)
    return due(rules, roll_ahead(Z6, 1), on, entered_on, may_enter=may_enter)


@pytest.mark.parametrize(
    ("policy", "step"),
    [
        (RollPolicy.TELL, Step.KEEP),
        (RollPolicy.CLOSE, Step.CLOSE),
        (RollPolicy.MOVE, Step.MOVE),
    ],
)
def test_each_policy_tells_ahead_and_then_does_what_it_says(policy: RollPolicy, step: Step) -> None:
    ahead = roll_ahead(Z6, 1)
    assert wanted(policy, ROLL - 4 * DAY) is None
    assert wanted(policy, ROLL - 3 * DAY) == Due(Step.TELL, ahead)
    assert wanted(policy, ROLL - DAY) == Due(Step.TELL, ahead)
    assert wanted(policy, ROLL) == Due(step, ahead)
    assert wanted(policy, ROLL + 5 * DAY) == Due(step, ahead)


@pytest.mark.parametrize("policy", RollPolicy)
def test_what_was_entered_by_name_after_the_roll_stays(policy: RollPolicy) -> None:
    assert wanted(policy, ROLL + DAY, ROLL) is None


def test_a_strategy_that_may_not_enter_is_not_moved_but_still_closed() -> None:
    told = Due(Step.KEEP, roll_ahead(Z6, 1))
    assert wanted(RollPolicy.MOVE, ROLL, may_enter=False) == told
    closed = Due(Step.CLOSE, roll_ahead(Z6, 1))
    assert wanted(RollPolicy.CLOSE, ROLL, may_enter=False) == closed
