"""A live account is locked until its owner enables it with the password."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text

from api.app import create_app
from api.resources import Resources
from api.security import throttle
from shared.db.tables.accounts import accounts
from shared.db.tables.audit import audit_log
from tests.integration.api.desk import Account, Browser, Desk, signed_in
from tests.integration.api.helpers import PASSWORD, StillClock, Town, code, csrf


@pytest.fixture
async def live(ada: Browser, town: Town) -> Account:
    account = await Desk(town).account(ada.person.id)
    await town.sql("UPDATE broker_connections SET environment = 'live'")
    return account


def path(account: Account, verb: str = "enable") -> str:
    return f"/api/accounts/{account.id}/{verb}-live/"


def proof(account: Account, **changed: Any) -> dict[str, Any]:
    return {"password": PASSWORD, "account_name": account.name, **changed}


async def home(town: Town) -> tuple[Any, Any]:
    [row] = await town.rows(select(accounts.c.live_enabled_home, accounts.c.live_enabled_at))
    return row.live_enabled_home, row.live_enabled_at


async def test_it_is_enabled_by_password_and_name_and_written_down(
    ada: Browser, town: Town, live: Account
) -> None:
    assert await home(town) == (None, None)
    answer = await ada.post(path(live), proof(live))
    assert answer["live_enabled"] is True
    [here] = await town.rows(select(text("tm_database_home()")))
    assert (await home(town))[0] == here[0]
    [shown] = await ada.get("/api/accounts/")
    assert shown["live_enabled"] is True
    await ada.post(path(live, "disable"))
    assert await home(town) == (None, None)
    [shown] = await ada.get("/api/accounts/")
    assert shown["live_enabled"] is False
    noted = await town.rows(select(audit_log).order_by(audit_log.c.id))
    told = {"account_id": live.id, "account_name": live.name}
    assert [(row.user_id, row.actor, row.action, row.detail) for row in noted] == [
        (ada.person.id, "Ada", "account.enable_live", told),
        (ada.person.id, "Ada", "account.disable_live", told),
    ]


async def test_a_login_that_is_deleted_takes_its_enabling_with_it(
    ada: Browser, town: Town, live: Account
) -> None:
    await ada.post(path(live), proof(live))
    gone = await ada.http.delete(
        f"/api/connections/{live.connection_id}/", headers=await csrf(ada.http)
    )
    assert gone.status_code == 200, gone.text
    assert await home(town) == (None, None)


async def test_with_a_second_factor_its_code_is_asked_for_too(
    resources: Resources, town: Town
) -> None:
    app = create_app(replace(resources, clock=StillClock()))
    async with signed_in(app, town, "Ada") as ada:
        account = await Desk(town).account(ada.person.id)
        await town.sql("UPDATE broker_connections SET environment = 'live'")
        secret = (await ada.post("/api/user/totp/begin/", {"password": PASSWORD}))["secret"]
        await ada.post("/api/user/totp/confirm/", {"code": code(secret, -1)})
        for given, told in [({}, "needed"), ({"otp": "12345x"}, "wrong")]:
            refused = await ada.post(path(account), proof(account, **given), 401)
            assert refused["code"] == f"auth.second_factor_{told}"
        assert await home(town) == (None, None)
        shown = code(secret)
        await ada.post(path(account), proof(account, otp=shown))
        await ada.post(path(account, "disable"))
        again = await ada.post(path(account), proof(account, otp=shown), 401)
        assert again["code"] == "auth.second_factor_wrong"  # once
        assert await home(town) == (None, None)


async def test_nothing_less_enables_it(ada: Browser, town: Town, live: Account) -> None:
    for changed, status, told in [
        ({"password": "not the password"}, 403, "auth.wrong_password"),
        ({"account_name": "ANOTHER"}, 422, "account.name_differs"),
    ]:
        refused = await ada.post(path(live), proof(live, **changed), status)
        assert refused["code"] == told
    await ada.post(path(live), {"account_name": live.name}, 422)
    assert (await ada.http.post(path(live), json=proof(live))).status_code == 403  # no CSRF token
    assert await home(town) == (None, None)
    assert await town.rows(select(audit_log)) == []


async def test_a_stolen_session_cannot_try_passwords_for_long(ada: Browser, live: Account) -> None:
    wrong = proof(live, password="not the password")
    for _ in range(throttle.FREE_TRIES):
        await ada.post(path(live), wrong, 403)
    assert (await ada.post(path(live), proof(live), 429))["code"] == "auth.throttled"


async def test_anothers_is_unknown_and_a_paper_account_has_nothing_to_enable(
    ada: Browser, app: FastAPI, town: Town, live: Account
) -> None:
    async with signed_in(app, town, "Bob") as bob:
        for verb in ("enable", "disable"):
            refused = await bob.post(
                path(live, verb), proof(live) if verb == "enable" else None, 404
            )
            assert refused["code"] == "account.unknown"
    await town.sql("UPDATE broker_connections SET environment = 'paper'")
    assert (await ada.post(path(live), proof(live), 409))["code"] == "account.not_live"
    assert (await ada.post(path(live, "disable"), None, 409))["code"] == "account.not_live"
