"""CSRF, Origin, session fixation, row security, access rules, and secrets in logs."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.routing import Route

from api.access import PUBLIC, SESSION, Router, UndeclaredAccessError, check_all, include, rule_of
from api.app import create_app
from api.deps import CurrentUser, ReadConn, WriteConn
from api.resources import Resources
from shared.db.tables.people import sessions
from shared.db.tables.strategies import strategies
from shared.db.uow import read_only, unit_of_work
from shared.domain.errors import Conflict
from tests.integration.api.helpers import BASE_URL, PASSWORD, Town, csrf, sign_in

HOME = {"Origin": BASE_URL}
SOMEBODY_ELSES = "A" * 64


async def change(client: httpx.AsyncClient, **headers: str | None) -> httpx.Response:
    """An unsafe request of a signed-in browser."""
    kept = {name: value for name, value in headers.items() if value is not None}
    return await client.post("/api/auth/logout/", headers=kept)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": BASE_URL}, 200),
        ({"Origin": "http://localhost:5001"}, 200),
        ({"Referer": f"{BASE_URL}/strategies?x=1"}, 200),
        ({"Origin": BASE_URL, "Referer": "https://evil.example/"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://evil.example", "Referer": BASE_URL}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://127.0.0.1:5002"}, 403),
        ({"Origin": "https://127.0.0.1:5001"}, 403),
        ({"Origin": f"{BASE_URL}.evil.example"}, 403),
        ({"Referer": "https://evil.example/?http://127.0.0.1:5001"}, 403),
        ({"Referer": ""}, 403),
    ],
)
async def test_where_an_unsafe_request_may_come_from(
    client: httpx.AsyncClient, town: Town, headers: dict[str, str], status: int
) -> None:
    await town.person("Ada")
    await sign_in(client, "Ada")
    answer = await change(client, **await csrf(client), **headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "auth.origin"
        assert (await client.get("/api/auth/check-auth/")).status_code == 200


@pytest.mark.parametrize("token", [None, "", "x", SOMEBODY_ELSES, "é" * 32, "=" * 64])
async def test_an_unsafe_request_needs_the_sessions_token(
    client: httpx.AsyncClient, town: Town, token: str | None
) -> None:
    await town.person("Ada")
    await sign_in(client, "Ada")
    headers = dict(HOME) if token is None else HOME | {"X-CSRFToken": token}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    answer = await client.post("/api/auth/logout/", headers=raw)
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.csrf")


async def test_a_token_is_worth_nothing_elsewhere(
    app: FastAPI, client: httpx.AsyncClient, town: Town
) -> None:
    """Not before sign-in for after it, not of another person, not of one's own other session."""
    await town.person("Ada")
    await town.person("Bob")
    before = await csrf(client)
    await sign_in(client, "Ada")
    assert (await change(client, **HOME, **before)).status_code == 403

    for name in ("Bob", "Ada"):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as other:
            await sign_in(other, name)
            theirs = await csrf(other)
        assert (await change(client, **HOME, **theirs)).status_code == 403
    assert (await change(client, **HOME, **await csrf(client))).status_code == 200


