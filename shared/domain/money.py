"""US dollars: exact sums, and the only place in the repository that rounds money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
)
from functools import reduce

Usd = Decimal

# Arithmetic that would lose a digit raises `decimal.Inexact` instead: the default context would
# round at 28 digits without a word. 60 digits hold any price times any size we can meet.
EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, DivisionByZero])

_CENT = Decimal("0.01")
# An average need not end; ten decimals are what the database keeps of a price.
_PRICE_STEP = Decimal("1E-10")
_ROUNDING = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])


def to_cents(amount: Decimal) -> Usd:
    """Round to whole cents, half to even, so that half cents do not drift over many fills.

    Halves are real: one tick of ZF is 7.8125 USD. Round a sum once, at the edge (a booking, a
    screen); sums of rounded parts are not the rounded sum.
    """
    return amount.quantize(_CENT, context=_ROUNDING)


def usd_text(amount: Usd) -> str:
    """As people read it: with cents, and only with more digits where there are some."""
    cents = to_cents(amount)
    return f"{cents if cents == amount else amount.normalize():f}"


def number_text(value: Decimal) -> str:
    """A price or a percentage as people read it: the ten places of a stored one are no news."""
    return f"{value.normalize():f}"


def gross_usd(
    entry_price: Decimal, exit_price: Decimal, qty_signed: int, point_value: Decimal
) -> Usd:
    """Profit before fees, exact and unrounded; `qty_signed` is negative for a short.

    `point_value` is US dollars for a move of 1.0 in price for one contract.
    """
    move = EXACT.subtract(exit_price, entry_price)
    return EXACT.multiply(EXACT.multiply(move, Decimal(qty_signed)), point_value)


def split_usd(amount: Usd, weights: Sequence[int]) -> list[Usd]:
    """Share an amount in proportion; the parts add up to it exactly.

    Every part but the first is cut to whole cents, and the first takes what is left. Weights are
    not negative and not all zero.
    """
    total = Decimal(sum(weights))
    rest = [
        _ROUNDING.divide(EXACT.multiply(amount, Decimal(weight)), total).quantize(
            _CENT, ROUND_DOWN, context=_ROUNDING
        )
        for weight in weights[1:]
    ]
    return [reduce(EXACT.subtract, rest, amount), *rest]


def average_price(parts: Iterable[tuple[Decimal, int]]) -> Decimal:
    """The average of (price, quantity) pairs, to ten decimals, half to even."""
    value, qty = Decimal(0), 0
    for price, part_qty in parts:
        value = EXACT.add(value, EXACT.multiply(price, Decimal(part_qty)))
        qty += part_qty
    return _ROUNDING.divide(value, Decimal(qty)).quantize(_PRICE_STEP, context=_ROUNDING)
