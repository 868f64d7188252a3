"""Which legs an entry has, where they stand, and how many contracts each rung takes over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.decision.rungs import Exits, exits_for
from shared.domain.ids import AccountId, SignalId
from shared.domain.instruments import product_of
from shared.domain.intents import intents_of
from shared.domain.ladder import At, Offset, share_of
from shared.domain.leg_places import RungStand, priced, rung_contracts, wrong_side
from shared.domain.order import Action, OrderIntent, Role
from shared.domain.plan import Draft
from shared.domain.price import is_on_tick
from shared.domain.rules.bracket import Bracket, BreakEven, DistanceUnit, Stop, Target, Trail
from shared.domain.stop_rules import Ride, next_stop
from tests.unit.domain.decision.test_decide import ORDER, STRATEGY

NQ = product_of("NQ")
NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)


def legs_of(exits: Exits, qty: int, action: Action = Action.BUY) -> list[OrderIntent]:
    draft = Draft(Role.ENTRY, "entry", action, "NQ", "NQZ6", qty, exits=exits)
    _, *legs = intents_of(draft, STRATEGY, SignalId(1), AccountId(1), NOW)
    return legs


parts = st.lists(st.integers(1, 60), min_size=1, max_size=5)
units = st.sampled_from([DistanceUnit.TICKS, DistanceUnit.POINTS, DistanceUnit.PERCENT])


@given(parts, units, st.integers(1, 40), st.sampled_from([1, 2, 3]), st.sampled_from(Action))
def test_rungs_share_out_the_entry_on_the_tick(
    trims: list[int], unit: DistanceUnit, qty: int, multiplier: int, action: Action
) -> None:
    targets = tuple(
        Target(at=Decimal(n), unit=unit, trim=Decimal(trim)) for n, trim in enumerate(trims, 1)
    )
    bracket = Bracket(targets=targets, stop=Stop(at=Decimal(7)))
    exits = exits_for(ORDER, bracket, action, qty, Decimal(multiplier), NQ)
    legs = legs_of(exits, qty, action)
    for role in (Role.TAKE_PROFIT, Role.STOP_LOSS):
        mine = [leg for leg in legs if leg.role is role]
        assert [leg.qty_contracts for leg in mine if leg.rung == 0] == [qty]
        assert sum(leg.qty_contracts for leg in mine if leg.rung) < qty
        assert len({leg.rung for leg in mine}) == len(mine)
    base = Decimal("20000.10")
    at = [priced(leg, action, base, NQ.tick_size) for leg in legs]
    assert wrong_side(at, action, base) is None
    levels = [leg.price if leg.price is not None else leg.stop_price for leg in at]
    assert all(level is not None and is_on_tick(level, NQ.tick_size) for level in levels)


@given(parts, st.data())
def test_what_came_is_shared_like_what_was_planned(plan: list[int], data: st.DataObject) -> None:
    total = sum(plan)
    filled = data.draw(st.integers(0, total))
    shares = [share_of(part, sum(plan[:n]), total, filled) for n, part in enumerate(plan)]
    assert sum(shares) == filled
    assert all(0 <= share <= part for share, part in zip(shares, plan, strict=True))
    if filled == total:
        assert shares == plan


@given(st.integers(1, 9), st.integers(0, 9), st.integers(-3, 9), st.integers(-3, 9))
def test_a_rung_leaves_one_to_the_first_pair(own: int, filled: int, free: int, held: int) -> None:
    stand = RungStand(Action.BUY, Decimal(1), 9, filled, 0, free, held)
    qty = rung_contracts(stand, own)
    assert 0 <= qty <= own
    assert qty == 0 or qty < min(free, held)


def test_a_stop_that_stays_has_no_rule_and_a_level_no_distance() -> None:
    bracket = Bracket(stop=Stop(at=Decimal(19990), unit=DistanceUnit.PRICE))
    (stop,) = legs_of(exits_for(ORDER, bracket, Action.BUY, 2, Decimal(1), NQ), 2)
    assert (stop.moves, stop.relative, stop.stop_price) == (None, False, Decimal(19990))


@pytest.mark.parametrize(
    ("role", "level", "wrong"),
    [
        (Role.STOP_LOSS, "20000", True),
        (Role.STOP_LOSS, "20001", True),
        (Role.STOP_LOSS, "19999", False),
        (Role.STOP_LOSS, "-1", True),
        (Role.TAKE_PROFIT, "20000", True),
        (Role.TAKE_PROFIT, "20001", False),
    ],
)
def test_a_level_must_be_on_its_side_of_the_market(role: Role, level: str, *, wrong: bool) -> None:
    (leg,) = legs_of(replace(_one_stop(), stop=None), 1)
    is_target = role is Role.TAKE_PROFIT
    at = replace(
        leg,
        role=role,
        price=Decimal(level) if is_target else None,
        stop_price=None if is_target else Decimal(level),
    )
    assert (wrong_side([at], Action.BUY, Decimal(20000)) is at) is wrong


def _one_stop() -> Exits:
    bracket = Bracket(stop=Stop(at=Decimal(10)))
    exits = exits_for(ORDER, bracket, Action.BUY, 1, Decimal(1), NQ)
    assert [rung.stop for rung in exits.rungs] == [Offset(10)]
    assert not isinstance(exits.rungs[0].stop, At)
    return exits


RULE = Stop(at=Decimal(40), trail=Trail(distance=Decimal(20)), break_even=BreakEven(after_ticks=20))
prices = st.integers(79_000, 81_000).map(lambda ticks: ticks * Decimal("0.25"))


@given(prices, prices, st.none() | prices, st.sampled_from(Action))
def test_a_stop_only_ever_tightens_and_stays_behind_the_market(
    stands_at: Decimal, market: Decimal, committed: Decimal | None, action: Action
) -> None:
    ride = Ride(action, Decimal(20000), stands_at, market)
    found = next_stop(RULE, ride, committed, NQ)
    if found is None:
        return
    assert (found - stands_at) * action.sign > 0
    assert (market - found) * action.sign > 0
    assert is_on_tick(found, NQ.tick_size)


def test_what_was_committed_is_asked_for_again_although_the_market_went_back() -> None:
    ride = Ride(Action.BUY, Decimal(20000), Decimal(19990), Decimal(20003))
    assert next_stop(RULE, ride, Decimal(20001), NQ) == Decimal(20001)
    assert next_stop(RULE, ride, Decimal(20004), NQ) == Decimal(19998)
