"""Looks again and again whether our books and the broker's have parted.

Trades of others are in the record within a moment of the stream, and so is their name. What only
the broker's position shows is compared once the feed has been at rest for a while, so that a fill
on its way is not taken for a difference.
"""

from __future__ import annotations

from typing import Final

from execution.bell import Bell
from execution.login import Login
from execution.logins import Logins
from execution.rounds import Rounds
from shared.domain.ids import ConnectionId
from shared.ports.clock import Clock
from shared.ports.ledger import Ledger, Nets

_EVERY_S: Final = 0.5
# Longer than reconciling takes to believe a difference.
REST_S: Final = 4.0


class DriftWatch:
    def __init__(self, ledger: Ledger, logins: Logins, bell: Bell, clock: Clock) -> None:
        self._ledger = ledger
        self._logins = logins
        self._bell = bell
        self._clock = clock
        self.rounds = Rounds("drift", _EVERY_S, self._round)

    async def _round(self) -> None:
        leases = self._logins.sendable()
        if not leases:
            return
        told: dict[ConnectionId, Nets] = {}
        for lease in leases:
            login = self._logins.get(lease.connection_id)
            if login is not None and self._rests(login):
                positions = login.tracker.positions.items()
                told[lease.connection_id] = {place: fact.net_qty for place, fact in positions}
        self._bell(await self._ledger.look_for_drift(leases, told))

    def _rests(self, login: Login) -> bool:
        tracker = login.tracker
        if tracker.synced_since_s is None:
            return False
        return self._clock.monotonic() - tracker.quiet_since_s >= REST_S
