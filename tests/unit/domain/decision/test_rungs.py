"""Which bracket an entry gets: the alert's levels, the strategy's, or both together."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.alert_signal import Level, Side, Signal, SignalKind
from shared.domain.decision.rungs import NO_EXITS, Exits, Rung, exits_for, stop_ticks
from shared.domain.instruments import product_of
from shared.domain.ladder import At, Offset
from shared.domain.order import Action
from shared.domain.rules.bracket import (
    Bracket,
    BreakEven,
    DistanceUnit,
    Stop,
    Target,
    Trail,
)

NQ = product_of("NQ")
BUY = Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY)
EVEN = BreakEven(after_ticks=20)
OWN = Bracket(
    targets=(
        Target(at=Decimal(40), trim=Decimal(50)),
        Target(at=Decimal(80)),
    ),
    stop=Stop(at=Decimal(20), break_even=EVEN),
)


def of(signal: Signal, bracket: Bracket = OWN, qty: int = 4) -> Exits:
    return exits_for(signal, bracket, Action.BUY, qty, Decimal(1), NQ)


def level(at: str, unit: DistanceUnit = DistanceUnit.PRICE) -> Level:
    return Level(Decimal(at), unit)


def test_the_strategys_own_bracket() -> None:
    assert of(BUY).rungs == (
        Rung(2, Offset(40), Offset(20)),
        Rung(2, Offset(80), Offset(20)),
    )


def test_a_bracket_without_anything_protects_nothing() -> None:
    assert of(BUY, Bracket()) == NO_EXITS
    only_stop = Bracket(stop=Stop(at=Decimal(20)))
    assert of(BUY, only_stop).rungs == (Rung(4, None, Offset(20)),)


def test_the_alerts_levels_win_and_keep_the_strategys_trims_and_rules() -> None:
    told = replace(
        BUY, targets=(level("20100"), level("20200")), stop=level("30", DistanceUnit.TICKS)
    )
    found = of(told)
    assert [(r.qty_contracts, r.target, r.stop) for r in found.rungs] == [
        (2, At(Decimal(20100)), Offset(30)),
        (2, At(Decimal(20200)), Offset(30)),
    ]
    assert found.stop is not None
    assert found.stop.break_even == EVEN
    assert of(told, OWN.model_copy(update={"from_alert": False})) == of(BUY)


@pytest.mark.parametrize(
    ("qty", "expected"), [(3, [1, 1, 1]), (4, [1, 2, 1]), (1, [1]), (2, [1, 1])]
)
def test_targets_of_the_alert_alone_share_out_evenly(qty: int, expected: list[int]) -> None:
    told = replace(BUY, targets=tuple(level(str(at)) for at in (20100, 20200, 20300)))
    assert [rung.qty_contracts for rung in of(told, qty=qty).rungs] == expected


def test_a_trail_alone_is_a_stop_that_follows() -> None:
    told = replace(BUY, trail=level("25", DistanceUnit.TICKS))
    found = of(told, Bracket())
    assert found.rungs == (Rung(4, None, Offset(25)),)
    assert found.stop is not None
    assert found.stop.trail == Trail(distance=Decimal(25))


def test_the_widest_stop_is_what_is_risked() -> None:
    assert stop_ticks(of(BUY), None, NQ) == 20
    assert stop_ticks(NO_EXITS, Decimal(20000), NQ) is None
    percent = Bracket(stop=Stop(at=Decimal("0.5"), unit=DistanceUnit.PERCENT))
    assert stop_ticks(of(BUY, percent), None, NQ) is None
    assert stop_ticks(of(BUY, percent), Decimal(20000), NQ) == 400
    price = Bracket(stop=Stop(at=Decimal(19990), unit=DistanceUnit.PRICE))
    assert stop_ticks(of(BUY, price), Decimal(20000), NQ) == 40
    assert stop_ticks(of(BUY, price), Decimal("20000.10"), NQ) == 41


@given(
    qty=st.integers(1, 40),
    told=st.lists(st.integers(20_001, 20_400), max_size=5),
    own=st.lists(st.none() | st.integers(1, 100), max_size=5),
    multiplier=st.decimals("0.1", 5, places=1),
)
def test_rungs_sum_to_the_entry(
    qty: int, told: list[int], own: list[int | None], multiplier: Decimal
) -> None:
    bracket = Bracket(
        targets=tuple(
            Target(at=Decimal(10), trim=None if trim is None else Decimal(trim)) for trim in own
        ),
        stop=Stop(at=Decimal(20)),
    )
    signal = replace(BUY, targets=tuple(level(str(at)) for at in told))
    found = exits_for(signal, bracket, Action.BUY, qty, multiplier, NQ)
    assert sum(rung.qty_contracts for rung in found.rungs) == qty
    assert all(rung.qty_contracts > 0 for rung in found.rungs)
