"""From a bracket's rules to rungs: how far, how many, rounded to the tick by one rule.

The rule: a target is rounded towards the entry, so that it is reached no later than asked; a stop
away from it, so that it is never hit sooner than asked. No distance is less than one tick. What is
risked is counted by the same rule as what is placed: `ticks_from`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from shared.domain.instruments import Product
from shared.domain.order import Action, Role
from shared.domain.rules.bracket import DistanceUnit, Target, TrimUnit


@dataclass(frozen=True, slots=True)
class Offset:
    """A distance from the entry's price, positive: in ticks, or in percent of that price."""

    ticks: int | None = None
    percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class At:
    """A level that does not move with the entry, on the tick."""

    price: Decimal


Place = Offset | At


def place_of(at: Decimal, unit: DistanceUnit, role: Role, entry: Action, product: Product) -> Place:
    """Where a leg stands, as far as it can be said before the entry has a price."""
    match unit:
        case DistanceUnit.TICKS:
            return Offset(whole_ticks(at, role))
        case DistanceUnit.POINTS:
            return Offset(whole_ticks(at / product.tick_size, role))
        case DistanceUnit.DOLLARS:
            return Offset(whole_ticks(at / product.tick_value, role))
        case DistanceUnit.PERCENT:
            return Offset(percent=at)
        case DistanceUnit.PRICE:
            return At(_on_tick(at, entry, product.tick_size))


def ticks_at(offset: Offset, role: Role, price: Decimal, tick: Decimal) -> int:
    """The distance in ticks once the entry's price is known (or estimated)."""
    if offset.ticks is not None:
        return offset.ticks
    return whole_ticks(abs(price) * (offset.percent or Decimal(0)) / 100 / tick, role)


def ticks_from(base: Decimal | None, place: Place | None, role: Role, tick: Decimal) -> int | None:
    """How far a leg stands from an entry at `base`; None without a leg or a price it needs."""
    if isinstance(place, Offset) and place.ticks is not None:
        return place.ticks
    if base is None or place is None:
        return None
    if isinstance(place, Offset):
        return ticks_at(place, role, base, tick)
    return whole_ticks(abs(place.price - base) / tick, role)


def whole_ticks(ticks: Decimal, role: Role) -> int:
    rounding = ROUND_FLOOR if role is Role.TAKE_PROFIT else ROUND_CEILING
    return max(1, int(ticks.to_integral_value(rounding=rounding)))


def _on_tick(price: Decimal, entry: Action, tick: Decimal) -> Decimal:
    """Down for both legs of a long entry, up for both of a short one."""
    down = entry is Action.BUY
    steps = (price / tick).to_integral_value(rounding=ROUND_FLOOR if down else ROUND_CEILING)
    return steps * tick


def shares(targets: Sequence[Target], qty_contracts: int, multiplier: Decimal) -> tuple[int, ...]:
    """Contracts of each rung; they sum to the entry's, the last one takes what is left.

    Trims in contracts are scaled like the entry. Trims are added up and the sums rounded, halves
    up: three times 33 percent of 3 contracts is 1 each, and a single contract goes to the rung
    that reaches its half. Where earlier rungs ask for more than there is, later ones get nothing.
    """
    wanted, done, out = Decimal(0), 0, []
    for target in targets[:-1]:
        wanted += _trim(target, qty_contracts, multiplier)
        upto = min(qty_contracts, int(wanted.to_integral_value(rounding=ROUND_HALF_UP)))
        out.append(upto - done)
        done = upto
    return (*out, qty_contracts - done) if targets else ()


def share_of(planned: int, before: int, of_contracts: int, filled: int) -> int:
    """Contracts of a rung of `planned` after `before` earlier ones, when only `filled` came.

    The rungs keep their parts of the entry, added up and rounded as `shares` does.
    """

    def upto(contracts: int) -> int:
        part = Decimal(contracts * filled) / of_contracts
        return int(part.to_integral_value(rounding=ROUND_HALF_UP))

    return upto(before + planned) - upto(before)


def _trim(target: Target, qty_contracts: int, multiplier: Decimal) -> Decimal:
    if target.trim is None:
        return Decimal(qty_contracts)
    if target.trim_unit is TrimUnit.CONTRACTS:
        return target.trim * multiplier
    return qty_contracts * target.trim / 100
