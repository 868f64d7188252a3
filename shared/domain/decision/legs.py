"""The one target and the one stop that leave with an entry, as distances in ticks."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.decision.entry import Entry
from shared.domain.instruments import product_of
from shared.domain.ladder import Offset, place_of
from shared.domain.order import Role
from shared.domain.plan import Denied, blocked
from shared.domain.rules.bracket import Bracket, OnAdd, Stop, Target

_NOT_OFFERED = "The entry would leave without a part of its bracket that is not offered yet."


@dataclass(frozen=True, slots=True)
class Legs:
    target_ticks: int | None = None
    stop_ticks: int | None = None


def legs_of(entry: Entry) -> Legs | Denied:
    """Denied where the bracket asks for more than this, or for a price to be told in ticks.

    An entry that leaves with less protection than its owner set is worse than none.
    """
    bracket = entry.strategy.rules.bracket
    missing = _beyond(bracket)
    if missing is not None:
        return blocked("bracket.not_offered", _NOT_OFFERED, part=missing)
    target = bracket.targets[0] if bracket.targets else None
    try:
        return Legs(
            _ticks(target, Role.TAKE_PROFIT, entry), _ticks(bracket.stop, Role.STOP_LOSS, entry)
        )
    except ValueError as error:
        return blocked("bracket.not_offered", _NOT_OFFERED, part=str(error))


def _beyond(bracket: Bracket) -> str | None:
    stop = bracket.stop
    asked = {
        "several targets": len(bracket.targets) > 1,
        "a trim": any(target.trim is not None for target in bracket.targets),
        "a trailing stop": stop is not None and stop.trail is not None,
        "break-even": stop is not None and stop.break_even is not None,
        "averaging down": bracket.average_down is not None,
        "legs that move with adds": bracket.on_add is OnAdd.PER_POSITION,
    }
    return next((part for part, wanted in asked.items() if wanted), None)


def _ticks(leg: Target | Stop | None, role: Role, entry: Entry) -> int | None:
    if leg is None:
        return None
    place = place_of(leg.at, leg.unit, role, entry.action, product_of(entry.root))
    if isinstance(place, Offset) and place.ticks is not None:
        return place.ticks
    raise ValueError(f"a {role.value.replace('_', ' ')} in {leg.unit}")
