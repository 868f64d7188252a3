"""Where the protective legs of an entry stand. Distances in ticks, prices on the grid."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from shared.domain.order import Action, Role
from shared.domain.price import Rounding, offset, snap


@dataclass(frozen=True, slots=True)
class LegPrice:
    """A limit price for a target, a trigger for a stop; never both."""

    price: Decimal | None = None
    stop_price: Decimal | None = None


def leg_price(
    role: Role, entry: Action, base: Decimal, distance_ticks: int, tick: Decimal
) -> LegPrice:
    """The price of one leg of an entry at `base`, `distance_ticks` (positive) away from it.

    A target lies on the winning side of the entry, a stop on the losing one. An average price off
    the grid is rounded so that the stop never comes closer and the target never goes further.
    """
    gains = role is Role.TAKE_PROFIT
    ticks = distance_ticks * entry.sign * (1 if gains else -1)
    away_is_down = (
        entry is Action.BUY
    )  # for both legs: the stop is below, the target reached sooner
    grid = snap(base, tick, Rounding.DOWN if away_is_down else Rounding.UP)
    level = offset(grid, ticks, tick)
    return LegPrice(price=level) if gains else LegPrice(stop_price=level)


def needs_move(current: Decimal, wanted: Decimal, tick: Decimal) -> bool:
    """Whether a leg is worth a modify: within one tick it is left alone (design: brackets)."""
    return abs(current - wanted) > tick
