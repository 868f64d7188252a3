"""The second half of a roll: every contract keeps its levels, and what was reached stays closed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import AccountId, Cause, StrategyId, UserId
from shared.domain.order import Action, OrderIntent, Role
from shared.domain.roll_orders import MOVES, Distance, Owner, entry_after, exit_for, ticks_left
from shared.domain.rules.bracket import BreakEven, Stop

AT = datetime(2026, 12, 9, 23, tzinfo=UTC)
TICK = Decimal("0.25")
TP, SL = Role.TAKE_PROFIT, Role.STOP_LOSS
OWNER = Owner(UserId(1), AccountId(2), StrategyId(3), "NQZ6")
EXIT = exit_for(OWNER, Cause.ROLL, 740_000, MOVES)
EVEN = Stop(at=Decimal(30), break_even=BreakEven(after_ticks=20))


def pair(name: str, qty: int, target: int | None, stop: int | None) -> list[Distance]:
    legs = ((TP, target, None), (SL, stop, EVEN))
    return [
        Distance(role, ticks, qty, name, moves) for role, ticks, moves in legs if ticks is not None
    ]


def moved(qty: int, *pairs: list[Distance]) -> tuple[OrderIntent, ...]:
    return entry_after(EXIT, qty, "NQH7", [leg for legs in pairs for leg in legs], AT)


def told(orders: tuple[OrderIntent, ...]) -> list[tuple[str, int, int | None]]:
    name = "entry.NQZ6.3"
    return [(o.leg.removeprefix(name), o.qty_contracts, o.offset_ticks) for o in orders]


def test_every_rung_moves_with_its_pair() -> None:
    orders = moved(5, pair("0", 2, 60, 10), pair("1", 2, 20, 10), pair("2", 1, 40, 12))
    assert told(orders) == [
        ("", 5, None),
        (".tp", 5, 60),
        (".sl", 5, 10),
        (".r1.tp", 2, 20),
        (".r1.sl", 2, 10),
        (".r2.tp", 1, 40),
        (".r2.sl", 1, 12),
    ]
    assert [order.rung for order in orders] == [0, 0, 0, 1, 1, 2, 2]
    assert {order.moves for order in orders if order.role is SL} == {EVEN}
    assert {order.parent for order in orders[1:]} == {orders[0].id}
    assert len({order.id for order in orders}) == len(orders)


def test_a_first_pair_that_has_not_shrunk_yet_keeps_what_the_others_leave() -> None:
    orders = moved(5, pair("0", 5, 60, 10), pair("1", 2, 20, 10))
    assert told(orders)[1:] == [
        (".tp", 5, 60),
        (".sl", 5, 10),
        (".r1.tp", 2, 20),
        (".r1.sl", 2, 10),
    ]


def test_no_pair_is_without_a_stop_where_there_was_one() -> None:
    orders = moved(3, pair("0", 2, 60, 10), pair("1", 1, 20, None))
    assert told(orders)[3:] == [(".r1.tp", 1, 20), (".r1.sl", 1, 10)]


def test_parts_without_a_target_are_one() -> None:
    orders = moved(4, pair("a", 1, None, 10), pair("b", 2, None, 30), pair("c", 1, 20, 10))
    assert told(orders)[1:] == [(".sl", 4, 30), (".r1.tp", 1, 20), (".r1.sl", 1, 10)]


@pytest.mark.parametrize(
    ("pairs", "qty"),
    [
        ([pair("0", 2, 60, 0)], 0),
        ([pair("0", 2, 0, 10)], 0),
        ([pair("0", 1, 60, 10), pair("1", 1, 0, 10)], 1),
        ([pair("0", 2, 60, 10)], 2),
        ([], 2),
    ],
)
def test_what_was_reached_stays_closed(pairs: list[list[Distance]], qty: int) -> None:
    orders = moved(2, *pairs)
    assert (orders[0].qty_contracts if orders else 0) == qty


@pytest.mark.parametrize(
    ("exit_", "level", "target", "stop"),
    [
        (Action.SELL, "20010", 40, 0),
        (Action.SELL, "19990", 0, 40),
        (Action.BUY, "19990", 40, 0),
        (Action.BUY, "20010", 0, 40),
        (Action.SELL, "20000", 0, 0),
    ],
)
def test_a_level_is_measured_from_where_the_exit_filled(
    exit_: Action, level: str, target: int, stop: int
) -> None:
    """A stop that was moved beyond its entry stays on the side of the market it was on."""
    at = Decimal(20000)
    assert ticks_left(TP, Decimal(level), exit_, at, TICK) == target
    assert ticks_left(SL, Decimal(level), exit_, at, TICK) == stop


def test_an_average_between_two_ticks_rounds_a_stop_out_and_a_target_in() -> None:
    at = Decimal("20000.1")
    assert ticks_left(SL, Decimal(19990), Action.SELL, at, TICK) == 41
    assert ticks_left(TP, Decimal(20010), Action.SELL, at, TICK) == 39


def test_legs_of_a_whole_position_stay_so() -> None:
    legs = [replace(leg, per_position=True) for leg in pair("0", 2, 60, 10)]
    assert {order.per_position for order in moved(2, legs)[1:]} == {True}


_TICKS = st.none() | st.integers(0, 200)
_PAIRS = st.lists(st.tuples(st.integers(0, 5), _TICKS, _TICKS), max_size=14)


@given(_PAIRS, st.integers(1, 20), st.sampled_from(Action))
def test_legs_share_out_the_entry_and_none_is_bare(
    rungs: list[tuple[int, int | None, int | None]], qty: int, action: Action
) -> None:
    legs = [leg for n, (q, tp, sl) in enumerate(rungs) for leg in pair(str(n), q, tp, sl)]
    orders = entry_after(replace(EXIT, action=action), qty, "NQH7", legs, AT)
    if not orders:
        return
    entry, *protecting = orders
    assert entry.action is action.opposite
    assert 0 < entry.qty_contracts <= qty
    assert all(leg.offset_ticks and leg.action is action for leg in protecting)
    for role in (TP, SL):
        mine = [leg for leg in protecting if leg.role is role]
        rungs_of = [leg.rung for leg in mine]
        assert len(set(rungs_of)) == len(rungs_of)
        assert {leg.qty_contracts for leg in mine if not leg.rung} <= {entry.qty_contracts}
        assert sum(leg.qty_contracts for leg in mine if leg.rung) < entry.qty_contracts
    stopped = {leg.rung for leg in protecting if leg.role is SL}
    if stopped:
        assert stopped == {leg.rung for leg in protecting}
