"""The authorisation-code flow against a scripted token endpoint, and the life of its token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from shared.brokers.tradovate.auth import Auth
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Urls
from shared.brokers.tradovate.oauth import Client, consent_url, exchange
from shared.brokers.tradovate.rest import Rest
from shared.domain.errors import BrokerUnavailable, CredentialsExpired
from shared.ports.broker import Token
from tests.unit.brokers.fake_clock import FakeClock
from tests.unit.brokers.test_auth import keep_until
from tests.unit.brokers.venue import LOGIN, MemoryTokens

URLS = Urls.of("http://127.0.0.1:9/v1")
CLIENT = Client("42", SecretStr("shh"), "https://us.example/back?x=1")
GOOD = {"access_token": "A1", "token_type": "Bearer", "expires_in": 4_800}


class Endpoint:
    def __init__(self, answer: object, known: str = "/v1/auth/oauthtoken") -> None:
        self.answer = answer
        self.known = known
        self.asked: list[tuple[str, dict[str, list[str]]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append((path, parse_qs(request.content.decode())))
        if path == "/v1/auth/me":
            assert request.headers["authorization"] == "Bearer A1"
            return httpx.Response(200, json={"userId": 15460, "name": "someone"})
        if path != self.known:
            return httpx.Response(404)
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        if isinstance(self.answer, Exception):
            raise self.answer
        return httpx.Response(200, json=self.answer)


async def ask(endpoint: Callable[[httpx.Request], httpx.Response], clock: FakeClock) -> Token:
    rest = Rest(URLS.rest, httpx.MockTransport(endpoint))
    return await exchange(rest, URLS, CLIENT, "code-1", clock)


def test_the_browser_is_sent_with_our_name_and_its_state() -> None:
    parts = urlsplit(consent_url(CLIENT, "state-1"))
    assert parts.netloc == "trader.tradovate.com"
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": ["42"],
        "redirect_uri": ["https://us.example/back?x=1"],
        "state": ["state-1"],
    }


@pytest.mark.parametrize("known", ["/v1/auth/oauthtoken", "/auth/oauthtoken"])
async def test_a_code_becomes_a_token_at_either_spelling(known: str) -> None:
    endpoint, clock = Endpoint(GOOD, known), FakeClock()
    token = await ask(endpoint, clock)
    assert token == Token("A1", None, clock.now() + timedelta(seconds=4_800), 15460)
    path, fields = endpoint.asked[-2]
    assert path == known
    assert fields == {
        "grant_type": ["authorization_code"],
        "code": ["code-1"],
        "redirect_uri": ["https://us.example/back?x=1"],
        "client_id": ["42"],
        "client_secret": ["shh"],
    }


async def test_a_refused_code_is_shown_once() -> None:
    endpoint = Endpoint({"error": "invalid_grant", "error_description": "wrong or used"})
    with pytest.raises(CredentialsExpired) as caught:
        await ask(endpoint, FakeClock())
    assert caught.value.code == "broker.consent_refused"
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("answer", [{}, {"access_token": ""}, httpx.ReadTimeout("no")])
async def test_half_an_answer_is_no_token(answer: object) -> None:
    endpoint = Endpoint(answer)
    with pytest.raises(BrokerUnavailable):
        await ask(endpoint, FakeClock())
    assert len(endpoint.asked) == 1


async def test_a_consent_lives_by_renewal_and_never_signs_in() -> None:
    clock = FakeClock()
    asked: list[str] = []
    renewals = 3

    def door(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if len(asked) > renewals:
            return httpx.Response(401, json="Access is denied")
        end = clock.now() + timedelta(seconds=4_800)
        body = {"accessToken": f"A{len(asked)}", "expirationTime": end.isoformat(), "userId": 7}
        return httpx.Response(200, json=body)

    login = replace(LOGIN, password=SecretStr(""))
    rest = Rest(URLS.rest, httpx.MockTransport(door))
    tokens = MemoryTokens(Token("A0", None, clock.now() + timedelta(seconds=4_800), 7))
    rng = Random(1)  # noqa: S311 - jitter, no secret
    auth = Auth(login, rest, clock, tokens, Egress(clock, rng).door(URLS, login))
    with pytest.raises(CredentialsExpired) as caught:
        await keep_until(auth, lambda: False)
    assert caught.value.code == "broker.consent_needed"
    assert [token.access for token in tokens.saved] == ["A1", "A2", "A3"]
    assert set(asked) == {"/v1/auth/renewaccesstoken"}
