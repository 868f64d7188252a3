"""Where a stop belongs as the price moves: break-even and trailing. It only ever tightens.

Nothing is remembered between two looks but the stop itself, which stands at the broker: a restart
loses no progress.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from shared.domain.instruments import Product
from shared.domain.ladder import At, place_of, ticks_at
from shared.domain.order import Action, Role
from shared.domain.price import Rounding, offset, snap
from shared.domain.rules.bracket import BreakEven, Stop, Trail


@dataclass(frozen=True, slots=True)
class Ride:
    """A position with a working stop: its entry's average price and the market now.

    `price_now` is what the position could be closed at: the bid of a long one.
    """

    entry: Action
    entry_price: Decimal
    stop_price: Decimal
    price_now: Decimal


def tighter(rule: Stop, ride: Ride, product: Product) -> Decimal | None:
    """The price the stop should move to, on the tick; None when it should stay.

    A stop that would stand at or beyond the market is never proposed: it would trade at once.
    """
    found = [
        price
        for price in (
            None if rule.break_even is None else _break_even(rule.break_even, ride, product),
            None if rule.trail is None else _trail(rule.trail, ride, product),
        )
        if price is not None
    ]
    sign = ride.entry.sign
    best = max(found, key=lambda price: price * sign, default=None)
    if best is None or (best - ride.stop_price) * sign <= 0:
        return None
    return best if (ride.price_now - best) * sign > 0 else None


def next_stop(
    rule: Stop, ride: Ride, committed: Decimal | None, product: Product
) -> Decimal | None:
    """Like `tighter`, and never behind what was `committed` but is not seen at the broker yet."""
    sign = ride.entry.sign
    found = [
        price
        for price in (tighter(rule, ride, product), committed)
        if price is not None
        and (price - ride.stop_price) * sign > 0
        and (ride.price_now - price) * sign > 0
    ]
    return max(found, key=lambda price: price * sign, default=None)


def _gain(ride: Ride) -> Decimal:
    return (ride.price_now - ride.entry_price) * ride.entry.sign


def _break_even(rule: BreakEven, ride: Ride, product: Product) -> Decimal | None:
    if _gain(ride) < rule.after_ticks * product.tick_size:
        return None
    base = snap(ride.entry_price, product.tick_size, _inwards(ride))
    return offset(base, rule.plus_ticks * ride.entry.sign, product.tick_size)


def _inwards(ride: Ride) -> Rounding:
    """An average between two ticks is rounded to the one that loses nothing."""
    return Rounding.UP if ride.entry is Action.BUY else Rounding.DOWN


def _trail(rule: Trail, ride: Ride, product: Product) -> Decimal | None:
    tick = product.tick_size
    distance = _points(rule.distance, rule, ride, product)
    trigger = _points(rule.trigger, rule, ride, product) if rule.trigger else Decimal(0)
    if _gain(ride) < trigger:
        return None
    wanted = ride.price_now - distance * ride.entry.sign
    ahead = (wanted - ride.stop_price) * ride.entry.sign
    steps = int(ahead / (tick * rule.step_ticks))
    return (
        offset(ride.stop_price, steps * rule.step_ticks * ride.entry.sign, tick) if steps else None
    )


def _points(at: Decimal, rule: Trail, ride: Ride, product: Product) -> Decimal:
    place = place_of(at, rule.unit, Role.STOP_LOSS, ride.entry, product)
    if isinstance(place, At):  # rules refuse a price level here
        return abs(place.price - ride.entry_price)
    return ticks_at(place, Role.STOP_LOSS, ride.entry_price, product.tick_size) * product.tick_size
