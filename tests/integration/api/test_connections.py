"""Broker logins from the API's door to the paper venue and back, each service under its role."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text

from api.commands import service as commands
from api.connections import service as connections
from api.settings import ApiSettings
from shared.db.tables.accounts import accounts, broker_connections
from shared.db.tables.commands import command_results, command_secrets
from shared.db.uow import read_only
from shared.vault import Opener, generate_keypair
from tests.fixtures.servers import DatabaseUrls
from tests.integration.api.broker_room import APP, BrokerRoom, open_room
from tests.integration.api.desk import Browser, signed_in
from tests.integration.api.helpers import Town, eventually
from tests.integration.brokers.venue import PASSWORD, USER, PaperVenue, running

PRIVATE, PUBLIC = generate_keypair()
TEST = "/api/accounts/test-tradovate-connection/"
ADD = "/api/accounts/add-tradovate/"
LOGIN = {"username": USER, "password": PASSWORD, "environment": "paper"}
WRONG = LOGIN | {"password": "CANARY-WRONG"}


@pytest.fixture(scope="module")
async def venue() -> AsyncIterator[PaperVenue]:
    async with running() as venue:
        yield venue


@pytest.fixture
def settings(settings: ApiSettings, venue: PaperVenue) -> ApiSettings:
    page = f"{venue.url.removesuffix('/v1')}/oauth"
    ours = {"tradovate_consent_url": page, "tradovate_oauth_client_id": APP}
    return settings.model_copy(update={"vault_public_key": PUBLIC} | ours)


@pytest.fixture
async def room(fresh_database: DatabaseUrls, venue: PaperVenue) -> AsyncIterator[BrokerRoom]:
    async with open_room(fresh_database, Opener(PRIVATE), venue.url) as made:
        yield made


async def stored(town: Town) -> tuple[list[Any], list[Any]]:
    return (
        await town.rows(select(broker_connections).order_by(broker_connections.c.id)),
        await town.rows(select(accounts).order_by(accounts.c.id)),
    )


async def runs(room: BrokerRoom, connection_id: int) -> None:
    async def streaming() -> bool:
        async with read_only(room.engine) as connection:
            query = text("SELECT state FROM broker_sessions WHERE connection_id = :id")
            state = (await connection.execute(query, {"id": connection_id})).scalar()
        return state == "streaming"

    await eventually(streaming)


@pytest.mark.parametrize("slash", ["", "/"])
async def test_m41_a_test_lists_the_accounts_and_stores_nothing(
    ada: Browser, room: BrokerRoom, town: Town, slash: str
) -> None:
    found = await ada.post(TEST.removesuffix("/") + slash, LOGIN)
    assert found["success"] is True
    assert [(step["name"], step["ok"]) for step in found["steps"]] == [
        ("reach", True), ("sign_in", True), ("accounts", True),
    ]  # fmt: skip
    assert found["accounts"]
    assert set(found["accounts"][0]) == {"id", "name", "active"}
    assert await stored(town) == ([], [])
    assert await town.rows(select(command_secrets)) == []
    shown = await ada.get(f"/api/commands/{found['command_id']}")
    assert (shown["status"], shown["kind"]) == ("done", "broker.test_connection")


async def test_m41_a_failed_test_names_the_step_and_the_reason(
    ada: Browser, room: BrokerRoom, town: Town, log: io.StringIO
) -> None:
    found = await ada.post(TEST, WRONG)
    assert (found["success"], found["accounts"]) == (False, [])
    assert [(step["name"], step["ok"], step["code"]) for step in found["steps"]] == [
        ("reach", True, None), ("sign_in", False, "broker.credentials_refused"),
    ]  # fmt: skip
    assert found["message"] == "The broker refuses these credentials: enter them again."
    refused = await ada.post(ADD, WRONG, status=409)
    assert refused["code"] == "broker.credentials_refused"
    assert await stored(town) == ([], [])
    kept = str(await town.rows(select(command_results))) + log.getvalue()
    assert "CANARY" not in kept


async def test_m40_added_logins_are_sealed_and_run_with_the_session_of_their_test(
    ada: Browser, room: BrokerRoom, town: Town
) -> None:
    tested = await ada.post(TEST, LOGIN)
    found = await ada.post(ADD, LOGIN | {"client_id": "", "client_secret": ""}, status=201)
    assert found["success"] is True
    assert found["accounts"] == tested["accounts"]
    [login], under = await stored(town)
    assert login.password_sealed is not None
    assert PASSWORD.encode() not in login.password_sealed
    place = {"table": "broker_connections", "row_id": login.id}
    opened = Opener(PRIVATE).open(login.password_sealed, column="password_sealed", **place)
    assert opened == PASSWORD.encode()
    assert login.client_secret_sealed is None
    assert {row.broker_account_id for row in under} == {each["id"] for each in found["accounts"]}
    # M48: no hidden cap, and one to one
    assert {(row.max_contracts, row.multiplier, row.enabled) for row in under} == {(0, 1, True)}
    await runs(room, login.id)
    # One sign-in for all of it: the test's session went into the login.
    attempts = text("SELECT count(*) FROM broker_auth_attempts WHERE verb = 'login'")
    assert (await town.rows(attempts))[0][0] <= 1

    [shown] = await ada.get("/api/connections/")
    assert (shown["id"], shown["has_password"], shown["state"]) == (login.id, True, "streaming")
    assert shown["accounts"] == len(under)
    assert PASSWORD not in str(shown)
    assert await ada.get("/api/connections", wrap=1) == {"connections": [shown]}


async def test_m40_a_login_in_use_is_tested_by_its_own_session_only(
    ada: Browser, app: FastAPI, room: BrokerRoom, town: Town
) -> None:
    added = await ada.post(ADD, LOGIN, status=201)
    await runs(room, added["connection_id"])

    again = await ada.post(TEST, LOGIN)
    assert (again["success"], again["accounts"]) == (True, added["accounts"])
    other = await ada.post(TEST, WRONG)
    assert (other["success"], other["code"]) == (False, "broker.in_use")
    assert (await ada.post(ADD, LOGIN, status=201))["connection_id"] == added["connection_id"]

    async with signed_in(app, town, "Bob") as bob:  # who knows her secrets, and gains nothing
        theirs = await bob.post(TEST, LOGIN)
        assert (theirs["success"], theirs["code"], theirs["accounts"]) == (
            False, "broker.in_use", [],
        )  # fmt: skip
        assert (await bob.post(ADD, LOGIN, status=409))["code"] == "broker.in_use"
        assert await bob.get("/api/connections/") == []
        await bob.get(f"/api/commands/{other['command_id']}", 404)
    connections_now, _ = await stored(town)
    assert len(connections_now) == 1


async def test_m40_deleting_removes_the_secrets_and_adding_again_finds_the_accounts(
    ada: Browser, app: FastAPI, room: BrokerRoom, town: Town
) -> None:
    added = await ada.post(ADD, LOGIN, status=201)
    login_id = added["connection_id"]
    path = f"/api/connections/{login_id}/"
    await runs(room, login_id)
    _, under = await stored(town)
    account = under[0]
    strategy = await town.strategy(ada.person.id)
    await town.sql(
        "INSERT INTO strategy_accounts (strategy_id, account_id, user_id) VALUES (:s, :a, :u)",
        s=strategy.id, a=account.id, u=ada.person.id,
    )  # fmt: skip
    await town.sql(
        "INSERT INTO positions (account_id, contract, strategy_id, user_id, root, net_qty, version)"
        " VALUES (:a, 'ESH6', :s, :u, 'ES', 1, 1)",
        s=strategy.id, a=account.id, u=ada.person.id,
    )  # fmt: skip
    refused = await ada.send("DELETE", path, status=409)
    assert refused["code"] == "account.open_position"
    assert (await ada.send("PUT", path, {"enabled": False}, 409))["code"] == "account.open_position"
    async with signed_in(app, town, "Bob") as bob:
        await bob.send("DELETE", path, status=404)
        await bob.send("PUT", path, {"name": "Mine"}, 404)

    await town.sql("UPDATE positions SET net_qty = 0")
    await ada.send("DELETE", path)
    [row], under = await stored(town)
    assert (row.password_sealed, row.client_secret_sealed, row.enabled) == (None, None, False)
    assert not any(each.enabled for each in under)
    assert await ada.get("/api/connections/") == []
    assert await ada.get("/api/accounts/") == []

    async def forgotten() -> bool:
        query = text("SELECT count(*) FROM broker_sessions WHERE token_sealed IS NOT NULL")
        return bool((await town.rows(query))[0][0] == 0)

    await eventually(forgotten)
    back = await ada.post(ADD, LOGIN, status=201)
    assert back["connection_id"] == login_id
    _, again = await stored(town)
    assert [each.id for each in again] == [each.id for each in under]


async def consented(url: str) -> dict[str, str]:
    """A person says yes on the venue's page; what comes back."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        sent = await browser.post(url, data={"name": USER, "password": PASSWORD})
    back = urlsplit(sent.headers["location"])
    assert back.path == "/oauth/tradovate/callback/"
    return {name: values[0] for name, values in parse_qs(back.query).items()}


