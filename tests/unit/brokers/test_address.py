"""A day of forty logins on one address, in virtual time: quotas kept, and no token let go."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

import httpx
import pytest

from shared.brokers.tradovate.auth import Auth
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Urls
from shared.brokers.tradovate.quota import (
    Ask,
    Denied,
    Ending,
    Granted,
    MemoryAttempts,
    Quotas,
    TwoBooks,
    Verb,
)
from shared.brokers.tradovate.rest import Rest
from shared.domain.errors import BrokerUnavailable, CredentialsExpired, Unavailable
from tests.unit.brokers.fake_clock import FakeClock
from tests.unit.brokers.venue import LOGIN, MemoryTokens
from tests.unit.brokers.virtual_time import VirtualClock, run

DAY_S, LIFE_S, HOUR_S = 86_400.0, 4_800.0, 3_600.0
LOGINS, AT_RISK = 40, 12
URLS = Urls.of("https://demo.tradovateapi.com/v1")


@dataclass
class Address:
    """The broker's side of one address: rolling hours of 2.7, and who asked when."""

    clock: VirtualClock
    rng: Random
    logins: list[float] = field(default_factory=list)
    renewals: list[float] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    trouble: float = 0.02  # share of answers that are a 500

    def answer(self, request: httpx.Request) -> httpx.Response:
        now_s = self.clock.monotonic()
        renewal = request.url.path.endswith("renewaccesstoken")
        (self.renewals if renewal else self.logins).append(now_s)
        if self.rng.random() < self.trouble and now_s > HOUR_S:
            if not renewal:
                self.failed.append(now_s)
            return httpx.Response(500)
        end = self.clock.now() + timedelta(seconds=LIFE_S)
        return httpx.Response(
            200,
            json={
                "accessToken": f"{now_s}-{self.rng.random()}",
                "expirationTime": end.isoformat(),
                "userId": 7,
            },
        )


@asynccontextmanager
async def kept(auths: list[Auth]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(auth.keep()) for auth in auths]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def most_in_an_hour(times: list[float]) -> int:
    window: deque[float] = deque()
    most = 0
    for at in times:
        window.append(at)
        while window[0] <= at - HOUR_S:
            window.popleft()
        most = max(most, len(window))
    return most


async def a_day(seed: int) -> tuple[Address, list[tuple[float, int]]]:
    """Forty logins, twelve of them with a position open at any time, another twelve each hour."""
    clock, rng = VirtualClock(), Random(seed)  # noqa: S311 - a scenario, no secret
    address = Address(clock, rng)
    egress = Egress(clock, rng)
    risky = set(range(AT_RISK))
    auths = []
    for number in range(LOGINS):
        login = replace(LOGIN, name=f"user-{number}")
        rest = Rest(URLS.rest, httpx.MockTransport(address.answer))
        auth = Auth(
            login,
            rest,
            clock,
            MemoryTokens(),
            egress.door(URLS, login),
            at_risk=lambda number=number: number in risky,  # type: ignore[misc] # bound now
        )
        auths.append(auth)
    lapses = []
    async with kept(auths):
        while clock.monotonic() < DAY_S:
            await clock.sleep(5.0)
            now_s = clock.monotonic()
            if now_s % HOUR_S < 5.0:
                risky.clear()
                risky.update(rng.sample(range(LOGINS), AT_RISK))
            if now_s > HOUR_S:
                lapses += [(now_s, n) for n, auth in enumerate(auths) if auth.held is None]
    return address, lapses


@pytest.mark.parametrize("seed", [1, 2])
def test_a_day_of_forty_logins_on_one_address(seed: int) -> None:
    address, lapses = run(a_day(seed))
    assert lapses == []  # neither with a position open nor without
    assert most_in_an_hour(address.renewals) <= 12
    assert most_in_an_hour(address.failed) <= 4
    pauses = [b - a for a, b in itertools.pairwise(address.logins)]
    assert min(pauses) >= 15 - 0.01
    assert len(address.renewals) > 200  # the quota is used, not avoided
    assert len(address.failed) >= 1


# --- the lines, one by one ----------------------------------------------------------------------
def ask(verb: Verb = Verb.LOGIN, login: str = "a", *, at_risk: bool = True) -> Ask:
    return Ask("here", verb, login, at_risk, Quotas())


async def spend(book: MemoryAttempts, wish: Ask, ending: Ending) -> None:
    verdict = await book.take(wish)
    assert isinstance(verdict, Granted)
    await book.settle(verdict.attempt_id, ending)


async def test_the_last_renewals_of_an_hour_are_kept_for_open_risk() -> None:
    clock = FakeClock()
    book = MemoryAttempts(clock)
    for _ in range(6):
        await spend(book, ask(Verb.RENEWAL, at_risk=False), Ending.GOOD)
        clock.advance(1)
    assert await book.take(ask(Verb.RENEWAL, at_risk=False)) == Denied(
        "broker.renewals_spent", 3_594
    )
    for _ in range(6):
        await spend(book, ask(Verb.RENEWAL), Ending.GOOD)
    assert isinstance(await book.take(ask(Verb.RENEWAL)), Denied)
    clock.advance(3_594)
    assert isinstance(await book.take(ask(Verb.RENEWAL)), Granted)


