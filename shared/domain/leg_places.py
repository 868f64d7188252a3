"""Legs at their prices: distances become levels once there is a price to measure from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from shared.domain.bracket import LegPrice, leg_price
from shared.domain.ladder import Offset, share_of, ticks_at
from shared.domain.order import Action, OrderIntent, Role


def level_of(
    role: Role, entry: Action, base: Decimal, offset: Offset, tick: Decimal
) -> LegPrice | None:
    """Where a leg of an entry at `base` stands; None of one whose level does not follow from it."""
    if offset.ticks is None and offset.percent is None:
        return None
    return leg_price(role, entry, base, ticks_at(offset, role, base, tick), tick)


def priced(leg: OrderIntent, entry: Action, base: Decimal, tick: Decimal) -> OrderIntent:
    level = level_of(leg.role, entry, base, Offset(leg.offset_ticks, leg.offset_percent), tick)
    if level is None:
        return leg
    return replace(leg, price=level.price, stop_price=level.stop_price)


def wrong_side(legs: Iterable[OrderIntent], entry: Action, base: Decimal) -> OrderIntent | None:
    """The first leg that would trade at once at `base`, or has no price at all."""
    for leg in legs:
        level = leg.price if leg.price is not None else leg.stop_price
        gains = 1 if leg.role is Role.TAKE_PROFIT else -1
        if level is None or level <= 0 or (level - base) * entry.sign * gains <= 0:
            return leg
    return None


# Between a refusal of an earlier rung's pair and the next try: the broker may only have been busy.
_TRY_AGAIN_AFTER_S: Final = (2.0, 10.0)


def try_again_after_s(attempt: int) -> float | None:
    """When a pair that was refused for the n-th time leaves again; None: not any more.

    The entry's first pair covers its part meanwhile, and for good afterwards.
    """
    tries = len(_TRY_AGAIN_AFTER_S)
    return _TRY_AGAIN_AFTER_S[attempt - 1] if attempt <= tries else None


@dataclass(frozen=True, slots=True)
class RungStand:
    """What decides about a pair of an earlier rung once its entry is over.

    `entry_price` is what its legs are measured from. `planned_contracts` of the entry, of which
    `filled_contracts` came and `before_contracts` were planned for earlier rungs. `free_contracts`
    are held and covered by no other pair than the entry's first; `covered_contracts` that pair
    covers now, 0 when it is gone.
    """

    entry: Action
    entry_price: Decimal
    planned_contracts: int
    filled_contracts: int
    before_contracts: int
    free_contracts: int
    covered_contracts: int


def rung_contracts(stand: RungStand, planned_contracts: int) -> int:
    """How many the pair takes over from the entry's first pair, of which one at least stays."""
    share = share_of(
        planned_contracts, stand.before_contracts, stand.planned_contracts, stand.filled_contracts
    )
    return max(0, min(share, stand.free_contracts - 1, stand.covered_contracts - 1))
