"""Signing in, renewing, and what a failure may not do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest

from shared.brokers.tradovate.auth import Auth
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Urls
from shared.brokers.tradovate.rest import Rest
from shared.domain.errors import BrokerUnavailable, CredentialsExpired, Unavailable
from shared.ports.broker import Token
from tests.unit.brokers.fake_clock import FakeClock
from tests.unit.brokers.venue import LOGIN, MemoryTokens

LIFE_S = 4_800.0


class Door:
    """The two auth endpoints, scripted: each call takes the next answer, the last one stays."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.egress = Egress(self.clock, Random(1))  # noqa: S311 - jitter, no secret
        self.tokens = MemoryTokens()
        self.login: list[object] = []
        self.renewal: list[object] = []
        self.asked: list[tuple[str, Any]] = []
        self._count = 0

    def auth(self) -> Auth:
        rest = Rest("http://127.0.0.1/v1", httpx.MockTransport(self._answer))
        urls = Urls.of("http://127.0.0.1/v1")
        return Auth(LOGIN, rest, self.clock, self.tokens, self.egress.door(urls, LOGIN))

    def token(self, access: str = "stored", left_s: float = LIFE_S) -> Token:
        return Token(access, None, self.clock.now() + timedelta(seconds=left_s), 15460)

    def count(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)

    def body(self, index: int) -> Any:
        return self.asked[index][1]

    def good(self) -> dict[str, object]:
        self._count += 1
        end = self.clock.now() + timedelta(seconds=LIFE_S)
        return {
            "accessToken": f"access-{self._count}",
            "mdAccessToken": f"md-{self._count}",
            "expirationTime": end.isoformat(),
            "userId": 15460,
        }

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.rsplit("/", 1)[1]
        self.asked.append((path, json.loads(request.content) if request.content else None))
        answers = self.login if path == "accesstokenrequest" else self.renewal
        answer = answers.pop(0) if len(answers) > 1 else (answers[0] if answers else None)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer if isinstance(answer, tuple) else (200, answer or self.good())
        return httpx.Response(status) if body == "" else httpx.Response(status, json=body)


async def keep_until(auth: Auth, enough: Callable[[], bool]) -> None:
    """Run the renewal loop in fake time until the door has seen enough."""
    task = asyncio.create_task(auth.keep())
    async with asyncio.timeout(30):
        for _ in range(10_000):
            if enough() or task.done():
                break
            await asyncio.sleep(0)
    if task.done():
        await task
    task.cancel()
    assert enough()


async def test_a_login_says_who_and_what_we_are() -> None:
    door = Door()
    token = await door.auth().token()
    assert (token.access, token.market_data, token.user_id) == ("access-1", "md-1", 15460)
    assert door.body(0) == {
        "name": "someone",
        "password": "hunter2",
        "appId": "app",
        "appVersion": "1.0",
        "deviceId": "device",
        "cid": 42,
        "sec": "shh",
    }
    assert door.tokens.saved == [token]


async def test_a_client_id_that_is_no_number_stays_text() -> None:
    door = Door()
    auth = door.auth()
    auth._login = replace(LOGIN, cid="abc", sec=None)
    await auth.token()
    assert door.body(0)["cid"] == "abc"
    assert "sec" not in door.body(0)


async def test_a_stored_token_needs_no_login() -> None:
    door = Door()
    door.tokens = MemoryTokens(door.token())
    auth = door.auth()
    assert (await auth.token()).access == "stored"
    assert door.asked == []


async def test_an_expired_stored_token_is_not_used() -> None:
    door = Door()
    door.tokens = MemoryTokens(door.token(left_s=-1))
    assert (await door.auth().token()).access == "access-1"


async def test_many_askers_make_one_login() -> None:
    door = Door()
    auth = door.auth()
    tokens = await asyncio.gather(*(auth.token() for _ in range(20)))
    assert {token.access for token in tokens} == {"access-1"}
    assert door.count("accesstokenrequest") == 1


async def test_a_renewal_comes_at_85_percent_of_the_life() -> None:
    door = Door()
    auth = door.auth()
    await keep_until(
        auth, lambda: door.count("renewaccesstoken") == 1 and len(door.tokens.saved) == 2
    )
    assert door.clock.slept_s[0] == pytest.approx(0.85 * LIFE_S)
    assert door.count("accesstokenrequest") == 1


async def test_a_stored_token_near_its_end_is_renewed_at_once() -> None:
    door = Door()
    door.tokens = MemoryTokens(door.token(left_s=300))
    auth = door.auth()
    await keep_until(auth, lambda: door.count("renewaccesstoken") == 1)
    assert door.clock.slept_s[0] == 0


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ReadTimeout("no"),
        (500, {}),
        (429, ""),
        {"errorText": "no"},
        {"accessToken": "half"},
        {"accessToken": "x", "expirationTime": "soon", "userId": 1},
        {"p-ticket": "x", "p-time": 1},
        (401, "Access is denied"),
    ],
)
async def test_a_failed_renewal_leaves_the_token_alone(failure: object) -> None:
    door = Door()
    door.renewal = [failure]
    door.tokens = MemoryTokens(door.token(left_s=300))
    auth = door.auth()
    await keep_until(auth, lambda: door.count("renewaccesstoken") == 3)
    assert auth.held is not None
    assert auth.held.access == "stored"
    assert door.tokens.saved == []
    assert door.count("accesstokenrequest") == 0


async def test_renewals_that_fail_to_the_end_lead_to_a_login_within_the_budget() -> None:
    door = Door()
    door.renewal = [(500, {})]
    auth = door.auth()
    await keep_until(auth, lambda: door.count("accesstokenrequest") == 2)
    assert 3 <= door.count("renewaccesstoken") <= 7


