"""Positions are the fold of fills, and of nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import IntentId
from shared.domain.order import Action, Fill, IntentState, Role
from shared.domain.position import (
    FLAT,
    OpenIntent,
    Position,
    expected_net,
    fold,
    fold_all,
    still_held,
)

NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)


def fill(qty: int, price: str) -> Fill:
    action = Action.BUY if qty > 0 else Action.SELL
    return Fill(action, abs(qty), Decimal(price), NOW)


fills = st.lists(
    st.builds(
        lambda qty, ticks: fill(qty, str(Decimal(ticks) / 4)),
        st.integers(-5, 5).filter(lambda qty: qty != 0),
        st.integers(1, 40_000),
    ),
    max_size=30,
)


def test_growing_averages() -> None:
    position = fold_all([fill(1, "100"), fill(3, "102")])
    assert position == Position(4, Decimal("101.5"))


def test_shrinking_keeps_the_average() -> None:
    assert fold(Position(-3, Decimal(100)), fill(1, "90")) == Position(-2, Decimal(100))


def test_flat_has_no_price() -> None:
    assert fold(Position(2, Decimal(100)), fill(-2, "130")) == FLAT


def test_a_flip_opens_at_its_own_price() -> None:
    assert fold(Position(1, Decimal(100)), fill(-3, "130")) == Position(-2, Decimal(130))


@given(fills)
def test_net_is_the_sum_of_fills_and_flat_means_no_price(some: list[Fill]) -> None:
    position = fold_all(some)
    assert position.net_qty == sum(each.signed_qty for each in some)
    assert (position.avg_price is None) == (position.net_qty == 0)


@given(fills)
def test_the_average_lies_between_the_prices_paid(some: list[Fill]) -> None:
    position = fold_all(some)
    if position.avg_price is not None:
        prices = [each.price for each in some if each.signed_qty * position.net_qty > 0]
        assert min(prices) <= position.avg_price <= max(prices)


def intent(role: Role, action: Action, qty: int, seq: int) -> OpenIntent:
    return OpenIntent(IntentId(uuid4()), role, action, "NQ", "NQZ6", qty, IntentState.PENDING, seq)


def test_open_intents_count_in_their_order() -> None:
    entry = intent(Role.ENTRY, Action.SELL, 2, 3)
    leave = intent(Role.EXIT, Action.SELL, 0, 2)
    assert expected_net(1, [entry, leave]) == -2
    assert expected_net(1, [intent(Role.ENTRY, Action.BUY, 1, 1), leave]) == 0


def test_protective_legs_do_not_count() -> None:
    legs = [
        intent(Role.STOP_LOSS, Action.SELL, 1, 1),
        intent(Role.TAKE_PROFIT, Action.SELL, 1, 2),
    ]
    assert expected_net(1, legs) == 1


@pytest.mark.parametrize(
    ("net", "same_side", "external", "left"),
    [
        (2, 2, 0, 2),
        (2, 2, 3, 2),  # others hold the same side: that closes nothing
        (2, 2, -1, 1),
        (2, 2, -2, 0),  # a person closed it
        (2, 2, -5, 0),
        (-2, 2, 1, -1),
        (2, 3, -2, 1),  # two of our owners hold three, and one contract is left
        (0, 0, -4, 0),
    ],
)
def test_trades_of_others_leave_less_to_close(
    net: int, same_side: int, external: int, left: int
) -> None:
    assert still_held(net, same_side, external) == left
