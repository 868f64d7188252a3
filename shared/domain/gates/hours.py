"""When entries are taken: the strategy's windows, the account's, each in its own zone."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from shared.domain.decision.entry import Entry
from shared.domain.gates.refusal import Refusal
from shared.domain.gates.windows import contains, opens_at
from shared.domain.plan import Denied

_COMPARES: Final = "the time, in the zone of the windows"
_AGAIN: Final = "it is {now} there, and entries are taken again from {opens} ({zone})."

STRATEGY: Final = Refusal("hours.strategy", _COMPARES, f"Outside the strategy's hours: {_AGAIN}")
ACCOUNT: Final = Refusal("hours.account", _COMPARES, f"Outside the account's hours: {_AGAIN}")
REFUSALS: Final = (STRATEGY, ACCOUNT)


def outside_hours(entry: Entry) -> Denied | None:
    now = entry.scene.now
    both = ((entry.strategy.rules.hours, STRATEGY), (entry.link.rules.hours, ACCOUNT))
    for hours, refusal in both:
        if not contains(hours, now):
            opens, zone = opens_at(hours, now), ZoneInfo(hours.zone)
            return refusal.deny(
                now=_in_words(now, zone),
                opens="no time at all" if opens is None else _in_words(opens, zone),
                zone=hours.zone,
            )
    return None


def _in_words(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"
