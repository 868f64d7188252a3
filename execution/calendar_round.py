"""What happens by the calendar: looked at once a minute, off the order path.

The look is at the beginning of a minute of the clock, because people name times in minutes. While
a move is between its two halves it is looked after each second.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from execution.bell import Bell
from execution.duties import after, duties, silent
from execution.hours import by_hours
from execution.logins import Logins
from execution.rounds import Rounds
from shared.ports.agenda import Agenda, Kept
from shared.ports.clock import Clock
from shared.ports.ledger import Lease
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_EVERY_S: Final = 1.0


class CalendarRound:
    """Makes the exits of windows and rolls; the lanes send them like any other."""

    def __init__(
        self,
        agenda: Agenda,
        logins: Logins,
        bell: Bell,
        clock: Clock,
        *,
        planned: Callable[[], None],
    ) -> None:
        self._agenda = agenda
        self._logins = logins
        self._bell = bell
        self._clock = clock
        self._planned = planned
        self._looked_in: datetime | None = None
        self._is_moving = False
        self.rounds = Rounds("calendar", _EVERY_S, self._round)

    async def _round(self) -> None:
        now = self._clock.now()
        minute = now.replace(second=0, microsecond=0)
        is_new = minute != self._looked_in
        if is_new or self._is_moving:
            await self._look(now, whole=is_new)
            self._looked_in = minute  # not before it is done: what failed is tried a second later

    async def _look(self, now: datetime, *, whole: bool) -> None:
        kept: list[Kept] = []
        for keeps_hours, leases in by_hours(self._logins.sendable(), self._logins):
            if whole:
                kept.append(await self._keep(leases, now, keeps_hours=keeps_hours))
            kept.append(await self._agenda.follow(leases, lambda roll: after(roll, now)))
        for each in kept:
            self._bell(each.events)
        self._is_moving = any(each.is_waiting or each.has_planned for each in kept)
        if any(each.has_planned for each in kept):
            _log.info("calendar_planned")
            self._planned()
        if whole:
            self._bell(await self._agenda.watch(lambda strategy: silent(strategy, now)))

    async def _keep(self, leases: list[Lease], now: datetime, *, keeps_hours: bool) -> Kept:
        return await self._agenda.keep(
            leases, lambda holding: duties(holding, now, keeps_hours=keeps_hours)
        )
