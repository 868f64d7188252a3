"""The bracket of one entry: what the alert says, else what the strategy says, as rungs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from shared.domain.alert_signal import Level, Signal
from shared.domain.instruments import Product
from shared.domain.ladder import Place, place_of, shares, ticks_from
from shared.domain.order import Action, Role
from shared.domain.rules.bracket import Bracket, OnAdd, Stop, Target, Trail, TrimUnit


@dataclass(frozen=True, slots=True)
class Rung:
    """A part of an entry with its exits. Without a target it is the part that only has a stop."""

    qty_contracts: int
    target: Place | None
    stop: Place | None


@dataclass(frozen=True, slots=True)
class Exits:
    """`rungs` share out the entry, nearest target first; empty where nothing protects it.

    `stop` keeps the rules that move the stop later. `per_position`: distances are measured from
    the average of the whole position, so they move with every add.
    """

    rungs: tuple[Rung, ...] = ()
    stop: Stop | None = None
    per_position: bool = False


NO_EXITS = Exits()


def exits_for(
    signal: Signal,
    bracket: Bracket,
    action: Action,
    qty_contracts: int,
    multiplier: Decimal,
    product: Product,
) -> Exits:
    """The exits that leave with an entry of `qty_contracts` (already scaled)."""
    targets, stop = _targets(signal, bracket), _stop(signal, bracket)
    per_position = bracket.on_add is OnAdd.PER_POSITION
    at_stop = (
        None if stop is None else place_of(stop.at, stop.unit, Role.STOP_LOSS, action, product)
    )
    if not targets:
        only = (Rung(qty_contracts, None, at_stop),)
        return NO_EXITS if at_stop is None else Exits(only, stop, per_position)
    places = [place_of(t.at, t.unit, Role.TAKE_PROFIT, action, product) for t in targets]
    parts = shares(targets, qty_contracts, multiplier)
    rungs = tuple(
        Rung(part, place, at_stop) for part, place in zip(parts, places, strict=True) if part
    )
    return Exits(rungs, stop, per_position)


def stop_ticks(exits: Exits, price: Decimal | None, product: Product) -> int | None:
    """The widest stop in ticks from `price`; None without a stop or where it needs a price."""
    tick = product.tick_size
    found = [ticks_from(price, rung.stop, Role.STOP_LOSS, tick) for rung in exits.rungs]
    if not found or any(ticks is None for ticks in found):
        return None
    return max(ticks for ticks in found if ticks is not None)


def _targets(signal: Signal, bracket: Bracket) -> tuple[Target, ...]:
    """The alert's levels win; they take the strategy's trims, or share out evenly."""
    if not (bracket.from_alert and signal.targets):
        return bracket.targets
    if len(signal.targets) == len(bracket.targets):
        pairs = zip(signal.targets, bracket.targets, strict=True)
        return tuple(
            own.model_copy(update={"at": level.at, "unit": level.unit}) for level, own in pairs
        )
    return tuple(_evenly(signal.targets))


def _evenly(levels: tuple[Level, ...]) -> Iterable[Target]:
    share = (Decimal(100) / len(levels)).quantize(Decimal("0.000000001"))
    return (
        Target(at=level.at, unit=level.unit, trim=share, trim_unit=TrimUnit.PERCENT)
        for level in levels
    )


def _stop(signal: Signal, bracket: Bracket) -> Stop | None:
    """The alert's stop keeps the strategy's rules that move it; a trail alone is a stop, too."""
    own = bracket.stop
    if not bracket.from_alert:
        return own
    trail = (
        None if signal.trail is None else Trail(distance=signal.trail.at, unit=signal.trail.unit)
    )
    level = signal.stop or (signal.trail if own is None else None)
    if level is None:
        return own if own is None or trail is None else own.model_copy(update={"trail": trail})
    kept = None if own is None else own.break_even
    moved = trail or (None if own is None else own.trail)
    return Stop(at=level.at, unit=level.unit, trail=moved, break_even=kept)
