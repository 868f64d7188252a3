"""The life of an order: one table, and nothing steps outside it."""

from __future__ import annotations

from itertools import product

import pytest

from shared.domain.order import (
    FINAL,
    IN_FLIGHT,
    Action,
    BrokerStatus,
    IntentState,
    may_follow,
    state_of,
    states_before,
)


def test_final_and_in_flight_are_apart() -> None:
    assert not FINAL & IN_FLIGHT
    assert set(IntentState) - FINAL - IN_FLIGHT == {IntentState.PENDING}


def test_the_guard_of_an_update_is_the_table_read_backwards() -> None:
    for now, then in product(IntentState, IntentState):
        assert may_follow(now, then) == (now in states_before(then))


def test_nothing_leaves_filled_and_nothing_returns_from_unknown_to_pending() -> None:
    assert not any(may_follow(IntentState.FILLED, then) for then in IntentState)
    assert not may_follow(IntentState.UNKNOWN, IntentState.PENDING)
    assert not may_follow(IntentState.UNKNOWN, IntentState.SENDING)


def test_an_order_is_sent_from_pending_only() -> None:
    assert states_before(IntentState.SENDING) == {IntentState.PENDING}


def test_an_order_believed_dead_still_accepts_a_late_fill() -> None:
    for state in (IntentState.CANCELLED, IntentState.ABANDONED, IntentState.EXPIRED):
        assert may_follow(state, IntentState.FILLED)


@pytest.mark.parametrize("status", BrokerStatus)
def test_every_word_of_the_broker_has_a_meaning(status: BrokerStatus) -> None:
    state = state_of(status)
    assert state is None if status is BrokerStatus.UNKNOWN else state in FINAL | IN_FLIGHT


def test_actions_are_opposites() -> None:
    assert Action.BUY.opposite is Action.SELL
    assert Action.SELL.opposite is Action.BUY
    assert Action.BUY.sign == -Action.SELL.sign == 1
