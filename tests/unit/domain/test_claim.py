"""Whether an intent may be sent now, and with which numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.bracket import leg_price, needs_move
from shared.domain.claim import Candidate, End, Send, Wait, Working, judge
from shared.domain.ids import AccountId, Cause, IntentId, StrategyId, UserId
from shared.domain.order import Action, IntentState, OrderIntent, OrderType, Role, TimeInForce
from shared.domain.price import is_on_tick

NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)
TICK = Decimal("0.25")

ENTRY = OrderIntent(
    id=IntentId(uuid4()),
    user_id=UserId(1),
    account_id=AccountId(1),
    strategy_id=StrategyId(1),
    signal_id=None,
    cause=Cause.SIGNAL,
    cause_id=1,
    role=Role.ENTRY,
    leg="entry",
    attempt=1,
    action=Action.BUY,
    qty_contracts=2,
    order_type=OrderType.MARKET,
    contract="NQZ6",
    time_in_force=TimeInForce.DAY,
    price=None,
    stop_price=None,
    offset_ticks=None,
    reference_price=None,
    parent=None,
    after=None,
    expires_at=NOW + timedelta(seconds=30),
)
TARGET = replace(
    ENTRY, role=Role.TAKE_PROFIT, order_type=OrderType.LIMIT, offset_ticks=20, parent=ENTRY.id
)
STOP = replace(ENTRY, role=Role.STOP_LOSS, order_type=OrderType.STOP, offset_ticks=10)
EXIT = replace(ENTRY, role=Role.EXIT, qty_contracts=0, expires_at=None)


def candidate(intent: OrderIntent, *legs: OrderIntent, net: int = 0) -> Candidate:
    return Candidate(intent, legs, TICK, after_state=None, owner_net=net)


def test_legs_are_priced_from_the_quote() -> None:
    verdict = judge(candidate(ENTRY, TARGET, STOP), NOW, Decimal(20000))
    assert isinstance(verdict, Send)
    assert [leg.price for leg in verdict.legs] == [Decimal(20005), None]
    assert [leg.stop_price for leg in verdict.legs] == [None, Decimal("19997.50")]
    assert verdict.intent.reference_price == Decimal(20000)


def test_without_a_quote_the_alerts_price_serves() -> None:
    intent = replace(ENTRY, reference_price=Decimal("20000.10"))
    verdict = judge(candidate(intent, STOP), NOW, None)
    assert isinstance(verdict, Send)
    assert verdict.legs[0].stop_price == Decimal("19997.50")


def test_the_price_of_a_limit_entry_beats_every_estimate() -> None:
    limit = replace(ENTRY, order_type=OrderType.LIMIT, price=Decimal(19900))
    verdict = judge(candidate(limit, STOP), NOW, Decimal(20000))
    assert isinstance(verdict, Send)
    assert verdict.legs[0].stop_price == Decimal("19897.50")


STOP_LIMIT = replace(
    ENTRY, order_type=OrderType.STOP_LIMIT, stop_price=Decimal(20010), price=Decimal(20011)
)


def test_legs_of_a_stop_limit_are_measured_from_its_limit() -> None:
    verdict = judge(candidate(STOP_LIMIT, TARGET, STOP), NOW, Decimal(20000))
    assert isinstance(verdict, Send)
    target, stop = verdict.legs
    assert (target.price, stop.stop_price) == (Decimal(20016), Decimal("20008.50"))
    assert (verdict.intent.price, verdict.intent.stop_price) == (Decimal(20011), Decimal(20010))


@pytest.mark.parametrize(("limit", "refused"), [("20012.25", False), ("20012.50", True)])
def test_a_stop_within_the_range_of_a_stop_limit_is_refused(limit: str, refused: bool) -> None:
    """Ten ticks below the limit; the order may fill from its trigger on."""
    entry = replace(STOP_LIMIT, price=Decimal(limit))
    verdict = judge(candidate(entry, STOP), NOW, Decimal(20000))
    assert isinstance(verdict, End) == refused
    if isinstance(verdict, End):
        assert verdict.code == "bracket.wrong_side"
        assert "With the price at 20010," in verdict.message


def test_a_stop_limit_short_of_its_trigger_is_a_limit_order_from_then_on() -> None:
    back = replace(STOP_LIMIT, price=Decimal(20000))
    verdict = judge(candidate(back, TARGET, STOP), NOW, Decimal(19990))
    assert isinstance(verdict, Send)
    assert [leg.price or leg.stop_price for leg in verdict.legs] == [
        Decimal(20005), Decimal("19997.50"),
    ]  # fmt: skip


def test_a_bracket_without_any_price_leaves_as_distances() -> None:
    verdict = judge(candidate(ENTRY, TARGET, STOP), NOW, None)
    assert verdict == Send(ENTRY, (TARGET, STOP))
    assert isinstance(judge(candidate(ENTRY), NOW, None), Send)


@pytest.mark.parametrize(
    ("entry", "leg"),
    [(replace(ENTRY, order_type=OrderType.LIMIT), STOP), (ENTRY, replace(STOP, offset_ticks=None))],
)
def test_what_cannot_leave_as_distances_is_never_guessed(
    entry: OrderIntent, leg: OrderIntent
) -> None:
    verdict = judge(candidate(entry, leg), NOW, None)
    assert isinstance(verdict, End)
    assert verdict.code == "bracket.no_reference"


def test_an_entry_grows_stale_and_an_exit_never_does() -> None:
    late = NOW + timedelta(seconds=30)
    verdict = judge(candidate(ENTRY), late, None)
    assert isinstance(verdict, End)
    assert verdict.state is IntentState.STALE
    assert isinstance(judge(candidate(EXIT, net=1), NOW + timedelta(days=1), None), Send)


@pytest.mark.parametrize("state", IntentState)
def test_the_entry_of_a_reverse_waits_until_its_exit_has_ended(state: IntentState) -> None:
    entry = replace(ENTRY, after=EXIT.id)
    verdict = judge(replace(candidate(entry), after_state=state), NOW, None)
    assert isinstance(verdict, Send if state.final else Wait)


def test_a_reverse_whose_exit_left_something_does_not_enter() -> None:
    entry = replace(ENTRY, after=EXIT.id)
    waiting = replace(candidate(entry, net=-1), after_state=IntentState.REJECTED)
    verdict = judge(waiting, NOW, None)
    assert isinstance(verdict, End)
    assert verdict.code == "reverse.not_flat"


@pytest.mark.parametrize(("net", "leaves"), [(-3, False), (0, True), (3, True)])
def test_no_entry_leaves_against_what_is_held(net: int, leaves: bool) -> None:
    """It was planned behind an exit that ended with something left."""
    verdict = judge(candidate(ENTRY, net=net), NOW, None)
    assert isinstance(verdict, Send if leaves else End)
    assert leaves or verdict == judge(
        replace(candidate(replace(ENTRY, after=EXIT.id), net=net), after_state=IntentState.FILLED),
        NOW,
        None,
    )


@given(st.integers(-9, 9))
def test_an_exit_takes_exactly_what_is_held(net: int) -> None:
    verdict = judge(candidate(EXIT, net=net), NOW, None)
    if net == 0:
        assert isinstance(verdict, End)
        assert verdict.state is IntentState.SKIPPED
    else:
        assert isinstance(verdict, Send)
        assert verdict.intent.action.sign * verdict.intent.qty_contracts == -net


def working(order_type: OrderType, state: IntentState, age_s: float) -> Working:
    claimed = NOW - timedelta(seconds=age_s)
    return Working(IntentId(uuid4()), 7, Role.STOP_LOSS, order_type, state, claimed)


@pytest.mark.parametrize(
    ("order", "cancelled"),
    [
        (working(OrderType.STOP, IntentState.WORKING, 0), (7,)),
        (working(OrderType.LIMIT, IntentState.ACCEPTED, 0), (7,)),
        (working(OrderType.MARKET, IntentState.ACCEPTED, 0.2), ()),
        (working(OrderType.MARKET, IntentState.ACCEPTED, 5), (7,)),
        (working(OrderType.STOP, IntentState.SENDING, 5), ()),
    ],
)
def test_an_exit_waits_for_its_owners_orders(order: Working, cancelled: tuple[int, ...]) -> None:
    verdict = judge(replace(candidate(EXIT, net=1), working=(order,)), NOW, None)
    assert isinstance(verdict, Wait)
    assert verdict.cancel == cancelled


@given(
    base=st.decimals(1000, 30000, places=3),
    ticks=st.integers(1, 400),
    entry=st.sampled_from(Action),
    role=st.sampled_from([Role.TAKE_PROFIT, Role.STOP_LOSS]),
)
def test_legs_stand_on_the_grid_and_on_their_side(
    base: Decimal, ticks: int, entry: Action, role: Role
) -> None:
    level = leg_price(role, entry, base, ticks, TICK)
    price = level.price if role is Role.TAKE_PROFIT else level.stop_price
    assert price is not None
    assert is_on_tick(price, TICK)
    distance = (price - base) * entry.sign
    if role is Role.STOP_LOSS:
        assert -ticks * TICK - TICK < distance <= -ticks * TICK
    else:
        assert ticks * TICK - TICK < distance <= ticks * TICK


def test_a_leg_within_a_tick_is_left_alone() -> None:
    assert not needs_move(Decimal(100), Decimal("100.25"), TICK)
    assert needs_move(Decimal(100), Decimal("100.50"), TICK)


PART = replace(EXIT, role=Role.REDUCE, action=Action.SELL, qty_contracts=1)


def leg_working(role: Role, qty: int, order_id: int | None = 7) -> Working:
    kind = OrderType.LIMIT if role is Role.TAKE_PROFIT else OrderType.STOP
    state = IntentState.SENDING if order_id is None else IntentState.WORKING
    return Working(IntentId(uuid4()), order_id, role, kind, state, NOW, qty, 0, "p", 1, qty)


def part(net: int, *working: Working, closed_by_legs: int = 0, qty: int = 1) -> object:
    intent = replace(PART, qty_contracts=qty)
    return judge(
        Candidate(intent, (), TICK, None, net, working, closed_by_legs=closed_by_legs), NOW, None
    )


def test_a_part_shrinks_the_legs_before_it_goes() -> None:
    legs = (leg_working(Role.STOP_LOSS, 3, 8), leg_working(Role.TAKE_PROFIT, 3, 7))
    verdict = part(3, *legs)
    assert isinstance(verdict, Wait)
    assert [(c.leg.broker_order_id, c.qty_contracts) for c in verdict.resize] == [(7, 2), (8, 2)]
    assert verdict.cancel == ()
    shrunk = (leg_working(Role.STOP_LOSS, 2), leg_working(Role.TAKE_PROFIT, 2))
    sent = part(3, *shrunk)
    assert isinstance(sent, Send)
    assert (sent.intent.action, sent.intent.qty_contracts) == (Action.SELL, 1)


@pytest.mark.parametrize(
    ("net", "qty", "closed", "expected"),
    [(3, 2, 0, 2), (3, 2, 1, 1), (1, 2, 0, 1), (-3, 2, 0, 2)],
)
def test_a_part_is_never_more_than_asked_or_held(
    net: int, qty: int, closed: int, expected: int
) -> None:
    verdict = part(net, closed_by_legs=closed, qty=qty)
    assert isinstance(verdict, Send)
    assert verdict.intent.qty_contracts == expected
    assert verdict.intent.action.sign * net < 0


@pytest.mark.parametrize(("net", "closed"), [(0, 0), (2, 1), (2, 5)])
def test_a_part_that_is_closed_already_ends(net: int, closed: int) -> None:
    verdict = part(net, closed_by_legs=closed)
    assert isinstance(verdict, End)
    assert (verdict.state, verdict.code) == (IntentState.SKIPPED, "exit.part_closed")


def test_a_part_waits_for_what_moves_the_position() -> None:
    market = Working(
        IntentId(uuid4()), 9, Role.ENTRY, OrderType.MARKET, IntentState.WORKING, NOW, 1
    )
    assert part(2, market) == Wait("working")
    assert part(2, leg_working(Role.STOP_LOSS, 2, order_id=None)) == Wait("working")
    resting = replace(market, order_type=OrderType.LIMIT)
    assert isinstance(part(2, resting), Send)
    filling = replace(resting, qty_contracts=3, filled_contracts=2)
    assert part(2, filling) == Wait("working", (9,))  # what else would its legs stand for


@pytest.mark.parametrize("role", [Role.EXIT, Role.REDUCE])
def test_a_part_cuts_nothing_short_that_closes(role: Role) -> None:
    long_ago = NOW - timedelta(seconds=5)
    slow = Working(IntentId(uuid4()), 9, role, OrderType.MARKET, IntentState.WORKING, long_ago, 3)
    assert part(2, slow) == Wait("working")
    assert part(2, replace(slow, role=Role.ENTRY)) == Wait("working", (9,))


def test_a_part_waits_for_the_entry_it_is_a_part_of() -> None:
    """A reverse is flat for a moment: what was asked of its other side is not over yet."""
    entry = Working(
        IntentId(uuid4()), 9, Role.ENTRY, OrderType.MARKET, IntentState.ACCEPTED, NOW, 1
    )
    assert part(0, entry) == Wait("working")
    assert isinstance(part(0, entry, closed_by_legs=1), End)
