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
from shared.domain.ids import ConnectionId
from shared.ports.agenda import Agenda
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
        self._looked_in: dict[ConnectionId, datetime] = {}
        self._watched_in: datetime | None = None
        self._moving: set[bool] = set()  # of the two kinds of venue
        self.rounds = Rounds("calendar", _EVERY_S, self._round)

    async def _round(self) -> None:
        now = self._clock.now()
        minute = now.replace(second=0, microsecond=0)
        for keeps_hours, leases in by_hours(self._logins.sendable(), self._logins):
            await self._look(leases, now, keeps_hours=keeps_hours)
        if minute != self._watched_in:
            self._bell(await self._agenda.watch(lambda strategy: silent(strategy, now)))
            self._watched_in = minute

    async def _look(self, leases: list[Lease], now: datetime, *, keeps_hours: bool) -> None:
        """A login that can be sent to only later in a minute is looked after then."""
        minute = now.replace(second=0, microsecond=0)
        new = [each for each in leases if self._looked_in.get(each.connection_id) != minute]
        if not new and keeps_hours not in self._moving:
            return
        kept = [await self._agenda.follow(leases, lambda roll: after(roll, now))]
        if new:
            kept.append(
                await self._agenda.keep(
                    new, lambda holding: duties(holding, now, keeps_hours=keeps_hours)
                )
            )
        # Not before it is done: what failed is tried again a second later.
        self._looked_in |= {each.connection_id: minute for each in new}
        self._moving.discard(keeps_hours)
        if any(each.is_waiting or each.has_planned for each in kept):
            self._moving.add(keeps_hours)
        for each in kept:
            self._bell(each.events)
        if any(each.has_planned for each in kept):
            _log.info("calendar_planned")
            self._planned()