async def test_signing_in_needs_a_token_too(client: httpx.AsyncClient, town: Town) -> None:
    await town.person("Ada")
    body = {"username": "Ada", "password": PASSWORD}
    for headers in ({}, {"X-CSRFToken": SOMEBODY_ELSES}):
        answer = await client.post("/api/auth/login/", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.csrf")
    foreign = await csrf(client) | {"Origin": "https://evil.example"}
    answer = await client.post("/api/auth/login/", json=body, headers=foreign)
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.origin")
    assert await town.rows(select(sessions)) == []


async def test_the_cookie_of_sign_in_is_a_working_token(
    client: httpx.AsyncClient, town: Town
) -> None:
    await town.person("Ada")
    await sign_in(client, "Ada")
    token = client.cookies["csrftoken"]
    assert (await change(client, **{"X-CSRFToken": token})).status_code == 200


async def test_a_planted_session_is_not_adopted(client: httpx.AsyncClient, town: Town) -> None:
    await town.person("Ada")
    client.cookies.set("sessionid", "planted-by-somebody", domain="127.0.0.1")
    await sign_in(client, "Ada")
    assert "planted-by-somebody" not in client.cookies.jar.__repr__()


async def test_signing_in_again_replaces_the_session(client: httpx.AsyncClient, town: Town) -> None:
    """Also when the browser held somebody else's."""
    await town.person("Ada")
    await town.person("Bob")
    cookies, secrets = [], set()
    for name in ("Ada", "Ada", "Bob"):
        await sign_in(client, name)
        cookies.append(client.cookies["sessionid"])
    stored = await town.rows(select(sessions).order_by(sessions.c.id))
    secrets = {bytes(session.csrf_secret) for session in stored}
    assert len(set(cookies)) == len(secrets) == 3
    assert [session.ended_at is None for session in stored] == [False, False, True]


async def test_no_session_is_401_before_anything_else(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/auth/logout/", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "auth.no_session"
    assert set(answer.json()) == {"code", "message", "correlation_id"}


def test_every_route_has_a_rule_and_answers_with_and_without_its_slash(app: FastAPI) -> None:
    paths = {route.path for route in app.routes if isinstance(route, APIRoute)}
    for route in app.routes:
        rule_of(route)
    for path in paths:
        assert {path.rstrip("/"), f"{path.rstrip('/')}/"} <= paths


def test_a_route_without_a_rule_cannot_start(resources: Resources) -> None:
    app = create_app(resources)
    app.get("/forgotten")(lambda: None)
    with pytest.raises(UndeclaredAccessError, match="/forgotten"):
        check_all(app.routes)

    async def bare(_: Request) -> None: ...

    with pytest.raises(UndeclaredAccessError, match="/bare"):
        check_all([Route("/bare", bare)])


def test_a_route_of_two_rules_cannot_start() -> None:
    app = FastAPI(openapi_url=None)
    router = Router(PUBLIC)

    @router.get("/both")
    async def both(user: CurrentUser) -> None: ...

    include(app, [router])
    with pytest.raises(UndeclaredAccessError, match="both"):
        check_all(app.routes)


@pytest.fixture
def house(app: FastAPI) -> FastAPI:
    """Routes such as the REST resources have, and some that fail on purpose."""
    router = Router(SESSION, prefix="/api/house")

    @router.get("/names/")
    async def names(connection: ReadConn) -> list[str]:
        return list((await connection.execute(select(strategies.c.name))).scalars())

    @router.post("/rename/")
    async def rename(connection: WriteConn, name: str) -> dict[str, str]:
        await connection.execute(strategies.update().values(name=name))
        return {"name": name}

    @router.post("/conflict/")
    async def conflict(connection: WriteConn) -> None:
        await connection.execute(strategies.update().values(name="half"))
        raise Conflict("house.conflict", "Not today.")

    @router.post("/break/")
    async def broken(connection: WriteConn) -> None:
        await connection.execute(text("SELECT 1 / 0"))

    @router.post("/late/")
    async def late(connection: WriteConn) -> dict[str, str]:
        """Fails at the commit, not before."""
        await connection.execute(text("INSERT INTO late_checks VALUES (1) ON CONFLICT DO NOTHING"))
        return {"stored": "yes"}

    @router.post("/slow/")
    async def slow(connection: WriteConn) -> None:
        await connection.execute(text("SELECT pg_sleep(10)"))

    @router.get("/write-in-read/")
    async def sneaky(connection: ReadConn) -> None:
        await connection.execute(strategies.update().values(name="sneaky"))

    @router.get("/bug/")
    async def bug(user: CurrentUser) -> None:
        raise RuntimeError("token=CANARY-IN-EXCEPTION")

    include(app, [router])
    check_all(app.routes)
    return app


async def invisible(engine: AsyncEngine) -> bool:
    """Whether every pooled connection shows nothing to a transaction without a user."""
    async with read_only(engine) as one, read_only(engine) as two:
        counts = [
            (await connection.execute(text("SELECT count(*) FROM strategies"))).scalar_one()
            for connection in (one, two)
        ]
        named = [
            (await connection.execute(text("SELECT current_setting('app.user_id', true)"))).scalar()
            for connection in (one, two)
        ]
    return counts == [0, 0] and all(not name for name in named)


async def test_a_pooled_connection_shows_nobodys_rows(
    house: FastAPI, client: httpx.AsyncClient, town: Town, engine: AsyncEngine
) -> None:
    """After a request, after errors, after a cancel; and each person sees only her own."""
    ada, bob = await town.person("Ada"), await town.person("Bob")
    await town.strategy(ada.id, name="Hers")
    await town.strategy(bob.id, name="His")
    await sign_in(client, "Ada")
    token = await csrf(client)

    assert (await client.get("/api/house/names")).json() == ["Hers"]
    assert await invisible(engine)

    assert (await client.post("/api/house/conflict/", headers=token)).status_code == 409
    assert (await client.post("/api/house/break/", headers=token)).status_code == 500
    assert await invisible(engine)

    cancelled = asyncio.create_task(client.post("/api/house/slow/", headers=token))
    await asyncio.wait({cancelled}, timeout=0.3)
    cancelled.cancel()
    await asyncio.wait({cancelled})
    assert await invisible(engine)

    await client.post("/api/house/rename/", params={"name": "New"}, headers=token)
    names = [row.name for row in await town.rows(select(strategies).order_by(strategies.c.id))]
    assert names == ["New", "His"]

    await sign_in(client, "Bob")
    assert (await client.get("/api/house/names")).json() == ["His"]
    assert await invisible(engine)


async def test_what_failed_at_the_commit_was_not_answered_2xx(
    house: FastAPI, client: httpx.AsyncClient, town: Town
) -> None:
    await town.sql("CREATE TABLE late_parents (id int PRIMARY KEY)")
    await town.sql(
        "CREATE TABLE late_checks (id int PRIMARY KEY REFERENCES late_parents"
        " DEFERRABLE INITIALLY DEFERRED)"
    )
    await town.sql("GRANT INSERT, SELECT ON late_checks TO tm_api")
    await town.person("Ada")
    await sign_in(client, "Ada")
    answer = await client.post("/api/house/late/", headers=await csrf(client))
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"


async def test_a_reading_route_cannot_write(
    house: FastAPI, client: httpx.AsyncClient, town: Town
) -> None:
    ada = await town.person("Ada")
    await town.strategy(ada.id, name="Hers")
    await sign_in(client, "Ada")
    assert (await client.get("/api/house/write-in-read/")).status_code == 500
    assert (await client.get("/api/house/names/")).json() == ["Hers"]


async def test_no_secret_reaches_a_log_or_a_plain_column(
    house: FastAPI, client: httpx.AsyncClient, town: Town, log: io.StringIO, resources: Resources
) -> None:
    ada = await town.person("Ada")
    strategy = await town.strategy(ada.id)
    await sign_in(client, "Ada", "CANARY-PASSWORD")
    await sign_in(client, "Ada")
    found = (await client.get("/api/auth/check-auth/")).json()
    token = await csrf(client)
    await client.post("/api/auth/nothing/", json={"password": "CANARY-BODY"}, headers=token)
    assert (await client.get("/api/house/bug/")).status_code == 500
    alert: dict[str, Any] = {"symbol": "NQ1!", "action": "buy", "secret": strategy.key}
    for url in (strategy.url, "/webhook", f"/webhook/{strategy.key}/extra"):
        await client.post(url, content=json.dumps(alert), headers={"Cookie": "x=CANARY-COOKIE"})

    canaries = [
        PASSWORD, "CANARY", strategy.key, found["sessionId"], client.cookies["sessionid"],
        token["X-CSRFToken"], resources.settings.secret_key.get_secret_value(),
    ]  # fmt: skip
    everything = log.getvalue()
    assert "request_failed" in everything
    assert [canary for canary in canaries if canary in everything] == []

    tables = ("users", "sessions", "login_attempts", "alerts", "signals", "strategies", "outbox")
    async with unit_of_work(town.owner) as connection:
        for table in tables:
            query = f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} AS t"  # noqa: S608 - our own names
            stored = (await connection.exec_driver_sql(query)).scalar_one()
            plain = "".join(canary for canary in canaries if canary in stored)
            hidden = "".join(canary for canary in canaries if canary.encode().hex() in stored)
            assert (table, plain + hidden) == (table, "")


async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    for url in ("/healthz", "/nowhere", "/api/auth/check-auth/"):
        headers = (await client.get(url)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "connect-src 'self' ws://127.0.0.1:5000" in headers["content-security-policy"]
        assert headers["x-correlation-id"]


async def test_health_readiness_and_metrics(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz/")).status_code == 200
    assert "tm_api_request_seconds" in (await client.get("/metrics")).text
