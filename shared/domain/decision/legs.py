"""What a bracket may ask for that is not offered yet: such an entry does not leave."""

from __future__ import annotations

from shared.domain.decision.entry import Entry
from shared.domain.plan import Denied, blocked
from shared.domain.rules.bracket import DistanceUnit, OnAdd

_NOT_OFFERED = "The entry would leave without a part of its bracket that is not offered yet."
_NOT_IN_TICKS = (DistanceUnit.PERCENT, DistanceUnit.PRICE)


def not_offered(entry: Entry) -> Denied | None:
    """An entry that leaves with less protection than its owner set is worse than none."""
    bracket = entry.strategy.rules.bracket
    stop = bracket.stop
    legs = (*bracket.targets, *(() if stop is None else (stop,)))
    asked = {
        "several targets": len(bracket.targets) > 1,
        "a distance in percent or a level": any(leg.unit in _NOT_IN_TICKS for leg in legs),
        "a trailing stop": stop is not None and stop.trail is not None,
        "break-even": stop is not None and stop.break_even is not None,
        "averaging down": bracket.average_down is not None,
        "legs that move with adds": bracket.on_add is OnAdd.PER_POSITION,
    }
    for part, wanted in asked.items():
        if wanted:
            return blocked("bracket.not_offered", _NOT_OFFERED, part=part)
    return None
