"""The stop and the target that a trip meets first."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from recorder.levels import Leg, first_level
from shared.domain.order import Action, IntentState, Role

STOP, TARGET = Role.STOP_LOSS, Role.TAKE_PROFIT


def leg(role: Role, level: str | None, state: IntentState = IntentState.WORKING) -> Leg:
    price = None if level is None else Decimal(level)
    is_stop = role is STOP
    return Leg(UUID(int=1), role, None if is_stop else price, price if is_stop else None, state)


@pytest.mark.parametrize(
    ("side", "role", "level"),
    [
        (Action.BUY, STOP, 4995),
        (Action.BUY, TARGET, 5010),
        (Action.SELL, STOP, 4990),
        (Action.SELL, TARGET, 5020),
    ],
)
def test_of_several_the_nearest(side: Action, role: Role, level: int) -> None:
    legs = [leg(STOP, "4990"), leg(STOP, "4995"), leg(TARGET, "5010"), leg(TARGET, "5020")]
    assert first_level(legs, role, side) == level


def test_without_legs_there_is_no_level() -> None:
    assert first_level([], STOP, Action.BUY) is None
    assert first_level([leg(TARGET, "5010")], STOP, Action.BUY) is None
    assert first_level([leg(STOP, None)], STOP, Action.BUY) is None


def test_a_working_leg_counts_before_one_that_has_ended() -> None:
    legs = [leg(STOP, "4999", IntentState.CANCELLED), leg(STOP, "4990")]
    assert first_level(legs, STOP, Action.BUY) == 4990


def test_a_closed_trip_keeps_the_level_it_had() -> None:
    assert first_level([leg(STOP, "4990", IntentState.FILLED)], STOP, Action.BUY) == 4990


def test_a_leg_that_never_worked_protected_nothing() -> None:
    assert first_level([leg(STOP, "4990", IntentState.REJECTED)], STOP, Action.BUY) is None


def test_zero_is_a_level() -> None:
    assert first_level([leg(TARGET, "0")], TARGET, Action.SELL) == 0
