"""Parameters of a bracket strategy (type 2): what they mean, and what is wrong with them. Pure.

Distances are in price points from the entry's fill, signed by direction: a Buy has its target
above (positive) and its stop below (negative), a Sell the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from paper.book_values import Side, Trail
from paper.checks import Version
from shared.domain.price import is_on_tick

INVALID: Final = "Invalid or missed parameters"
NO_BREAK_EVEN: Final = "Stop and Stop/Limit breakeven supported only"
BRACKETS_MAX: Final = 16


class BadParamsError(Exception):
    """The text is that of the answer."""


class AutoTrail(msgspec.Struct, rename="camel"):
    """From `trigger` points of profit on the stop follows `stop_loss` behind, in `freq` steps."""

    stop_loss: Decimal
    trigger: Decimal
    freq: Decimal


class Bracket(msgspec.Struct, rename="camel"):
    qty: int
    profit_target: Decimal | None = None
    stop_loss: Decimal | None = None
    trailing_stop: bool = False
    auto_trail: AutoTrail | None = None

    def trail(self, side: Side, fill_price: Decimal) -> Trail | None:
        """How the stop of a position of `side` follows the market."""
        if self.trailing_stop and self.stop_loss is not None:
            return Trail(abs(self.stop_loss))
        auto = self.auto_trail
        if auto is None:
            return None
        starts_at = fill_price + side.sign * abs(auto.trigger)
        return Trail(abs(auto.stop_loss), starts_at, abs(auto.freq))


class EntryVersion(Version, rename="camel"):
    order_qty: int | None = None


class Params(msgspec.Struct, rename="camel"):
    entry_version: EntryVersion
    brackets: list[Bracket]


def read_params(text: object, side: Side, tick_size: Decimal) -> Params:
    """Raises BadParamsError; an object instead of a JSON string is wrong too."""
    if not isinstance(text, str):
        raise BadParamsError(INVALID)
    if "breakeven" in text.lower():
        raise BadParamsError(NO_BREAK_EVEN)
    try:
        params = msgspec.json.decode(text, type=Params, strict=False)
    except msgspec.MsgspecError:
        raise BadParamsError(INVALID) from None
    qty = params.entry_version.order_qty
    some = 0 < len(params.brackets) <= BRACKETS_MAX
    if qty is None or qty < 1 or not some or not all(map(_is_whole, params.brackets)):
        raise BadParamsError(INVALID)
    if not all(_is_right(bracket, side, tick_size) for bracket in params.brackets):
        raise BadParamsError(INVALID)
    return params


def share(brackets: list[Bracket], covered: int, filled: int) -> Iterator[tuple[Bracket, int]]:
    """Which brackets take what was filled beyond `covered`, the first ones first."""
    begins = 0
    for bracket in brackets:
        ends = begins + bracket.qty
        qty = min(ends, filled) - max(begins, covered)
        if qty > 0:
            yield bracket, qty
        begins = ends


def _is_whole(bracket: Bracket) -> bool:
    return bracket.qty > 0 and (bracket.profit_target, bracket.stop_loss) != (None, None)


def _is_right(bracket: Bracket, side: Side, tick_size: Decimal) -> bool:
    """On the tick, and on the sides of the entry where they belong."""
    target, stop, auto = bracket.profit_target, bracket.stop_loss, bracket.auto_trail
    if target is not None and (target * side.sign <= 0 or not is_on_tick(target, tick_size)):
        return False
    if stop is not None and (stop * side.sign >= 0 or not is_on_tick(stop, tick_size)):
        return False
    if auto is None:
        return True
    distances = (auto.stop_loss, auto.trigger, auto.freq)
    return stop is not None and all(x != 0 and is_on_tick(x, tick_size) for x in distances)
