"""Every way in, against the venue as a process: password, API key, consent, renewal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.auth import Auth
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Environment, Login, Urls, urls_for
from shared.brokers.tradovate.oauth import Client, consent_url, exchange
from shared.brokers.tradovate.rest import Rest
from shared.domain.errors import CredentialsExpired
from shared.runtime.clock import SystemClock
from tests.integration.brokers.venue import PASSWORD, USER, PaperVenue, Tokens, running


@pytest.fixture(scope="module")
async def venue() -> AsyncIterator[PaperVenue]:
    async with running() as venue:
        yield venue


def login(password: str, cid: str | None = None, sec: str | None = None) -> Login:
    secret = None if sec is None else SecretStr(sec)
    return Login(USER, SecretStr(password), "trade-manager", "1.0", "device-1", cid, secret)


def urls(venue: PaperVenue) -> Urls:
    return urls_for(Environment.PAPER, venue.url)


def broker(venue: PaperVenue, who: Login, tokens: Tokens) -> TradovateBroker:
    rng = Random(5)  # noqa: S311 - jitter, no secret
    return TradovateBroker(who, urls(venue), SystemClock(), tokens, rng)


@pytest.mark.parametrize("key", [(None, None), ("42", "a-key-secret"), ("app", "a-key-secret")])
async def test_a_password_with_and_without_an_api_key(
    venue: PaperVenue, key: tuple[str | None, str | None]
) -> None:
    tokens = Tokens()
    ours = broker(venue, login(PASSWORD, *key), tokens)
    assert len(await ours.accounts()) == 2
    assert tokens.token is not None
    await ours.aclose()


async def test_a_wrong_password_needs_a_person(venue: PaperVenue) -> None:
    ours = broker(venue, login("wrong"), Tokens())
    with pytest.raises(CredentialsExpired):
        await ours.accounts()
    await ours.aclose()


async def test_a_renewal_replaces_the_token_and_ends_the_old_one(venue: PaperVenue) -> None:
    clock, rng = SystemClock(), Random(5)  # noqa: S311 - jitter, no secret
    rest, who, tokens = Rest(venue.url), login(PASSWORD), Tokens()
    auth = Auth(who, rest, clock, tokens, Egress(clock, rng).door(urls(venue), who))
    first = await auth.token()
    second = await auth.replace(first)
    assert second.access != first.access
    assert second.user_id == first.user_id
    assert tokens.token == second
    await rest.aclose()


async def test_a_consent_signs_in_and_is_renewed_as_any_token(venue: PaperVenue) -> None:
    client = Client("42", SecretStr("a-key-secret"), "http://127.0.0.1:1/back")
    root = venue.url.removesuffix("/v1")
    async with httpx.AsyncClient(trust_env=False) as browser:
        page = consent_url(client, "state-1", f"{root}/oauth")
        sent = await browser.post(page, data={"name": USER, "password": PASSWORD})
    back = parse_qs(urlsplit(sent.headers["location"]).query)
    assert back["state"] == ["state-1"]
    clock, rng, rest = SystemClock(), Random(5), Rest(venue.url)  # noqa: S311 - jitter, no secret
    tokens = Tokens()
    tokens.token = await exchange(rest, urls(venue), client, back["code"][0], clock)
    with pytest.raises(CredentialsExpired):
        await exchange(rest, urls(venue), client, back["code"][0], clock)
    who = login("")
    auth = Auth(who, rest, clock, tokens, Egress(clock, rng).door(urls(venue), who))
    held = await auth.token()
    renewed = await auth.replace(held)
    assert renewed.access != held.access
    ours = broker(venue, who, tokens)
    assert len(await ours.accounts()) == 2
    await ours.aclose()
    await rest.aclose()
