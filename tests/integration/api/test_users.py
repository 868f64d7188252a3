"""Signing up, second factor, keys, sessions, and leaving for good."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import select, text

from api.app import create_app
from api.resources import Resources
from shared.db.tables import metadata
from shared.db.tables.people import sessions, users
from tests.integration.api.desk import Browser, Desk, signed_in
from tests.integration.api.helpers import (
    BASE_URL,
    PASSWORD,
    Person,
    StillClock,
    Town,
    code,
    csrf,
    sign_in,
)

NEW = {"username": "Newcomer", "password": "a long enough pass phrase"}
PROOF = {"password": PASSWORD}
NEXT_PASSWORD = "another correct horse"


@asynccontextmanager
async def stranger(app: FastAPI) -> AsyncIterator[Browser]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        yield Browser(http, Person(0, ""))


@asynccontextmanager
async def again(app: FastAPI, person: Person) -> AsyncIterator[Browser]:
    """Another browser of the same person."""
    async with stranger(app) as browser:
        assert (await sign_in(browser.http, person.username)).status_code == 200
        yield replace(browser, person=person)


def with_setting(resources: Resources, **values: Any) -> FastAPI:
    settings = resources.settings.model_copy(update=values)
    return create_app(replace(resources, settings=settings))


# --- signing up -------------------------------------------------------------------------------
async def test_m36_the_first_user_sets_the_installation_up_and_closes_the_door(
    app: FastAPI, town: Town
) -> None:
    async with stranger(app) as browser:
        assert await browser.get("/api/auth/setup") == {"needed": True, "registration": "closed"}
        short = await browser.post("/api/auth/setup/", NEW | {"password": "short"}, 422)
        assert short["fields"][0]["field"] == "password"
        entered = await browser.post("/api/auth/setup/", NEW, 201)
        assert (entered["user"]["username"], entered["user"]["admin"]) == ("Newcomer", True)
        assert (await browser.get("/api/user/"))["admin"] is True
    async with stranger(app) as late:
        assert (await late.get("/api/auth/setup/"))["needed"] is False
        refused = await late.post("/api/auth/setup/", NEW | {"username": "Other"}, 409)
        assert refused["code"] == "setup.closed"
        refused = await late.post("/api/auth/register/", NEW | {"username": "Other"}, 403)
        assert refused["code"] == "auth.registration_closed"
    assert len(await town.rows(select(users))) == 1


async def test_m36_anybody_signs_up_where_it_is_open(resources: Resources, town: Town) -> None:
    app = with_setting(resources, registration="open")
    await town.person("Ada")
    async with stranger(app) as browser:
        entered = await browser.post(
            "/api/auth/register/", NEW | {"email": "new@example.org", "username": " Newcomer "}, 201
        )
        assert entered["user"] == {
            "username": "Newcomer", "email": "new@example.org", "admin": False, "DiscordID": None,
            "access": True, "signed": True, "is_email_verified": False,
        }  # fmt: skip
        assert await browser.get("/api/strategies/") == []
    async with stranger(app) as other:
        taken = await other.post("/api/auth/register/", NEW | {"username": "aDA"}, 409)
        assert taken["code"] == "user.name_taken"
        body = NEW | {"username": "Third", "email": "NEW@example.org"}
        assert (await other.post("/api/auth/register/", body, 409))["code"] == "user.email_taken"
        for wrong in ({"email": "nobody"}, {"admin": True}, {"username": " "}, {"user_id": 1}):
            await other.post("/api/auth/register/", NEW | wrong, 422)


async def test_m36_an_invitation_lets_one_person_in(resources: Resources, town: Town) -> None:
    app = with_setting(resources, registration="invited")
    async with signed_in(app, town, "Root") as root:
        assert (await root.post("/api/users/invites/", {}, 403))["code"] == "auth.admin"
        await town.sql("UPDATE users SET admin = true")
        code = (await root.post("/api/users/invites/", {"note": "Bob"}, 201))["code"]
    async with stranger(app) as browser:
        for wrong in (None, "", "x" * 32):
            refused = await browser.post("/api/auth/register/", NEW | {"inviteCode": wrong}, 403)
            assert refused["code"] == "auth.invite"
        await browser.post("/api/auth/register/", NEW | {"inviteCode": code.upper()}, 201)
    async with stranger(app) as second:
        body = NEW | {"username": "Second", "inviteCode": code}
        assert (await second.post("/api/auth/register/", body, 403))["code"] == "auth.invite"
    assert {row.username for row in await town.rows(select(users))} == {"Root", "Newcomer"}


# --- password, name, sessions -----------------------------------------------------------------
async def test_m31_a_changed_password_ends_every_other_session(
    ada: Browser, app: FastAPI, town: Town
) -> None:
    async with again(app, ada.person) as other:
        wrong = {"password": "not hers", "new_password": NEXT_PASSWORD}
        assert (await ada.post("/api/user/password/", wrong, 403))["code"] == "auth.wrong_password"
        await other.get("/api/user/")
        changed = await ada.post("/api/user/password", PROOF | {"new_password": NEXT_PASSWORD})
        assert changed["ended"] == 1
        await other.get("/api/user/", 401)
        await ada.get("/api/user/")
        assert (await sign_in(other.http, "Ada")).status_code == 401
        assert (await sign_in(other.http, "Ada", NEXT_PASSWORD)).status_code == 200
    await ada.post("/api/user/password/", PROOF | {"new_password": "short"}, 422)


async def test_m31_a_changed_name_ends_every_other_session(
    ada: Browser, app: FastAPI, town: Town
) -> None:
    await town.person("Bob")
    async with again(app, ada.person) as other:
        taken = await ada.post("/api/user/username/", PROOF | {"username": "BOB"}, 409)
        assert taken["code"] == "user.name_taken"
        await other.get("/api/user/")
        await ada.post("/api/user/username/", PROOF | {"username": "Ada Two"})
        await other.get("/api/user/", 401)
    assert (await ada.get("/api/user/"))["username"] == "Ada Two"
    await ada.post("/api/user/email/", PROOF | {"email": "two@example.org"})
    shown = await ada.get("/api/user/")
    assert (shown["email"], shown["is_email_verified"]) == ("two@example.org", False)


async def test_m33_sessions_are_listed_and_revoked(ada: Browser, app: FastAPI, town: Town) -> None:
    async with again(app, ada.person) as other, signed_in(app, town, "Bob") as bob:
        first, second = await ada.get("/api/user/sessions/")
        current, foreign = (first, second) if first["is_current"] else (second, first)
        assert foreign["is_current"] is False
        assert current["agent"].startswith("python-httpx")
        assert (await ada.get("/api/user/sessions/", wrap=1))["sessions"] == [first, second]
        path = f"/api/user/sessions/{foreign['id']}/"
        assert (await bob.send("DELETE", path, status=404))["code"] == "session.unknown"
        await ada.send("DELETE", path)
        await other.get("/api/user/", 401)
        await ada.send("DELETE", path, status=404)
    async with again(app, ada.person) as third:
        assert (await ada.post("/api/user/sessions/end-others/"))["ended"] == 1
        await third.get("/api/user/", 401)
    assert len(await ada.get("/api/user/sessions/")) == 1


# --- second factor ----------------------------------------------------------------------------
async def enter(browser: Browser, otp: str | None) -> tuple[int, str]:
    body = {"username": "Ada", "password": PASSWORD} | ({} if otp is None else {"otp": otp})
    answer = await browser.http.post(
        "/api/auth/login/", json=body, headers=await csrf(browser.http)
    )
    return answer.status_code, answer.json().get("code", "")


async def test_m31_the_second_factor_is_asked_for_once_it_is_confirmed(
    resources: Resources, town: Town, log: io.StringIO
) -> None:
    app = create_app(replace(resources, clock=StillClock()))
    async with signed_in(app, town, "Ada") as ada:
        await second_factor_of(ada, app, town, log)


async def second_factor_of(ada: Browser, app: FastAPI, town: Town, log: io.StringIO) -> None:
    begun = await ada.post("/api/user/totp/begin/", PROOF)
    assert begun["url"].startswith("otpauth://totp/Trade%20Manager:Ada?secret=")
    async with stranger(app) as browser:
        assert await enter(browser, None) == (200, "")  # not yet
    wrong = await ada.post("/api/user/totp/confirm/", {"code": "abcdef"}, 401)
    assert wrong["code"] == "auth.second_factor_wrong"
    # The code before this one: so that those that follow are still good.
    found = await ada.post("/api/user/totp/confirm/", {"code": code(begun["secret"], -1)})
    spare = found["recovery_codes"]
    assert len(set(spare)) == 10

    async with stranger(app) as browser:
        assert await enter(browser, None) == (401, "auth.second_factor_needed")
        assert await enter(browser, "000000x") == (401, "auth.second_factor_wrong")
        shown = code(begun["secret"], 1)
        assert await enter(browser, shown) == (200, "")
        assert await enter(browser, shown) == (401, "auth.second_factor_wrong")  # once
        assert await enter(browser, spare[0].upper()) == (200, "")
        assert await enter(browser, spare[0]) == (401, "auth.second_factor_wrong")  # once

    refused = await ada.send("DELETE", "/api/user/totp/", PROOF, 401)
    assert refused["code"] == "auth.second_factor_needed"
    fresh = await ada.post("/api/user/totp/recovery-codes/", PROOF | {"otp": spare[1]})
    async with stranger(app) as browser:
        assert (await enter(browser, spare[2]))[0] == 401  # the old ones are good no more
    again = fresh["recovery_codes"]
    await ada.send("DELETE", "/api/user/totp/", PROOF | {"otp": again[0]})
    assert (await ada.get("/api/user/"))["has_second_factor"] is False

    secrets = [begun["secret"], *spare, *again]
    [row] = await town.rows(select(users))
    everything = log.getvalue() + str(row)
    assert [secret for secret in secrets if secret in everything] == []


# --- API keys ---------------------------------------------------------------------------------
async def test_m37_a_key_opens_what_its_scopes_say_and_nothing_of_the_person(
    ada: Browser, app: FastAPI, town: Town, log: io.StringIO
) -> None:
    strategy = await town.strategy(ada.person.id)
    made = {
        scope: await ada.post("/api/user/api-keys/", {"name": scope, "scopes": [scope]}, 201)
        for scope in ("read", "trade")
    }
    listed = await ada.get("/api/user/api-keys/")
    assert [each["scopes"] for each in listed] == [["read"], ["trade"]]
    assert all("key" not in each for each in listed)
    async with stranger(app) as program:
        headers = {name: {"Authorization": f"Bearer {key['key']}"} for name, key in made.items()}

        async def ask(method: str, path: str, scope: str, body: Any = None) -> tuple[int, str]:
            answer = await program.http.request(method, path, json=body, headers=headers[scope])
            found = answer.json()
            return answer.status_code, found.get("code", "") if isinstance(found, dict) else ""

        body = {"id": strategy.id, "description": "by a program"}
        assert await ask("GET", "/api/strategies/", "read") == (200, "")
        assert await ask("POST", "/api/strategies/update/", "read", body) == (403, "auth.scope")
        assert await ask("POST", "/api/strategies/update/", "trade", body) == (200, "")
        assert await ask("GET", "/api/strategies/", "trade") == (403, "auth.scope")
        for path in ("/api/user/", "/api/user/api-keys/", "/api/connections/", "/api/users/"):
            assert await ask("GET", path, "read") == (403, "auth.person")
        # A key that only reads must not read what is itself the right to trade.
        shown = await program.http.get(f"/api/strategies/{strategy.id}/", headers=headers["read"])
        assert shown.json()["webhook_key"] == ""
        assert strategy.key not in shown.text

        await ada.send("DELETE", f"/api/user/api-keys/{made['read']['id']}/")
        assert await ask("GET", "/api/strategies/", "read") == (401, "auth.no_session")
        await town.sql("UPDATE api_keys SET expires_at = now() - interval '1 second'")
        assert (await ask("POST", "/api/strategies/update/", "trade", body))[0] == 401
    assert (await ada.get("/api/user/api-keys/"))[0]["last_used_at"] is not None
    stored = str(await town.rows(select(metadata.tables["api_keys"]))) + log.getvalue()
    assert [key["key"] for key in made.values() if key["key"] in stored] == []


async def test_m37_keys_are_their_owners_alone_and_must_end_later(
    ada: Browser, app: FastAPI, town: Town
) -> None:
    made = await ada.post("/api/user/api-keys/", {"name": "x", "scopes": ["read", "trade"]}, 201)
    async with signed_in(app, town, "Bob") as bob:
        assert await bob.get("/api/user/api-keys/") == []
        refused = await bob.send("DELETE", f"/api/user/api-keys/{made['id']}/", status=404)
        assert refused["code"] == "api_key.unknown"
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    refused_bodies: list[dict[str, Any]] = [
        {"scopes": []}, {"scopes": ["admin"]}, {"expires_at": past}, {"name": ""},
    ]  # fmt: skip
    for wrong in refused_bodies:
        await ada.post("/api/user/api-keys/", {"name": "x", "scopes": ["read"]} | wrong, 422)


# --- roles ------------------------------------------------------------------------------------
async def test_m34_roles_are_an_administrators_to_give_and_one_always_stays(
    ada: Browser, app: FastAPI, town: Town
) -> None:
    async with signed_in(app, town, "Bob") as bob:
        assert (await ada.get("/api/users/", 403))["code"] == "auth.admin"
        await town.sql("UPDATE users SET admin = true WHERE username = 'Ada'")
        assert [row["username"] for row in await ada.get("/api/users/")] == ["Ada", "Bob"]
        mine, his = f"/api/users/{ada.person.id}/", f"/api/users/{bob.person.id}/"
        for alone in ({"admin": False}, {"disabled": True}):
            assert (await ada.send("PUT", mine, alone, 409))["code"] == "user.last_admin"
        await ada.send("PUT", his, {"is_email_verified": True})
        assert (await bob.get("/api/user/"))["is_email_verified"] is True
        await ada.send("PUT", his, {"disabled": True})
        await bob.get("/api/user/", 401)
        assert (await sign_in(bob.http, "Bob")).status_code == 401
        await ada.send("PUT", his, {"disabled": False, "admin": True})
        assert (await sign_in(bob.http, "Bob")).status_code == 200
        await bob.send("PUT", mine, {"admin": False})
        await ada.get("/api/users/", 403)
        assert (await ada.send("PUT", his, {"admin": False}, 403))["code"] == "auth.admin"
        await bob.send("PUT", "/api/users/999/", {"admin": True}, 404)


async def test_m34_what_was_done_is_shown_to_who_did_it(
    ada: Browser, app: FastAPI, town: Town
) -> None:
    for scope in ("read", "trade"):
        await ada.post("/api/user/api-keys/", {"name": scope, "scopes": [scope]}, 201)
    newest, oldest = await ada.get("/api/user/audit/")
    assert (newest["action"], newest["actor"]) == ("api_key.made", "Ada")
    assert newest["detail"]["scopes"] == ["trade"]
    page = await ada.get("/api/user/audit/", wrap=1, limit=1)
    assert page["audit"] == [newest]
    rest = await ada.get("/api/user/audit/", wrap=1, after=page["next"])
    assert rest == {"audit": [oldest], "next": None}
    async with signed_in(app, town, "Bob") as bob:
        assert await bob.get("/api/user/audit/") == []


async def test_m168_direct_messages_are_switched(ada: Browser) -> None:
    assert (await ada.get("/api/user/"))["discord_dms_enabled"] is True
    assert await ada.post("/api/user/toggle-discord-dms/", {"enabled": False}) == {"enabled": False}
    assert (await ada.get("/api/user/"))["discord_dms_enabled"] is False


# --- leaving ----------------------------------------------------------------------------------
async def test_m180_who_leaves_takes_her_secrets_and_leaves_the_ledger(
    ada: Browser, app: FastAPI, town: Town
) -> None:
    desk = Desk(town)
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    await desk.trade(strategy, account, net="100.10")
    await town.sql("UPDATE broker_connections SET password_sealed = 'box'")
    await ada.post("/api/user/api-keys/", {"name": "x", "scopes": ["read"]}, 201)
    await town.sql(
        "INSERT INTO positions (account_id, contract, strategy_id, user_id, root, net_qty, version)"
        " VALUES (:a, 'ESH6', :s, :u, 'ES', 1, 1)",
        a=account.id, s=strategy.id, u=ada.person.id,
    )  # fmt: skip
    refused = await ada.send("DELETE", "/api/user/", PROOF, 409)
    assert refused["code"] == "account.open_position"
    await town.sql("UPDATE positions SET net_qty = 0")
    assert (await ada.send("DELETE", "/api/user/", {"password": "no"}, 403))["code"]
    await ada.send("DELETE", "/api/user/", PROOF)

    await ada.get("/api/user/", 401)
    assert (await sign_in(ada.http, "Ada")).status_code == 401
    [row] = await town.rows(select(users))
    assert (row.username, row.email) == (f"deleted-{ada.person.id}", None)
    [login] = await town.rows(select(metadata.tables["broker_connections"]))
    assert (login.password_sealed, login.enabled) == (None, False)
    assert (await ada.http.post(strategy.url, content="{}")).status_code == 404
    assert len(await town.rows(select(metadata.tables["trades"]))) == 1
    audit = await town.rows(text("SELECT DISTINCT actor FROM audit_log"))
    said_by = await town.rows(text("SELECT DISTINCT requested_by FROM commands"))
    assert [each[0] for each in (*audit, *said_by)] == [f"deleted-{ada.person.id}"] * 2
    ended = await town.rows(select(sessions).where(sessions.c.ended_at.is_(None)))
    assert ended == []
    assert "Ada" not in str(await town.rows(select(users)))
