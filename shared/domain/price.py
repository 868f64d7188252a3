"""Prices on the tick grid, exact for ticks such as 1/128 and 0.0000005 and for prices below zero.

The grid is every whole multiple of the tick, zero included. Prices and ticks must be finite, and
a tick positive: anything else is a programmer's error (`ValueError`, `decimal.InvalidOperation`).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import assert_never

from shared.domain.errors import InvalidInput
from shared.domain.money import EXACT


class Rounding(StrEnum):
    """Where a price between two ticks goes. DOWN is towards minus infinity, not towards zero."""

    DOWN = "down"
    UP = "up"
    NEAREST = "nearest"


def is_on_tick(price: Decimal, tick: Decimal) -> bool:
    return _split(price, tick)[1] == 0


def snap(price: Decimal, tick: Decimal, direction: Rounding) -> Decimal:
    """The tick at or beside `price`; a price half-way between two goes to the even one."""
    below, rest = _split(price, tick)
    return EXACT.multiply(Decimal(below + _goes_up(below, rest, tick, direction)), tick)


def offset(price: Decimal, ticks: int, tick: Decimal) -> Decimal:
    """`price` moved by `ticks` (negative: down); it stays as far off the grid as it was."""
    return EXACT.add(price, EXACT.multiply(Decimal(ticks), tick))


def ticks_between(a: Decimal, b: Decimal, tick: Decimal) -> int:
    """How many ticks from `a` up to `b`, negative when `b` is lower.

    Raises InvalidInput `price.off_tick` when the distance is no whole number of ticks.
    """
    count, rest = _split(EXACT.subtract(b, a), tick)
    if rest != 0:
        raise InvalidInput(
            "price.off_tick",
            f"{a} and {b} are not a whole number of ticks of {tick} apart.",
            a=a,
            b=b,
            tick=tick,
        )
    return count


def _split(price: Decimal, tick: Decimal) -> tuple[int, Decimal]:
    """The number of the tick at or below `price`, and what is left above it."""
    if tick <= 0:
        raise ValueError(f"A tick must be positive, not {tick}.")
    count = int(EXACT.divide_int(price, tick))
    rest = EXACT.remainder(price, tick)
    if rest < 0:  # Decimal division goes towards zero
        return count - 1, EXACT.add(rest, tick)
    return count, rest


def _goes_up(below: int, rest: Decimal, tick: Decimal, direction: Rounding) -> bool:
    match direction:
        case Rounding.DOWN:
            return False
        case Rounding.UP:
            return rest > 0
        case Rounding.NEAREST:
            twice = EXACT.add(rest, rest)
            return twice > tick or (twice == tick and below % 2 == 1)
        case _:
            assert_never(direction)
