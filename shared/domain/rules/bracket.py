"""What leaves with an entry: targets, stop, and what moves them later."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from shared.domain.rules.base import CONTRACTS_MAX, Amount, Rule, Ticks, exact


class DistanceUnit(StrEnum):
    """How a distance from the entry is told. PRICE is no distance but the level itself."""

    TICKS = "ticks"
    POINTS = "points"
    PERCENT = "percent"  # of the entry's price
    DOLLARS = "dollars"  # per contract
    PRICE = "price"


class TrimUnit(StrEnum):
    CONTRACTS = "contracts"  # of the strategy's size, scaled with the account like the entry
    PERCENT = "percent"  # of the entry's quantity in the account


class Target(Rule):
    """One rung. The trims of all rungs share out the entry; the last rung takes what is left."""

    at: Amount
    unit: DistanceUnit = DistanceUnit.TICKS
    trim: Amount | None = None  # None: all that is left
    trim_unit: TrimUnit = TrimUnit.PERCENT


class Trail(Rule):
    """Once `trigger` is gained the stop follows the best price at `distance`, in whole `step`s."""

    distance: Amount
    trigger: Annotated[Decimal, BeforeValidator(exact), Field(ge=0, le=1_000_000)] = Decimal(0)
    step_ticks: Annotated[int, BeforeValidator(exact), Field(ge=1, le=100_000)] = 1
    unit: DistanceUnit = DistanceUnit.TICKS

    @model_validator(mode="after")
    def _relative(self) -> Trail:
        if self.unit is DistanceUnit.PRICE:
            raise ValueError("a trailing distance cannot be a price level")
        return self


class BreakEven(Rule):
    """After a gain of `after_ticks` the stop moves to the entry price plus `plus_ticks`."""

    after_ticks: Annotated[int, BeforeValidator(exact), Field(ge=1, le=1_000_000)]
    plus_ticks: Ticks = 0

    @model_validator(mode="after")
    def _behind(self) -> BreakEven:
        if self.plus_ticks >= self.after_ticks:
            raise ValueError("plus_ticks must be smaller than after_ticks")
        return self


class Stop(Rule):
    at: Amount
    unit: DistanceUnit = DistanceUnit.TICKS
    trail: Trail | None = None
    break_even: BreakEven | None = None


class AverageDown(Rule):
    """Adds `contracts` whenever the price is a `step` beyond the position's worst entry.

    The worst entry is the one furthest against the position: the first one, and then each add. So
    adds are a step apart, however the price falls, and never closer. `contracts` are scaled with
    the account like the strategy's size. At most `times` are tried for one position, and none once
    a stop of the position is reached. Each leaves with the bracket of the first entry. A PRICE is
    no step: it is not taken from anybody, and what is stored with one adds nothing.
    """

    step: Amount
    unit: DistanceUnit = DistanceUnit.TICKS
    contracts: Annotated[int, BeforeValidator(exact), Field(ge=1, le=CONTRACTS_MAX)] = 1
    times: Annotated[int, BeforeValidator(exact), Field(ge=1, le=100)] = 1


class OnAdd(StrEnum):
    PER_ENTRY = "per_entry"  # each add has its own bracket
    PER_POSITION = "per_position"  # all legs move to the new average


class Bracket(Rule):
    """What leaves with every entry. Empty: nothing does."""

    targets: Annotated[tuple[Target, ...], Field(max_length=10)] = ()
    stop: Stop | None = None
    on_add: OnAdd = OnAdd.PER_ENTRY
    average_down: AverageDown | None = None
    from_alert: bool = True  # levels named in the alert win over these
    # Of distances that come without a unit, as the original's clients may send them later.
    told_in: DistanceUnit = DistanceUnit.TICKS


def plain_bracket(target_ticks: int | None, stop_ticks: int | None) -> Bracket:
    """One target and one stop; None: without."""
    return Bracket(
        targets=() if target_ticks is None else (Target(at=Decimal(target_ticks)),),
        stop=None if stop_ticks is None else Stop(at=Decimal(stop_ticks)),
    )
