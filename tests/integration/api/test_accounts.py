"""Accounts in the original's shape."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from shared.domain.rules import FREE_ACCOUNT
from tests.integration.api.desk import Browser, Desk, signed_in
from tests.integration.api.helpers import Town

PATHS = [
    "/api/accounts", "/api/accounts/",
    "/api/accounts/get-all-at-accounts", "/api/accounts/get-all-at-accounts/",
]  # fmt: skip


@pytest.fixture
async def ada(app: FastAPI, town: Town) -> AsyncIterator[Browser]:
    async with signed_in(app, town, "Ada") as browser:
        yield browser


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