async def test_four_failures_end_all_logins_of_the_address_for_the_hour() -> None:
    clock = FakeClock()
    book = MemoryAttempts(clock)
    for _ in range(4):
        await spend(book, ask(), Ending.FAILED)
        clock.advance(15)
    assert await book.take(ask(login="b")) == Denied("broker.logins_spent", 3_540)
    clock.advance(3_540)
    assert isinstance(await book.take(ask(login="b")), Granted)


async def test_logins_are_fifteen_seconds_apart_for_everybody() -> None:
    clock = FakeClock()
    book = MemoryAttempts(clock)
    await spend(book, ask(), Ending.GOOD)
    clock.advance(5)
    assert await book.take(ask(login="b")) == Denied("broker.sign_in_paused", 10)


async def test_a_captcha_rests_one_login_and_a_lock_all() -> None:
    clock = FakeClock()
    book = MemoryAttempts(clock)
    await spend(book, ask(), Ending.CAPTCHA)
    clock.advance(15)
    assert await book.take(ask()) == Denied("broker.captcha", 3_585)
    await spend(book, ask(login="b"), Ending.LOCKED)
    for wish in (ask(login="c"), ask(Verb.RENEWAL, "c")):
        assert await book.take(wish) == Denied("broker.locked", 3_600)


async def test_memory_decides_while_the_shared_book_is_away() -> None:
    class Away(MemoryAttempts):
        async def take(self, ask: Ask) -> Granted | Denied:
            raise Unavailable("db.away", "away")

    clock = FakeClock()
    book = TwoBooks(MemoryAttempts(clock), Away(clock), Unavailable)
    verdict = await book.take(ask())
    assert isinstance(verdict, Granted)
    await book.settle(verdict.attempt_id, Ending.FAILED)
    assert isinstance(await book.take(ask()), Denied)


async def test_what_the_shared_book_denies_was_not_spent() -> None:
    clock = FakeClock()
    shared = MemoryAttempts(clock)
    mine, theirs = (TwoBooks(MemoryAttempts(clock), shared, Unavailable) for _ in range(2))
    assert isinstance(await mine.take(ask()), Granted)
    assert isinstance(await theirs.take(ask()), Denied)
    clock.advance(15)
    assert isinstance(await theirs.take(ask()), Granted)


async def test_secrets_that_were_refused_are_not_shown_by_a_new_owner_either() -> None:
    clock = FakeClock()
    egress = Egress(clock, Random(1))  # noqa: S311 - jitter, no secret
    asked: list[object] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return httpx.Response(200, json={"errorText": "Incorrect username or password."})

    def auth(password: str) -> Auth:
        login = replace(LOGIN, password=type(LOGIN.password)(password))
        rest = Rest(URLS.rest, httpx.MockTransport(refuse))
        return Auth(login, rest, clock, MemoryTokens(), egress.door(URLS, login))

    for password, count in (("wrong", 1), ("wrong", 1), ("other", 2)):
        with pytest.raises(CredentialsExpired):
            await auth(password).token()
        assert len(asked) == count
        clock.advance(60)


async def test_the_gate_of_a_host_is_one_for_all_its_logins() -> None:
    egress = Egress(FakeClock(), Random(1))  # noqa: S311 - jitter, no secret
    demo = Urls.of("https://demo.tradovateapi.com/v1")
    live = Urls.of("https://live.tradovateapi.com/v1")
    assert egress.gate(demo.socket, metered=True) is egress.gate(demo.socket, metered=True)
    assert egress.gate(demo.socket, metered=True) is not egress.gate(live.socket, metered=True)
    assert egress.gate(demo.md_socket, metered=True) is egress.gate(live.md_socket, metered=True)
    assert (demo.metered, Urls.of("http://127.0.0.1:5010/v1").metered) == (True, False)


def test_a_login_that_waits_for_its_turn_says_for_how_long() -> None:
    async def scene() -> None:
        clock = VirtualClock()
        address = Address(clock, Random(1), trouble=0)  # noqa: S311 - a scenario, no secret
        egress = Egress(clock, Random(1))  # noqa: S311 - jitter, no secret

        def auth(name: str) -> Auth:
            login = replace(LOGIN, name=name)
            rest = Rest(URLS.rest, httpx.MockTransport(address.answer))
            return Auth(login, rest, clock, MemoryTokens(), egress.door(URLS, login))

        await auth("a").token()
        with pytest.raises(BrokerUnavailable) as caught:
            await auth("b").token()
        assert caught.value.code == "broker.sign_in_paused"
        assert caught.value.context["retry_after_s"] == pytest.approx(15, abs=0.01)

    run(scene())
