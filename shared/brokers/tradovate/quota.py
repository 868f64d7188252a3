"""What an egress address may ask of the sign-in door, decided over the attempts of its last hour.

    login      one each 15 s, and none for the rest of an hour that saw four failures
    renewal    twelve an hour; the last of them are kept for logins that have something at risk
    captcha    that login rests for an hour
    423        the whole address rests for an hour

The broker's own lines are 5 failed logins and 15 renewals an hour for each address (Tradovate
partner page "Rate Limits"); ours lie below, because other programs may share the address. Pure,
but for `MemoryAttempts`, which remembers the attempts of this process.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from shared.ports.clock import Clock

HOUR: Final = timedelta(hours=1)
ATTEMPTS_MAX: Final = 10_000


class Verb(StrEnum):
    LOGIN = "login"
    RENEWAL = "renewal"


class Ending(StrEnum):
    """How an attempt ended; PENDING counts as failed, its process may have died."""

    PENDING = "pending"
    GOOD = "good"
    FAILED = "failed"
    CAPTCHA = "captcha"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class Quotas:
    """The lines of one address, each an hour's."""

    renewals_max: int = 12
    renewals_kept: int = 6  # of these, for logins with something at risk
    failed_logins_max: int = 4
    login_spacing_s: float = 15.0
    refused_rest_s: float = 6 * 3_600.0  # a password that was refused is not tried again before


# A venue of our own on loopback has no such lines.
UNLIMITED: Final = Quotas(ATTEMPTS_MAX, 0, ATTEMPTS_MAX, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Ask:
    """One wish to knock: by which login, at which address, and whether it has risk open."""

    scope: str
    verb: Verb
    login: str
    at_risk: bool
    quotas: Quotas


@dataclass(frozen=True, slots=True)
class Attempt:
    id: int
    verb: Verb
    login: str
    ending: Ending
    at: datetime


@dataclass(frozen=True, slots=True)
class Granted:
    attempt_id: int


@dataclass(frozen=True, slots=True)
class Denied:
    code: str
    wait_s: float


Verdict = Granted | Denied


class AttemptBook(Protocol):
    """Attempts of an address, counted over everybody who shares it."""

    async def take(self, ask: Ask) -> Verdict:
        """Count one attempt and allow it, or say how long to wait. Raises Unavailable."""

    async def settle(self, attempt_id: int, ending: Ending) -> None:
        """How an allowed attempt ended. Raises Unavailable."""


def denied(ask: Ask, recent: Sequence[Attempt], now: datetime) -> Denied | None:
    """None: go. `recent` holds at least the attempts of the last hour, of all logins."""
    hour = [each for each in recent if now - each.at < HOUR]
    locked = [each for each in hour if each.ending is Ending.LOCKED]
    if locked:
        return _until("broker.locked", locked[-1].at + HOUR, now)
    if ask.verb is Verb.RENEWAL:
        return _renewal(ask, hour, now)
    captcha = [each for each in hour if each.ending is Ending.CAPTCHA and each.login == ask.login]
    if captcha:
        return _until("broker.captcha", captcha[-1].at + HOUR, now)
    return _login(ask, hour, now)


def _renewal(ask: Ask, hour: Sequence[Attempt], now: datetime) -> Denied | None:
    spent = sorted(each.at for each in hour if each.verb is Verb.RENEWAL)
    allowed = ask.quotas.renewals_max - (0 if ask.at_risk else ask.quotas.renewals_kept)
    if len(spent) < allowed:
        return None
    return _until("broker.renewals_spent", spent[len(spent) - allowed] + HOUR, now)


def _login(ask: Ask, hour: Sequence[Attempt], now: datetime) -> Denied | None:
    logins = [each for each in hour if each.verb is Verb.LOGIN]
    failed = sorted(each.at for each in logins if each.ending is not Ending.GOOD)
    if len(failed) >= ask.quotas.failed_logins_max:
        free_at = failed[len(failed) - ask.quotas.failed_logins_max] + HOUR
        return _until("broker.logins_spent", free_at, now)
    spacing = timedelta(seconds=ask.quotas.login_spacing_s)
    last = max((each.at for each in logins), default=None)
    if last is None or now - last >= spacing:
        return None
    return _until("broker.sign_in_paused", last + spacing, now)


def _until(code: str, at: datetime, now: datetime) -> Denied:
    return Denied(code, max((at - now) / timedelta(seconds=1), 0.001))


class MemoryAttempts:
    """The book of one process: right on its own only while that process has the address."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ids = itertools.count(1)
        self._attempts: dict[str, list[Attempt]] = {}
        self._scope_of: dict[int, str] = {}

    async def take(self, ask: Ask) -> Verdict:
        now = self._clock.now()
        recent = [each for each in self._attempts.get(ask.scope, []) if now - each.at < HOUR]
        self._attempts[ask.scope] = recent
        self._scope_of = {e.id: scope for scope, some in self._attempts.items() for e in some}
        no = denied(ask, recent, now)
        if no is not None:
            return no
        attempt = Attempt(next(self._ids), ask.verb, ask.login, Ending.PENDING, now)
        recent.append(attempt)
        self._scope_of[attempt.id] = ask.scope
        return Granted(attempt.id)

    async def settle(self, attempt_id: int, ending: Ending) -> None:
        scope = self._scope_of.get(attempt_id)
        if scope is not None:
            self._attempts[scope] = [
                replace(each, ending=ending) if each.id == attempt_id else each
                for each in self._attempts[scope]
            ]

    async def forget(self, attempt_id: int) -> None:
        """It was not made after all."""
        scope = self._scope_of.pop(attempt_id, None)
        if scope is not None:
            self._attempts[scope] = [e for e in self._attempts[scope] if e.id != attempt_id]


class TwoBooks:
    """Memory in front of a shared book, which decides; while that one is away memory does."""

    def __init__(self, memory: MemoryAttempts, shared: AttemptBook, away: type[Exception]) -> None:
        self._memory = memory
        self._shared = shared
        self._away = away
        self._twins: dict[int, int] = {}

    async def take(self, ask: Ask) -> Verdict:
        mine = await self._memory.take(ask)
        if isinstance(mine, Denied):
            return mine
        try:
            theirs = await self._shared.take(ask)
        except self._away:
            return mine
        if isinstance(theirs, Denied):
            await self._memory.forget(mine.attempt_id)
            return theirs
        self._twins[mine.attempt_id] = theirs.attempt_id
        return mine

    async def settle(self, attempt_id: int, ending: Ending) -> None:
        await self._memory.settle(attempt_id, ending)
        twin = self._twins.pop(attempt_id, None)
        if twin is None:
            return
        try:
            await self._shared.settle(twin, ending)
        except self._away:
            return  # it stays pending there, which counts as failed
