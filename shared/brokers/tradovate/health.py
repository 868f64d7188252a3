"""How a login is doing, with its reason, at each moment: told by feed and sign-in, read outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final, NoReturn

from shared.brokers.tradovate.maintenance import is_maintenance
from shared.domain.errors import CredentialsExpired, TradeManagerError
from shared.ports.broker import LoginHealth, LoginState
from shared.ports.clock import Clock

# A person has to do something at the broker; for these an hour passes first.
_QUARANTINE: Final = frozenset({"broker.captcha", "broker.locked"})
_COOLING: Final = frozenset(
    {
        "broker.rate_limited",
        "broker.sign_in_paused",
        "broker.logins_spent",
        "broker.renewals_spent",
        "broker.penalty",
        "broker.connect_queued",
        "broker.budget_spent",
    }
)
_LOOK_EVERY_S: Final = 5.0
# What a broker that rests looks like from outside.
_SILENT: Final = frozenset(
    {
        "broker.unreachable",
        "broker.timeout",
        "broker.connection_lost",
        "broker.silent",
        "broker.not_opened",
        "broker.socket_failed",
        "broker.shutdown",
        "broker.shutdown_Maintenance",
        "broker.sync_failed",
        "broker.read_failed",
        "broker.sign_in_failed",
        "broker.renewal_failed",
    }
)


class HealthBoard:
    """The newest word; a reader that is slow misses what was in between."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now = LoginHealth(LoginState.CONNECTING, None, clock.now(), None)
        self._changed = asyncio.Event()
        self._rest: tuple[str, datetime] | None = None

    @property
    def now(self) -> LoginHealth:
        return self._now

    def streaming(self) -> None:
        """In sync; while orders rest that is what a person has to know of it."""
        at = self._clock.now()
        if self._rest is not None and self._rest[1] > at:
            code, until = self._rest
            self._say(LoginState.QUARANTINED, code, (until - at).total_seconds())
            return
        self._rest = None
        self._say(LoginState.STREAMING, None, None)

    def rest(self, code: str, wait_s: float) -> None:
        """No order is placed for so long, whether the feed goes on or not."""
        self._rest = (code, self._clock.now() + timedelta(seconds=wait_s))
        if self._now.state in {LoginState.STREAMING, LoginState.QUARANTINED}:
            self.streaming()

    async def keep(self) -> NoReturn:
        """Take back what is over, for ever."""
        while True:
            await self._clock.sleep(_LOOK_EVERY_S)
            over = self._rest is not None and self._rest[1] <= self._clock.now()
            if over and self._now.state is LoginState.QUARANTINED:
                self.streaming()

    def failed(self, error: TradeManagerError) -> None:
        """An error that keeps the login from its feed; it may say when the next try is due."""
        wait_s = error.context.get("retry_after_s")
        wait_s = wait_s if isinstance(wait_s, float) else None
        if error.code in _QUARANTINE:
            self._say(LoginState.QUARANTINED, error.code, wait_s)
        elif isinstance(error, CredentialsExpired):
            self._say(LoginState.STOPPED, error.code, wait_s)
        else:
            self.down(error.code, wait_s)

    def down(self, code: str, wait_s: float | None) -> None:
        if code in _SILENT and is_maintenance(self._clock.now()):
            code = "broker.maintenance"
        state = LoginState.COOLING if code in _COOLING else LoginState.CONNECTING
        self._say(state, code, wait_s)

    def displaced(self) -> None:
        """The session is over. While the feed goes on it may not know; its own end will tell."""
        if self._now.state is not LoginState.STREAMING:
            self.down("broker.session_displaced", None)

    def renewal_failed(self, error: TradeManagerError) -> None:
        """Nothing is lost yet: the feed goes on while the old token lives."""
        if self._now.state is LoginState.STREAMING:
            wait_s = error.context.get("retry_after_s")
            wait = wait_s if isinstance(wait_s, float) else None
            self._say(LoginState.STREAMING, error.code, wait)

    def renewed(self) -> None:
        if self._now.state is LoginState.STREAMING:
            self.streaming()

    async def changes(self) -> AsyncIterator[LoginHealth]:
        """The state of now, then each newer one."""
        told: LoginHealth | None = None
        while True:
            self._changed.clear()
            if self._now != told:
                told = self._now
                yield told
                continue  # it may have changed while the reader was busy
            await self._changed.wait()

    def _say(self, state: LoginState, code: str | None, wait_s: float | None) -> None:
        at = self._clock.now()
        same = (self._now.state, self._now.code) == (state, code)
        since = self._now.since if same else at
        self._now = LoginHealth(state, code, since, _after(at, wait_s))
        self._changed.set()


def _after(at: datetime, wait_s: float | None) -> datetime | None:
    return None if wait_s is None else at + timedelta(seconds=wait_s)