async def test_a_refused_token_is_renewed_once_for_all_askers() -> None:
    door = Door()
    auth = door.auth()
    dead = await auth.token()
    tokens = await asyncio.gather(*(auth.replace(dead) for _ in range(10)))
    assert {token.access for token in tokens} == {"access-2"}
    assert door.count("renewaccesstoken") == 1


async def test_a_token_that_cannot_be_renewed_is_replaced_by_a_login() -> None:
    door = Door()
    door.renewal = [(401, "Expired Access Token")]
    auth = door.auth()
    dead = await auth.token()
    assert (await auth.replace(dead)).access == "access-2"
    assert door.count("accesstokenrequest") == 2


async def test_a_refusal_that_renewing_does_not_mend_spends_no_further_renewals() -> None:
    door = Door()
    auth = door.auth()
    renewed = await auth.replace(await auth.token())
    with pytest.raises(BrokerUnavailable):
        await auth.replace(renewed)
    assert door.count("renewaccesstoken") == 1
    door.clock.advance(241)
    assert await auth.replace(renewed) != renewed


async def test_a_renewal_left_undecided_is_decided_by_a_login() -> None:
    door = Door()
    door.renewal = [(500, {})]
    auth = door.auth()
    dead = await auth.token()
    with pytest.raises(BrokerUnavailable):
        await auth.replace(dead)
    assert (await auth.replace(dead)).access == "access-2"
    assert door.count("renewaccesstoken") == 1


async def test_each_failed_login_is_followed_by_a_longer_pause() -> None:
    door = Door()
    door.login = [(500, {})]
    auth = door.auth()
    for attempt, pause_s in enumerate((15, 60, 300), start=1):
        with pytest.raises(BrokerUnavailable):
            await auth.token()
        door.clock.advance(pause_s - 1)
        with pytest.raises(BrokerUnavailable, match="paused"):
            await auth.token()
        assert door.count("accesstokenrequest") == attempt
        door.clock.advance(1)
    with pytest.raises(BrokerUnavailable):
        await auth.token()
    door.clock.advance(3_600 - 375 - 1)
    with pytest.raises(BrokerUnavailable, match="paused"):
        await auth.token()
    assert door.count("accesstokenrequest") == 4
    door.clock.advance(1)
    door.login = [{}]
    assert (await auth.token()).access == "access-1"


async def test_a_venue_out_of_reach_has_seen_no_attempt() -> None:
    door = Door()
    door.login = [httpx.ConnectError("no"), httpx.ConnectError("no"), {}]
    auth = door.auth()
    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            await auth.token()
    assert (await auth.token()).access == "access-1"


@pytest.mark.parametrize(
    "answer", [{"errorText": "Incorrect username or password."}, (401, "Access is denied")]
)
async def test_refused_secrets_are_not_shown_again(answer: object) -> None:
    door = Door()
    door.login = [answer]
    auth = door.auth()
    for _ in range(3):
        with pytest.raises(CredentialsExpired) as caught:
            await auth.token()
        assert caught.value.code == "broker.credentials_refused"
        door.clock.advance(7_200)
    assert door.count("accesstokenrequest") == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"p-ticket": "x", "p-time": 19, "p-captcha": True}, "broker.captcha"),
        ((423, "Locked"), "broker.locked"),
    ],
)
async def test_a_captcha_and_a_last_warning_rest_for_an_hour(answer: object, code: str) -> None:
    door = Door()
    door.login = [answer, {}]
    for after_s in (0, 60, 3_500):  # also for a new owner of the login in this process
        door.clock.advance(after_s)
        with pytest.raises(CredentialsExpired) as caught:
            await door.auth().token()
        assert caught.value.code == code
    assert door.count("accesstokenrequest") == 1
    door.clock.advance(41)
    assert (await door.auth().token()).access == "access-1"


async def test_a_captcha_does_not_end_a_session_that_is_still_good() -> None:
    door = Door()
    door.tokens = MemoryTokens(door.token(left_s=300))
    door.renewal = [(401, "no")]
    door.login = [{"p-ticket": "x", "p-time": 19, "p-captcha": True}, {}]
    auth = door.auth()
    await keep_until(auth, lambda: max(door.clock.slept_s, default=0) > 100)
    assert door.count("accesstokenrequest") == 1
    assert door.tokens.saved == []


async def test_a_short_penalty_is_waited_for_and_its_ticket_shown() -> None:
    door = Door()
    door.login = [{"p-ticket": "T1", "p-time": 7}, {}]
    assert (await door.auth().token()).access == "access-1"
    assert door.clock.slept_s == [7.0]
    assert door.body(1)["p-ticket"] == "T1"


async def test_a_long_penalty_is_not_waited_for() -> None:
    door = Door()
    door.login = [{"p-ticket": "T1", "p-time": 600}]
    with pytest.raises(BrokerUnavailable):
        await door.auth().token()
    assert door.clock.slept_s == []


async def test_a_broker_whose_clock_is_behind_is_not_signed_in_to_for_ever() -> None:
    door = Door()
    answer = door.good()
    door.login = [answer]
    door.clock.advance(2 * LIFE_S)
    auth = door.auth()
    assert (await auth.token()).access == "access-1"
    assert (await auth.token()).access == "access-1"
    assert door.count("accesstokenrequest") == 1


async def test_a_token_that_cannot_be_stored_is_used_all_the_same() -> None:
    class Broken(MemoryTokens):
        async def save(self, token: Token) -> None:
            raise Unavailable("db.down", "away")

    door = Door()
    door.tokens = Broken()
    assert (await door.auth().token()).access == "access-1"
