"""Signing in, staying signed in, and out again."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from passlib.context import CryptContext
from sqlalchemy import select, text

from api.app import create_app
from api.resources import Resources
from api.security import passwords as passwords_module
from shared.db.tables.people import login_attempts, sessions, users
from shared.db.uow import read_only
from tests.fixtures.servers import DatabaseUrls
from tests.integration.api.helpers import BASE_URL, PASSWORD, Town, csrf, sign_in

USER_FIELDS = {
    "username", "email", "admin", "DiscordID", "access", "signed", "is_email_verified",
}  # fmt: skip


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_first_call_gives_a_token_of_64_characters(
    client: httpx.AsyncClient, slash: str
) -> None:
    answer = await client.get(f"/api/system/csrf-token{slash}")
    token = answer.json()["csrfToken"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", token)
    assert client.cookies["csrftoken"] == token
    assert (await csrf(client))["X-CSRFToken"] != token


async def test_signing_in(client: httpx.AsyncClient, town: Town) -> None:
    await town.person("Ada", discord_user_id="42", is_email_verified=True)

    answer = await sign_in(client, " aDA")

    assert answer.status_code == 200
    user = answer.json()["user"]
    assert set(answer.json()) == {"user"}
    assert set(user) == USER_FIELDS
    assert (user["username"], user["email"], user["DiscordID"]) == ("Ada", "ada@example.org", "42")
    [session] = await town.rows(select(sessions))
    [row] = await town.rows(select(users))
    cookie = client.cookies["sessionid"]
    assert len(cookie) == 43  # 256 bits
    assert cookie.encode() not in session.token_hash
    assert row.last_login_at is not None


async def test_cookies_are_hidden_and_lax_and_not_secure_on_loopback(
    client: httpx.AsyncClient, town: Town
) -> None:
    await town.person("Ada")
    answer = await sign_in(client, "Ada")
    found = {line.split("=")[0]: line.lower() for line in answer.headers.get_list("set-cookie")}
    assert "httponly" in found["sessionid"]
    assert "httponly" not in found["csrftoken"]
    for line in found.values():
        assert "samesite=lax" in line
        assert "path=/" in line
        assert "secure" not in line


async def test_cookies_are_secure_when_the_public_address_is(
    resources: Resources, town: Town
) -> None:
    await town.person("Ada")
    settings = resources.settings.model_copy(update={"public_url": "https://trade.example.org"})
    transport = httpx.ASGITransport(create_app(replace(resources, settings=settings)))
    base_url = "https://trade.example.org"
    async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
        answer = await sign_in(client, "Ada")
        lines = answer.headers.get_list("set-cookie")
        assert len(lines) == 2
        assert all("; secure" in line.lower() for line in lines)
        assert "max-age=" in answer.headers["strict-transport-security"]


@pytest.mark.parametrize(
    ("username", "password"),
    [("Ada", "wrong"), ("Nobody", PASSWORD), ("Gone", PASSWORD), ("Broken", PASSWORD)],
)
async def test_every_refusal_is_the_same_answer(
    client: httpx.AsyncClient, town: Town, username: str, password: str
) -> None:
    await town.person("Ada")
    await town.person("Broken", password_hash="no hash at all")
    gone = await town.person("Gone")
    await town.sql("UPDATE users SET disabled_at = now() WHERE id = :id", id=gone.id)

    answer = await sign_in(client, username, password)

    assert answer.status_code == 401
    body = answer.json()
    assert body.pop("correlation_id")
    assert body == {
        "code": "auth.wrong_credentials",
        "message": "User name or password is not right.",
    }
    assert "set-cookie" not in answer.headers
    assert await town.rows(select(sessions)) == []


async def test_an_unknown_name_costs_the_same_work(
    client: httpx.AsyncClient, town: Town, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.person("Ada")
    work: list[str] = []
    verify = passwords_module.Passwords._verify

    def counted(self: passwords_module.Passwords, password: str, stored: str) -> bool:
        work.append(re.sub(r"\$[^$]*\$[^$]*$", "", stored))  # the costs, without salt and hash
        return verify(self, password, stored)

    monkeypatch.setattr(passwords_module.Passwords, "_verify", counted)
    for username in ("Ada", "Nobody"):
        await sign_in(client, username, "wrong")
    known, unknown = work
    assert known == unknown


async def test_who_am_i(client: httpx.AsyncClient, town: Town) -> None:
    await town.person("Ada")
    nobody = await client.get("/api/auth/check-auth/")
    assert (nobody.status_code, nobody.json()) == (401, {"authenticated": False})

    await sign_in(client, "Ada")
    found = (await client.get("/api/auth/check-auth")).json()
    assert found["authenticated"] is True
    assert set(found["user"]) == USER_FIELDS | {"sessionId"}
    assert set(found) == USER_FIELDS | {"sessionId", "authenticated", "user"}
    assert re.fullmatch(r"[A-Z2-7]{32}", found["sessionId"])
    assert found["user"]["sessionId"] == found["sessionId"] != client.cookies["sessionid"]


async def find_socket_session(urls: DatabaseUrls, token: str) -> object:
    """As the gateway looks a token up."""
    from api.security.socket_token import token_hash
    from shared.db.engine import make_engine

    engine = make_engine(urls.gateway, "tests-gateway")
    async with read_only(engine) as connection:
        query = text("SELECT username FROM tm_find_ws_token(:hash)")
        found = (await connection.execute(query, {"hash": token_hash(token)})).scalar()
    await engine.dispose()
    return found


async def test_the_socket_token_stays_is_replaced_and_dies(
    client: httpx.AsyncClient, town: Town, fresh_database: DatabaseUrls
) -> None:
    async def token() -> str:
        found: str = (await client.get("/api/auth/check-auth/")).json()["sessionId"]
        return found

    async def grow_older(minutes: int) -> None:
        await town.sql(
            "UPDATE sessions SET ws_issued_at = ws_issued_at - make_interval(mins => :m)", m=minutes
        )

    await town.person("Ada")
    await sign_in(client, "Ada")
    first = await token()
    assert await token() == first

    await grow_older(11)
    second = await token()
    assert second != first
    for good in (first, second):
        assert await find_socket_session(fresh_database, good) == "Ada"

    await grow_older(11)
    third = await token()
    assert await find_socket_session(fresh_database, first) is None
    assert await find_socket_session(fresh_database, second) == "Ada"

    await grow_older(30)
    fourth = await token()
    assert await find_socket_session(fresh_database, third) is None

    await client.post("/api/auth/logout/", headers=await csrf(client))
    assert await find_socket_session(fresh_database, fourth) is None


async def test_signing_out_ends_the_session_here_and_there(
    app: FastAPI, client: httpx.AsyncClient, town: Town
) -> None:
    await town.person("Ada")
    await sign_in(client, "Ada")
    stolen = client.cookies["sessionid"]

    answer = await client.post("/api/auth/logout", headers=await csrf(client))

    assert answer.status_code == 200
    assert "sessionid" not in client.cookies
    client.cookies.set("sessionid", stolen, domain="127.0.0.1")
    assert (await client.get("/api/auth/check-auth/")).status_code == 401


async def test_a_session_does_not_outlive_sign_in_logout_disable_or_its_time(
    client: httpx.AsyncClient, town: Town
) -> None:
    await town.person("Ada")
    for ending in (
        "UPDATE users SET disabled_at = now()",
        "UPDATE sessions SET expires_at = now()",
        "UPDATE sessions SET ended_at = now()",
    ):
        await town.sql("UPDATE users SET disabled_at = NULL")
        await sign_in(client, "Ada")
        assert (await client.get("/api/auth/check-auth/")).status_code == 200
        await town.sql(ending)
        assert (await client.get("/api/auth/check-auth/")).status_code == 401


async def test_use_moves_the_idle_end_but_never_past_the_absolute_one(
    client: httpx.AsyncClient, town: Town
) -> None:
    await town.person("Ada")
    await sign_in(client, "Ada")
    await town.sql(
        "UPDATE sessions SET last_seen_at = now() - interval '1 hour',"
        " expires_at = now() + interval '1 minute', created_at = now() - interval '1 day'"
    )
    await client.get("/api/auth/check-auth/")
    [session] = await town.rows(select(sessions))
    assert (session.expires_at - session.last_seen_at).total_seconds() == 24 * 3600

    await town.sql(
        "UPDATE sessions SET last_seen_at = now() - interval '1 hour',"
        " created_at = now() - interval '30 days' + interval '5 minutes'"
    )
    await client.get("/api/auth/check-auth/")
    [session] = await town.rows(select(sessions))
    assert (session.expires_at - session.last_seen_at).total_seconds() == pytest.approx(
        5 * 60, abs=5
    )


async def test_after_ten_failures_a_try_has_to_wait(client: httpx.AsyncClient, town: Town) -> None:
    await town.person("Ada")
    for _ in range(10):
        assert (await sign_in(client, "Ada", "wrong")).status_code == 401
    answer = await sign_in(client, "ada ")
    assert (answer.status_code, answer.json()["code"]) == (429, "auth.throttled")
    assert 1 <= int(answer.headers["retry-after"]) <= 3
    # The try that was not looked at was not counted either.
    assert len(await town.rows(select(login_attempts))) == 10

    await town.sql("UPDATE login_attempts SET created_at = created_at - interval '4 seconds'")
    assert (await sign_in(client, "Ada")).status_code == 200


async def test_a_stranger_cannot_keep_somebody_out_of_her_own_machine(
    app: FastAPI, client: httpx.AsyncClient, town: Town
) -> None:
    await town.person("Ada")
    assert (await sign_in(client, "Ada")).status_code == 200
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 4000))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as stranger:
        for _ in range(10):
            assert (await sign_in(stranger, "Ada", "wrong")).status_code == 401
        assert (await sign_in(stranger, "Ada", "wrong")).status_code == 429
        # One address may not try one name after another either.
        assert (await sign_in(stranger, "Bob", "wrong")).status_code == 429
    assert (await sign_in(client, "Ada")).status_code == 200


async def test_a_hash_of_older_costs_is_replaced_at_sign_in(
    client: httpx.AsyncClient, town: Town
) -> None:
    old = CryptContext(
        schemes=["argon2"], argon2__time_cost=2, argon2__memory_cost=32, argon2__parallelism=1
    ).hash(PASSWORD)
    await town.person("Ada", password_hash=old)
    assert (await sign_in(client, "Ada")).status_code == 200
    [row] = await town.rows(select(users))
    assert row.password_hash != old
    assert (await sign_in(client, "Ada")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        ["Ada"],
        7,
        {"username": "Ada"},
        {"username": "", "password": "x"},
        {"username": "Ada", "password": "x" * 257},
        {"username": "Ada", "password": "x", "user_id": 1},
        {"username": "Ada", "password": "CANARY-PASSWORD", "captchaToken": 7},
        {"username": "Ada\x00", "password": "CANARY-PASSWORD"},
        {"username": "Ada\ud800", "password": "CANARY-PASSWORD"},
    ],
)
async def test_an_invalid_body_is_422_and_repeats_nothing(
    client: httpx.AsyncClient, body: object
) -> None:
    headers = await csrf(client) | {"Content-Type": "application/json"}
    answer = await client.post("/api/auth/login/", content=json.dumps(body), headers=headers)
    assert answer.status_code == 422
    assert answer.json()["code"] == "request.invalid"
    assert answer.json()["fields"]
    assert "CANARY" not in answer.text


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(b"{", "application/json"), (b"", "application/json"), (b"{}", "text/plain"), (b"{}", None)],
)
async def test_what_is_not_json_is_400(
    client: httpx.AsyncClient, content: bytes, content_type: str | None
) -> None:
    headers = await csrf(client) | ({"Content-Type": content_type} if content_type else {})
    answer = await client.post("/api/auth/login/", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.not_json")
