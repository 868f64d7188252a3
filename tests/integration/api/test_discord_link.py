"""Linking a Discord account, against a strict stand-in for Discord's OAuth2."""

from __future__ import annotations

import base64
import hashlib
import io
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select

from api.app import create_app
from api.resources import Resources
from shared.db.tables.people import users
from tests.integration.api.desk import Browser, signed_in
from tests.integration.api.helpers import BASE_URL, Town

BACK = f"{BASE_URL}/oauth/discord/callback/"
CALLBACK = "/oauth/discord/callback/"
APP, SECRET, TOKEN = "4711", "CANARY-APP-SECRET", "CANARY-DISCORD-TOKEN"


@dataclass
class Discord:
    """Refuses what Discord would: a wrong secret, address, verifier, or a code used before."""

    port: int
    challenges: dict[str, str] = field(default_factory=dict)
    is_down: bool = False

    def consented(self, url: str) -> dict[str, str]:
        """A person says yes on Discord's page; what comes back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert (asked["scope"], asked["code_challenge_method"]) == ("identify", "S256")
        assert (asked["client_id"], asked["redirect_uri"]) == (APP, BACK)
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = asked["code_challenge"]
        return {"code": code, "state": asked["state"]}

    async def token(self, request: web.Request) -> web.Response:
        given = await request.post()
        verifier = hashlib.sha256(str(given["code_verifier"]).encode()).digest()
        challenge = self.challenges.pop(str(given["code"]), "")
        is_right = (
            given["client_id"] == APP
            and given["client_secret"] == SECRET
            and given["redirect_uri"] == BACK
            and challenge == base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        )
        if self.is_down or not is_right:
            return web.json_response(
                {"error": "invalid_grant"}, status=500 if self.is_down else 400
            )
        return web.json_response({"access_token": TOKEN, "token_type": "Bearer"})

    async def me(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "401: Unauthorized"}, status=401)
        return web.json_response({"id": "80351110224678912", "username": "ada"})


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    made = Discord(listener.getsockname()[1])
    served = web.Application()
    served.add_routes(
        [web.post("/api/v10/oauth2/token", made.token), web.get("/api/v10/users/@me", made.me)]
    )
    runner = web.AppRunner(served)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    yield made
    await runner.cleanup()


@pytest.fixture
def app(resources: Resources, discord: Discord) -> FastAPI:
    ours = {
        "discord_client_id": APP,
        "discord_client_secret": SecretStr(SECRET),
        "discord_api_url": f"http://127.0.0.1:{discord.port}/api/v10",
    }
    return create_app(replace(resources, settings=resources.settings.model_copy(update=ours)))


async def back(browser: Browser, query: dict[str, str]) -> str:
    answer = await browser.http.get(CALLBACK, params=query)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?code=")[2]


async def test_m166_m167_a_link_keeps_the_id_and_nothing_else(
    ada: Browser, town: Town, discord: Discord, log: io.StringIO
) -> None:
    begun = await ada.post("/api/user/discord/link/")
    assert begun["url"].startswith("https://discord.com/oauth2/authorize?")
    query = discord.consented(begun["url"])
    assert await back(ada, query) == "discord.linked"
    assert (await ada.get("/api/user/"))["discord_id"] == "80351110224678912"
    assert (await ada.get("/api/auth/check-auth/"))["DiscordID"] == "80351110224678912"
    assert (await ada.get(CALLBACK, 403, **query))["code"] == "discord.state"  # good once
    stored = str(await town.rows(select(users))) + log.getvalue()
    assert [canary for canary in (TOKEN, SECRET, query["code"]) if canary in stored] == []
    await ada.send("DELETE", "/api/user/discord/")
    assert (await ada.get("/api/user/"))["discord_id"] is None


async def test_m167_a_state_is_the_sessions_own_and_ends(
    ada: Browser, app: FastAPI, town: Town, discord: Discord
) -> None:
    first = discord.consented((await ada.post("/api/user/discord/link/"))["url"])
    async with signed_in(app, town, "Bob") as bob:  # sent a link that ends in her account
        assert (await bob.get(CALLBACK, 403, **first))["code"] == "discord.state"
        await bob.post("/api/user/discord/link/")
        assert (await bob.get(CALLBACK, 403, **first))["code"] == "discord.state"
    await town.sql("UPDATE sessions SET discord_state_at = now() - interval '11 minutes'")
    assert (await ada.get(CALLBACK, 403, **first))["code"] == "discord.state"
    await ada.post("/api/user/discord/link/")
    assert (await ada.get(CALLBACK, 403, **first))["code"] == "discord.state"  # replaced
    assert [row.discord_user_id for row in await town.rows(select(users))] == [None, None]


async def test_m167_what_discord_or_the_person_refuses(ada: Browser, discord: Discord) -> None:
    query = discord.consented((await ada.post("/api/user/discord/link/"))["url"])
    assert await back(ada, {"state": query["state"], "error": "access_denied"}) == "discord.refused"
    query = discord.consented((await ada.post("/api/user/discord/link/"))["url"])
    assert await back(ada, query | {"code": "code-of-somebody"}) == "discord.unavailable"
    query = discord.consented((await ada.post("/api/user/discord/link/"))["url"])
    discord.is_down = True
    assert await back(ada, query) == "discord.unavailable"
    assert (await ada.get("/api/user/"))["discord_id"] is None


async def test_m166_without_an_application_there_is_no_link(
    resources: Resources, town: Town
) -> None:
    async with signed_in(create_app(resources), town, "Ada") as ada:
        refused = await ada.post("/api/user/discord/link/", status=409)
        assert refused["code"] == "discord.no_application"
