"""When the broker says it may be away: failures in these hours are its rest, not our trouble.

Chicago time, the widest of the published windows (Tradovate partner page on maintenance):
Monday to Thursday 16-17, Friday 16-20, Saturday 22 until Sunday 6:30.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Final
from zoneinfo import ZoneInfo

_CHICAGO: Final = ZoneInfo("America/Chicago")
_FRIDAY: Final = 4
_DAILY: Final = (time(16), time(17))
_WEEKLY: Final = (time(16), time(20))
_WEEKEND: Final = (time(22), time(6, 30))


def is_maintenance(at: datetime) -> bool:
    """`at` is aware. Says that silence is to be expected, not that the broker is away."""
    wall = at.astimezone(_CHICAGO)
    clock, weekday = wall.time(), wall.weekday()
    match weekday:
        case 5:  # Saturday
            return clock >= _WEEKEND[0]
        case 6:  # Sunday
            return clock < _WEEKEND[1]
        case _:
            begin, end = _WEEKLY if weekday == _FRIDAY else _DAILY
            return begin <= clock < end