async def test_m66_a_login_by_consent_needs_no_password(
    ada: Browser, app: FastAPI, room: BrokerRoom, town: Town
) -> None:
    wanted = {"username": USER, "environment": "paper"}
    begun = await ada.post("/api/connections/consent/", wanted)
    query = await consented(begun["url"])
    assert await ada.get("/api/connections/") == []  # nothing is proven yet

    async with signed_in(app, town, "Bob") as bob:  # her way back, in his browser
        his = (await bob.post("/api/connections/consent/", wanted))["url"]
        his_state = parse_qs(urlsplit(his).query)["state"][0]
        squatter = {"code": "no-such-code", "state": his_state}
        answer = await bob.http.get("/oauth/tradovate/callback/", params=squatter)
        assert answer.headers["location"].endswith("&code=broker.consent_refused")
        assert await bob.get("/api/connections/") == []  # and keeps her name from nobody
        refused = await bob.get("/oauth/tradovate/callback/", 403, **query)
        assert refused["code"] == "broker.consent_unknown"
    made_up = {"code": query["code"], "state": "x" * 54}
    await ada.get("/oauth/tradovate/callback/", 403, **made_up)

    answer = await ada.http.get("/oauth/tradovate/callback/", params=query)
    assert answer.status_code == 303
    login_id = begun["connection_id"]
    assert answer.headers["location"] == f"/user/accounts?connection={login_id}&code=command.done"
    await runs(room, login_id)
    assert (await ada.post(f"/api/connections/{login_id}/refresh/"))["success"] is True
    logins, under = await stored(town)
    [login] = [row for row in logins if row.deleted_at is None]
    assert (login.user_id, login.auth_type, login.password_sealed) == (ada.person.id, "api", None)
    assert under
    [account, *_] = await ada.get("/api/accounts/")
    below = await ada.get(f"/api/accounts/{account['id']}/subaccounts/")
    assert account in below
    assert len(below) == len(under)
    again = await ada.get("/oauth/tradovate/callback/", 403, **query)
    assert again["code"] == "broker.consent_unknown"  # good once


