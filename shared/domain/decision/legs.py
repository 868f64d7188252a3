"""What a bracket may ask for that is not offered yet: such an entry does not leave."""

from __future__ import annotations

from shared.domain.decision.entry import Entry
from shared.domain.plan import Denied, blocked
from shared.domain.rules.bracket import OnAdd

_NOT_OFFERED = "The entry would leave without a part of its bracket that is not offered yet."


def not_offered(entry: Entry) -> Denied | None:
    """An entry that leaves with less protection than its owner set is worse than none."""
    bracket = entry.strategy.rules.bracket
    asked = {
        "averaging down": bracket.average_down is not None,
        "legs that move with adds": bracket.on_add is OnAdd.PER_POSITION,
    }
    for part, wanted in asked.items():
        if wanted:
            return blocked("bracket.not_offered", _NOT_OFFERED, part=part)
    return None
