"""What a bracket may ask for that is not offered yet: such an entry does not leave."""

from __future__ import annotations

from shared.domain.decision.entry import Entry
from shared.domain.plan import Denied, blocked

_NOT_OFFERED = "The entry would leave without a part of its bracket that is not offered yet."


def not_offered(entry: Entry) -> Denied | None:
    """An entry that leaves with less protection than its owner set is worse than none."""
    if entry.strategy.rules.bracket.average_down is not None:
        return blocked("bracket.not_offered", _NOT_OFFERED, part="averaging down")
    return None
