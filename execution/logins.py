"""The logins this process drives, by lease: started when taken, stopped when lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from execution.login import Login
from shared.db.failures import is_outage
from shared.domain.errors import CredentialsExpired
from shared.domain.ids import ConnectionId
from shared.ports.broker import LoginHealth, LoginState
from shared.ports.clock import Clock
from shared.ports.ledger import LEASE_S, RENEW_EVERY_S, Lease, Ledger
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

# Stop sending well before the lease runs out by the database's clock.
_TRUST_S: Final = LEASE_S - 1.5 * RENEW_EVERY_S
_RESTART_AFTER_S: Final = 1.0
_SIGN_IN_AGAIN_AFTER_S: Final = 60.0

Make = Callable[[Lease], Awaitable[Login]]


class Logins:
    def __init__(self, ledger: Ledger, clock: Clock, holder: str) -> None:
        self._ledger = ledger
        self._clock = clock
        self._holder = holder
        self._logins: dict[ConnectionId, Login] = {}
        self._tasks: dict[ConnectionId, asyncio.Task[None]] = {}
        self._held: dict[ConnectionId, Lease] = {}
        self._renewed_at_s = -LEASE_S * 2.0

    def leases(self) -> list[Lease]:
        """What is ours for sure: nothing when the last renewal is too long ago."""
        if self._clock.monotonic() - self._renewed_at_s > _TRUST_S:
            return []
        return list(self._held.values())

    def sendable(self) -> list[Lease]:
        """Leases whose login has reconciled since we took it."""
        return [
            lease
            for lease in self.leases()
            if (login := self._logins.get(lease.connection_id)) is not None and login.sendable
        ]

    def get(self, connection: ConnectionId) -> Login | None:
        """A login that is ours now."""
        if self._clock.monotonic() - self._renewed_at_s > _TRUST_S:
            return None
        return self._logins.get(connection)

    def all(self) -> list[Login]:
        return [login for login in self._logins.values() if login.sendable]

    def restart(self, connection: ConnectionId) -> None:
        """Its secrets or its token are others now: the next renewal of the leases starts it."""
        task = self._tasks.pop(connection, None)
        self._logins.pop(connection, None)
        if task is not None:
            task.cancel()

    async def run(self, make: Make) -> None:
        """Renew for ever; `make` builds the `Login` of a lease."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._renew(tasks, make)
                await self._clock.sleep(RENEW_EVERY_S)

    async def release(self) -> None:
        """On an orderly stop another process need not wait for the lease to run out."""
        self._renewed_at_s = -LEASE_S * 2.0
        await self._ledger.release_leases(self._holder)

    async def _renew(self, tasks: asyncio.TaskGroup, make: Make) -> None:
        asked_at_s = self._clock.monotonic()
        try:
            held = {
                lease.connection_id: lease
                for lease in await self._ledger.renew_leases(self._holder)
            }
            for lease in held.values():
                if self._held.get(lease.connection_id) != lease:
                    await self._ledger.take_over(lease)
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("renewal_failed", error=type(error).__name__)
            return
        lapsed = asked_at_s - self._renewed_at_s > _TRUST_S
        self._renewed_at_s = asked_at_s
        for connection in [*self._tasks]:
            if self._held.get(connection) != held.get(connection):
                self._tasks.pop(connection).cancel()
                self._logins.pop(connection, None)
                if connection not in held and not lapsed:
                    # Nobody can have taken a lease that was renewed in time: it was switched off.
                    tasks.create_task(self._say_offline(connection))
        for connection, lease in held.items():
            if connection not in self._tasks:
                _log.info("login_taken", connection_id=connection, epoch=lease.epoch)
                self._tasks[connection] = tasks.create_task(self._drive(lease, make))
        self._held = held

    async def _say_offline(self, connection: ConnectionId) -> None:
        offline = LoginHealth(LoginState.OFFLINE, None, self._clock.now(), None)
        try:
            await self._ledger.save_state(await self._ledger.login(connection), offline)
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("login_offline_not_said", connection_id=connection)

    async def _drive(self, lease: Lease, make: Make) -> None:
        """Run one login again and again: its trouble is nobody else's."""
        while True:
            wait_s = _RESTART_AFTER_S
            try:
                login = await make(lease)
                self._logins[lease.connection_id] = login
                await login.run()
            except* CredentialsExpired as group:
                wait_s = _SIGN_IN_AGAIN_AFTER_S
                _log.error("login_refused", connection_id=lease.connection_id, error=str(group))
            except* Exception:  # noqa: BLE001 - the login's edge
                _log.exception("login_failed", connection_id=lease.connection_id)
            self._logins.pop(lease.connection_id, None)
            await self._clock.sleep(wait_s)
