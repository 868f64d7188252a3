"""Distances, rounding and the sharing out of a ladder."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.instruments import PRODUCTS, product_of
from shared.domain.ladder import At, Offset, place_of, shares, ticks_at, ticks_from
from shared.domain.order import Action, Role
from shared.domain.price import is_on_tick
from shared.domain.rules.bracket import DistanceUnit, Target, TrimUnit

NQ = product_of("NQ")  # 0.25 points a tick, 5 USD a tick
TP, SL = Role.TAKE_PROFIT, Role.STOP_LOSS


@pytest.mark.parametrize(
    ("at", "unit", "target_ticks", "stop_ticks"),
    [
        ("10", DistanceUnit.TICKS, 10, 10),
        ("10.5", DistanceUnit.TICKS, 10, 11),
        ("2.5", DistanceUnit.POINTS, 10, 10),
        ("2.6", DistanceUnit.POINTS, 10, 11),
        ("52", DistanceUnit.DOLLARS, 10, 11),
        ("0.1", DistanceUnit.TICKS, 1, 1),
    ],
)
def test_a_target_is_rounded_in_and_a_stop_out(
    at: str, unit: DistanceUnit, target_ticks: int, stop_ticks: int
) -> None:
    assert place_of(Decimal(at), unit, TP, Action.BUY, NQ) == Offset(target_ticks)
    assert place_of(Decimal(at), unit, SL, Action.BUY, NQ) == Offset(stop_ticks)


def test_a_percentage_waits_for_the_price() -> None:
    half = place_of(Decimal("0.5"), DistanceUnit.PERCENT, SL, Action.SELL, NQ)
    assert half == Offset(percent=Decimal("0.5"))
    assert isinstance(half, Offset)
    assert ticks_at(half, SL, Decimal(20000), NQ.tick_size) == 400
    assert ticks_at(half, SL, Decimal(-20000), NQ.tick_size) == 400


@pytest.mark.parametrize(
    ("entry", "expected"), [(Action.BUY, "19990.00"), (Action.SELL, "19990.25")]
)
def test_a_level_lies_on_the_tick_towards_safety(entry: Action, expected: str) -> None:
    for role in (TP, SL):
        place = place_of(Decimal("19990.10"), DistanceUnit.PRICE, role, entry, NQ)
        assert place == At(Decimal(expected))


@given(
    at=st.decimals("0.01", 100_000, places=4),
    role=st.sampled_from([TP, SL]),
    entry=st.sampled_from(list(Action)),
    root=st.sampled_from(sorted(PRODUCTS)),
)
def test_levels_lie_on_the_tick_of_every_product(
    at: Decimal, role: Role, entry: Action, root: str
) -> None:
    place = place_of(at, DistanceUnit.PRICE, role, entry, PRODUCTS[root])
    assert isinstance(place, At)
    assert is_on_tick(place.price, PRODUCTS[root].tick_size)
    assert abs(place.price - at) < PRODUCTS[root].tick_size


def target(trim: str | None, unit: TrimUnit = TrimUnit.PERCENT) -> Target:
    return Target(at=Decimal(10), trim=None if trim is None else Decimal(trim), trim_unit=unit)


@pytest.mark.parametrize(
    ("targets", "qty", "multiplier", "expected"),
    [
        ([target("50"), target(None)], 4, "1", (2, 2)),
        ([target("50"), target(None)], 3, "1", (2, 1)),
        ([target("33"), target("33"), target("34")], 3, "1", (1, 1, 1)),
        ([target("33"), target("33"), target("34")], 1, "1", (0, 1, 0)),
        ([target("50"), target("50")], 1, "1", (1, 0)),
        ([target("25"), target("25"), target("50")], 8, "1", (2, 2, 4)),
        ([target("1", TrimUnit.CONTRACTS), target(None)], 6, "2", (2, 4)),
        ([target("9", TrimUnit.CONTRACTS), target(None)], 6, "1", (6, 0)),
        ([target(None), target(None)], 3, "1", (3, 0)),
        ([target(None)], 3, "1", (3,)),
        ([], 3, "1", ()),
    ],
)
def test_shares(
    targets: list[Target], qty: int, multiplier: str, expected: tuple[int, ...]
) -> None:
    assert shares(targets, qty, Decimal(multiplier)) == expected


@given(
    trims=st.lists(st.none() | st.decimals("0.1", 100, places=1), min_size=1, max_size=10),
    qty=st.integers(0, 100),
    multiplier=st.decimals("0.1", 10, places=1),
    unit=st.sampled_from(TrimUnit),
)
def test_shares_sum_to_the_entry(
    trims: list[Decimal | None], qty: int, multiplier: Decimal, unit: TrimUnit
) -> None:
    found = shares(
        [Target(at=Decimal(1), trim=trim, trim_unit=unit) for trim in trims], qty, multiplier
    )
    assert sum(found) == qty
    assert all(share >= 0 for share in found)


@given(
    base=st.decimals("-5000", 100_000, places=4, allow_nan=False),
    price=st.decimals("-5000", 100_000, places=4, allow_nan=False),
    root=st.sampled_from(sorted(PRODUCTS)),
)
def test_a_stop_is_never_counted_nearer_than_it_stands(
    base: Decimal, price: Decimal, root: str
) -> None:
    tick = PRODUCTS[root].tick_size
    ticks = ticks_from(base, At(price), SL, tick)
    assert ticks is not None
    assert abs(base - price) <= ticks * tick < abs(base - price) + tick or ticks == 1


def test_a_distance_that_needs_a_price_is_not_known_without_one() -> None:
    percent, tick = Offset(percent=Decimal("0.1")), NQ.tick_size
    assert ticks_from(None, Offset(7), SL, tick) == 7
    assert ticks_from(None, At(Decimal(20000)), SL, tick) is None
    assert ticks_from(None, percent, SL, tick) is None
    assert ticks_from(Decimal(20000), percent, SL, tick) == 80
    assert ticks_from(Decimal(20000), None, SL, tick) is None