async def test_m66_without_an_application_there_is_no_consent(ada: Browser, app: FastAPI) -> None:
    resources = app.state.resources
    none = {"tradovate_oauth_client_id": None}
    object.__setattr__(resources, "settings", resources.settings.model_copy(update=none))
    body = {"username": USER, "environment": "paper"}
    refused = await ada.post("/api/connections/consent/", body, status=409)
    assert refused["code"] == "broker.no_application"
    assert await ada.get("/api/connections/") == []


async def test_m45_only_the_brokers_own_addresses_are_taken(ada: Browser, town: Town) -> None:
    for endpoint, environment in (
        ("https://evil.example/v1", None),
        ("https://demo.tradovateapi.com.evil.example/v1", None),
        ("http://demo.tradovateapi.com/v1", None),
        ("https://live.tradovateapi.com/v1", "demo"),
        ("https://demo.tradovateapi.com/v1", "paper"),
    ):
        body = LOGIN | {"api_endpoint": endpoint, "environment": environment}
        found = await ada.post(TEST, body, status=422)
        assert found["code"] == "broker.endpoint_unknown"
    assert await town.rows(text("SELECT * FROM commands")) == []


async def test_m41_an_answer_that_takes_too_long_is_found_under_its_command(
    ada: Browser, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody carries commands out here."""
    monkeypatch.setattr(commands, "WAIT_S", 0.0)
    tested = await ada.post(TEST, LOGIN, status=202)
    assert (tested["success"], tested["code"]) == (False, "command.pending")
    added = await ada.post(ADD, LOGIN, status=202)
    shown = await ada.get(f"/api/commands/{added['command_id']}/")
    assert (shown["status"], shown["detail"]) == ("pending", {})
    [first, second] = await town.rows(select(command_secrets))
    assert PASSWORD.encode() not in first.sealed + second.sealed
    assert await stored(town) == ([], [])
    events = [event.type for event in await town.events()]
    assert events == ["command.requested.v1"] * 2


async def test_m41_tests_are_limited(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "WAIT_S", 0.0)
    monkeypatch.setattr(connections, "_TESTS_MAX", 2)
    for status in (202, 202):
        await ada.post(TEST, LOGIN, status=status)
    found = await ada.post(TEST, LOGIN, status=429)
    assert found["code"] == "connection.too_many_tests"


async def test_m40_without_a_vault_key_nothing_is_asked(
    ada: Browser, app: FastAPI, town: Town
) -> None:
    resources = app.state.resources
    object.__setattr__(
        resources, "settings", resources.settings.model_copy(update={"vault_public_key": ""})
    )
    assert (await ada.post(ADD, LOGIN, status=503))["code"] == "vault.no_key"
    assert await town.rows(text("SELECT * FROM commands")) == []
