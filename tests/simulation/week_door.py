"""Everything that arrived at the venue's door, and whether any quota of the broker was passed.

HTTP is noted on the wire, where refused tokens are seen too; requests over a socket by the guard,
the only place that all of them pass; sockets when they are dialled. All logins leave by one
address. The figures are the broker's (partner page "Rate Limits"); ours lie below them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import httpx

from paper.calls import Call, Endpoint
from paper.guard import Guard, Verdict
from shared.ports.clock import Clock
from tests.simulation.wire import App as WireApp
from tests.simulation.wire import Line, Link, LinkTransport, Wire

LOGIN: Final = "auth/accesstokenrequest"
_PREFIX: Final = "/v1/"
_OK: Final = 200
_SECOND, _MINUTE, _HOUR = 1.0, 60.0, 3_600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; `failed` as the broker would count it, `at_s` of the loop."""

    at_s: float
    login: str
    name: str
    failed: bool = False


@dataclass(slots=True)
class Door:
    """What was asked, in order, by everybody."""

    clock: Clock
    asked: list[Asked] = field(default_factory=list)
    dialled_s: list[float] = field(default_factory=list)

    def note(self, at_s: float, login: str, name: str, *, failed: bool = False) -> None:
        self.asked.append(Asked(at_s, login, name, failed))

    def passed(self) -> list[str]:
        """Each quota that was not kept, with the figure; empty when all were."""
        return [*self._by_login(), *self._by_address(), *self._by_spacing()]

    def of(self, name: str, *, failed: bool | None = None) -> list[float]:
        return [a.at_s for a in self.asked if a.name == name and failed in (None, a.failed)]

    def busiest(self) -> Iterator[str]:
        """The most that each login asked within any minute and any hour."""
        for login, times in self._times_s():
            minute, hour = worst(times, _MINUTE), worst(times, _HOUR)
            yield f"{login}: {len(times)} requests, {minute} in a minute, {hour} in an hour"

    def _times_s(self) -> Iterator[tuple[str, list[float]]]:
        for login in sorted({asked.login for asked in self.asked}):
            yield login, [asked.at_s for asked in self.asked if asked.login == login]

    def _by_login(self) -> Iterator[str]:
        for login, times in self._times_s():
            for within_s, most in ((_SECOND, 100), (_MINUTE, 200), (_HOUR, 4_600)):
                yield from _over(f"{login} in {within_s} s", times, within_s, most)

    def _by_address(self) -> Iterator[str]:
        yield from _over("renewals", self.of("auth/renewaccesstoken"), _HOUR, 12)
        yield from _over("failed logins", self.of(LOGIN, failed=True), _HOUR, 4)
        yield from _over("failed me", self.of("auth/me", failed=True), _HOUR, 10)
        yield from _over("syncs", self.of("user/syncrequest"), _HOUR, 300)
        yield from _over("dry runs", self.of("order/dryrun"), _HOUR, 500)
        signed_in = self.of(LOGIN)
        yield from _over("anonymous in a second", signed_in, _SECOND, 100)
        yield from _over("anonymous in an hour", signed_in, _HOUR, 1_000)

    def _by_spacing(self) -> Iterator[str]:
        yield from _over("logins in 15 s", self.of(LOGIN), 14.9, 1)
        yield from _over("sockets in 3 s", self.dialled_s, 2.9, 1)


def worst(times_s: Iterable[float], within_s: float) -> int:
    """How many fell into the fullest sliding window."""
    times = sorted(times_s)
    start, most = 0, 0
    for end, at_s in enumerate(times):
        while times[start] <= at_s - within_s:
            start += 1
        most = max(most, end - start + 1)
    return most


def _over(what: str, times_s: Iterable[float], within_s: float, most: int) -> Iterator[str]:
    found = worst(times_s, within_s)
    if found > most:
        yield f"{what}: {found} where {most} are allowed"


class DoorGuard(Guard):
    """The venue's guard, noting what came over sockets."""

    def __init__(self, door: Door, names: dict[int, str]) -> None:
        super().__init__()
        self._door = door
        self._names = names

    def verdict(self, call: Call, target: Endpoint) -> Verdict | None:
        if call.socket is not None and call.session is not None:
            login = self._names[call.session.user_id]
            self._door.note(self._door.clock.monotonic(), login, target.name.lower())
        return super().verdict(call, target)


class DoorTransport(LinkTransport):
    """One login's HTTP, noted with how it was answered."""

    def __init__(self, link: Link, app: WireApp, door: Door, login: str) -> None:
        super().__init__(link, app)
        self._door = door
        self._login = login

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        at_s = self._door.clock.monotonic()
        name = request.url.path.removeprefix(_PREFIX).lower()
        try:
            response = await super().handle_async_request(request)
            body = await response.aread()
        except httpx.HTTPError:
            self._door.note(at_s, self._login, name, failed=True)
            raise
        failed = response.status_code != _OK or b"errorText" in body or b"p-ticket" in body
        self._door.note(at_s, self._login, name, failed=failed)
        return response


class DoorWire(Wire):
    """One login's sockets, noted when dialled."""

    def __init__(self, link: Link, app: WireApp, door: Door) -> None:
        super().__init__(link, app)
        self._door = door

    async def connect(self, url: str) -> Line:
        self._door.dialled_s.append(self._door.clock.monotonic())
        return await super().connect(url)
