"""A closed trade as statistics see it, and the arithmetic they share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import reduce
from typing import Final

from shared.domain.money import EXACT, Usd

ZERO: Final = Decimal(0)
CENT: Final = Decimal("0.01")
WHOLE: Final = Decimal(1)
_ROUNDING: Final = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """From flat to flat. `net_usd` is after fees; `trade_date` is the trading day of its end.

    `drawdown_usd`: the worst open result inside the trade, never above zero; None where nobody
    measured it.
    """

    net_usd: Usd
    gross_usd: Usd
    fees_usd: Usd
    qty_contracts: int
    entry_at: datetime
    exit_at: datetime
    trade_date: date
    drawdown_usd: Usd | None = None


def total(amounts: Iterable[Usd]) -> Usd:
    """Exact, however many there are."""
    return reduce(EXACT.add, amounts, ZERO)


def ratio(part: Decimal, whole: Decimal, step: Decimal) -> Decimal | None:
    """`part / whole`, rounded once, half to even; None where the whole is nothing."""
    if whole == 0:
        return None
    return _ROUNDING.divide(part, whole).quantize(step, context=_ROUNDING)


def mean(amounts: list[Decimal], step: Decimal = CENT) -> Decimal | None:
    """None of nothing."""
    return ratio(total(amounts), Decimal(len(amounts)), step)


def root(square: Decimal) -> Decimal:
    return _ROUNDING.sqrt(square)


def scaled(number: Decimal, by: Decimal, step: Decimal) -> Decimal:
    return _ROUNDING.multiply(number, by).quantize(step, context=_ROUNDING)
