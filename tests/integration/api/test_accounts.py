"""Accounts in the original's shape."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from shared.domain.rules import FREE_ACCOUNT
from tests.integration.api.desk import Browser, Desk, signed_in
from tests.integration.api.helpers import Town

PATHS = [
    "/api/accounts", "/api/accounts/",
    "/api/accounts/get-all-at-accounts", "/api/accounts/get-all-at-accounts/",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_accounts_key_by_key(ada: Browser, town: Town, path: str) -> None:
    desk = Desk(town)
    plain = await desk.account(ada.person.id)
    other = await desk.account(
        ada.person.id, multiplier="0.5", max_contracts=3, custom_ticker="MES1!", enabled=False
    )
    await desk.balance(other, "50123.4500")
    first, second = await ada.get(path)
    assert first == {
        "name": plain.name, "accntID": str(plain.broker_account_id),
        "main": str(plain.connection_id), "maxcons": 0, "customTicker": "", "mult": 1,
        "enabled": True, "id": plain.id, "connection_id": plain.connection_id,
        "connection_name": "Paper", "environment": "paper", "netting": "exclusive",
        "live_enabled": None,
        "multiplier": "1", "balance": None, "realized_pnl": None, "balance_date": None,
        "balance_at": None, "quarantine_code": None,
        "rules": FREE_ACCOUNT.model_dump(mode="json"),
    }  # fmt: skip
    assert {name: second[name] for name in (
        "maxcons", "customTicker", "mult", "multiplier", "enabled", "balance", "balance_at"
    )} == {
        "maxcons": 3, "customTicker": "MES1!", "mult": 0.5, "multiplier": "0.5", "enabled": False,
        "balance": "50123.45", "balance_at": "2026-03-02T15:30:00Z",
    }  # fmt: skip
    assert await ada.get(path, wrap=1) == {"accounts": [first, second]}
    assert '"mult":0.5' in (await ada.http.get(path)).text


async def test_nobody_sees_anothers_accounts(ada: Browser, app: FastAPI, town: Town) -> None:
    await Desk(town).account(ada.person.id)
    async with signed_in(app, town, "Bob") as bob:
        for path in PATHS:
            assert await bob.get(path) == []
            bob_free = await bob.get(path, wrap=1)
            assert bob_free == {"accounts": []}
        bob.http.cookies.clear()
        for path in PATHS:
            await bob.get(path, 401)


async def test_m48_what_scales_and_limits_an_account_is_its_owners_to_set(
    ada: Browser, app: FastAPI, town: Town
) -> None:
    account = await Desk(town).account(ada.person.id)
    path = f"/api/accounts/{account.id}/"
    ours = {"multiplier": "0.5", "max_contracts": 3, "custom_ticker": "MES1!"}
    changed = await ada.send("PUT", path, ours)
    assert {name: changed[name] for name in ours} == ours
    shown = await ada.get(path)
    assert (shown["mult"], shown["maxcons"], shown["customTicker"]) == (0.5, 3, "MES1!")

    theirs = {"mult": 0, "maxcons": 0, "customTicker": ""}  # the original's names; zero is a value
    await ada.send("PUT", path, theirs)
    shown = await ada.get(path)
    assert (shown["mult"], shown["maxcons"], shown["customTicker"]) == (0, 0, "")
    await ada.send("PUT", path, {"enabled": False})
    assert (await ada.get(path))["maxcons"] == 0  # what is not named stays

    refused = [{"multiplier": "-1"}, {"max_contracts": -1}, {"max_contracts": True}, {"user_id": 1}]
    for body in refused:
        await ada.send("PUT", path, body, 422)
    assert (await ada.send("PUT", path, {"custom_ticker": "NOPE?"}, 422))["code"]
    async with signed_in(app, town, "Bob") as bob:
        await bob.send("PUT", path, {"max_contracts": 1}, 404)
        await bob.get(path, 404)
        await bob.get(f"{path}subaccounts/", 404)


async def test_m53_sub_accounts_are_those_of_the_same_login(ada: Browser, town: Town) -> None:
    desk = Desk(town)
    one, other = await desk.account(ada.person.id), await desk.account(ada.person.id)
    await town.sql(
        "INSERT INTO accounts (user_id, connection_id, broker_account_id, name)"
        " VALUES (:u, :c, 99, 'PAPER-B')", u=ada.person.id, c=one.connection_id,
    )  # fmt: skip
    below = await ada.get(f"/api/accounts/{one.id}/subaccounts")
    assert [each["name"] for each in below] == [one.name, "PAPER-B"]
    assert (await ada.get(f"/api/accounts/{one.id}/subaccounts/", wrap=1))["accounts"] == below
    assert len(await ada.get(f"/api/accounts/{other.id}/subaccounts/")) == 1
