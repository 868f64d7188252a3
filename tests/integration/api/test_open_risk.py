"""What is open is never left behind by switching something off, and rules of accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from execution.ledger import PostgresLedger
from shared.db.engine import make_engine
from shared.db.tables.accounts import accounts
from shared.db.tables.commands import commands
from shared.db.tables.strategies import strategies, strategy_versions
from shared.db.tables.trading import intents
from shared.runtime.clock import SystemClock
from tests.fixtures.servers import DatabaseUrls
from tests.integration.api.desk import Account, Browser, Desk, signed_in
from tests.integration.api.helpers import Strategy, Town, csrf


@pytest.fixture
async def bob(app: FastAPI, town: Town) -> AsyncIterator[Browser]:
    async with signed_in(app, town, "Bob") as browser:
        yield browser


async def sent(browser: Browser, method: str, path: str, status: int, body: Any = None) -> Any:
    headers = await csrf(browser.http)
    answer = await browser.http.request(method, path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def holding(ada: Browser, desk: Desk, net_qty: int = 1) -> tuple[int, Account, str]:
    account = await desk.account(ada.person.id)
    body = {"name": "Breakout", "accounts": [{"account_id": account.id}]}
    made = await ada.post("/api/strategies/create/", body, 201)
    await desk.position(Strategy(made["id"], ada.person.id, "", ""), account, net_qty)
    return made["id"], account, made["webhook_key"]


async def test_a_strategy_that_holds_something_is_not_switched_off_in_passing(
    ada: Browser, town: Town, desk: Desk
) -> None:
    strategy, _, _ = await holding(ada, desk)
    off = {"id": strategy, "Enabled": False}
    refused = await ada.post("/api/strategies/update/", off, 409)
    assert refused["code"] == "strategy.open_position"
    handed = await ada.post("/api/strategies/update/", off | {"on_open": "hand_over"}, 409)
    assert handed["code"] == "strategy.hand_over"
    judged = await ada.post("/api/strategies/validate/", off)
    assert [each["code"] for each in judged["errors"]] == ["strategy.open_position"]
    [row] = await town.rows(select(strategies))
    assert row.active
    await ada.post("/api/strategies/update/", off | {"on_open": "keep"})
    assert await town.rows(select(commands)) == []
    # It is off already: repeating it asks nothing.
    await ada.post("/api/strategies/update/", off)
    [row] = await town.rows(select(strategies))
    assert not row.active


async def test_handing_over_names_another_strategy_that_trades(
    ada: Browser, bob: Browser, town: Town, desk: Desk
) -> None:
    strategy, account, _ = await holding(ada, desk)
    other = (await ada.post("/api/strategies/create/", {"name": "Other"}, 201))["id"]
    theirs = (await bob.post("/api/strategies/create/", {"name": "Bob's"}, 201))["id"]
    off = {"id": strategy, "Enabled": False, "on_open": "hand_over"}
    for to, status, code in [
        (strategy, 409, "strategy.hand_over"),
        (theirs, 404, "strategy.unknown"),
        (4711, 404, "strategy.unknown"),
    ]:
        asked = off | {"hand_over_to": to}
        refused = await ada.post("/api/strategies/update/", asked, status)
        assert refused["code"] == code
    assert await town.rows(select(commands)) == []
    saved = await ada.post("/api/strategies/update/", off | {"hand_over_to": other})
    assert saved["message"] == "Strategy switched off; its positions are handed over."
    [command] = await town.rows(select(commands))
    assert (command.kind, command.detail) == (
        "hand_over", {"strategy_id": strategy, "to_strategy_id": other},
    )  # fmt: skip
    path = f"/api/accounts/{account.id}/"
    refused = await sent(ada, "PUT", path, 409, {"enabled": False, "on_open": "hand_over"})
    assert refused["code"] == "strategy.hand_over"


async def test_flattening_is_a_command_and_execution_closes(
    ada: Browser, town: Town, desk: Desk, fresh_database: DatabaseUrls
) -> None:
    strategy, account, _ = await holding(ada, desk, -2)
    path = f"/api/strategies/{strategy}/"
    saved = await sent(ada, "PUT", path, 200, {"active": False, "on_open": "flatten"})
    assert set(saved) == {"message", "id", "webhook_key"}
    [command] = await town.rows(select(commands))
    assert (command.kind, command.detail, command.user_id) == (
        "close", {"strategy_id": strategy}, ada.person.id,
    )  # fmt: skip
    engine = make_engine(fresh_database.execution, "tests-execution")
    try:
        ledger = PostgresLedger(engine, SystemClock())
        [taken] = await ledger.commands()
        await ledger.close_all(taken)
    finally:
        await engine.dispose()
    [exit_] = await town.rows(select(intents))
    assert (exit_.role, exit_.account_id, exit_.contract) == ("exit", account.id, "ESH6")


async def test_deleting_needs_a_flat_strategy_or_a_flatten(
    ada: Browser, bob: Browser, town: Town, desk: Desk
) -> None:
    strategy, _, key = await holding(ada, desk)
    path = f"/api/strategies/{strategy}/"
    assert (await sent(bob, "DELETE", path, 404))["code"] == "strategy.unknown"
    for query in ("", "?force=keep"):
        refused = await sent(ada, "DELETE", path + query, 409)
        assert refused["code"] == "strategy.open_position"
    gone = await sent(ada, "DELETE", path + "?force=flatten", 200)
    [command] = await town.rows(select(commands))
    assert gone == {"message": "Strategy deleted.", "id": strategy, "command_id": command.id}
    assert await ada.get("/api/strategies/") == []
    assert (await ada.http.post(f"/webhook/{key}", json={"action": "buy"})).status_code == 404
    assert (await sent(ada, "DELETE", path, 404))["code"] == "strategy.unknown"
    await ada.post("/api/strategies/create/", {"name": "Breakout"}, 201)


async def test_a_working_order_is_open_too_and_a_flat_strategy_goes_without_a_word(
    ada: Browser, town: Town, desk: Desk
) -> None:
    strategy, account, _ = await holding(ada, desk, 0)
    mine = Strategy(strategy, ada.person.id, "", "")
    await desk.intent(mine, account, state="WORKING", ended_at=None)
    await sent(ada, "DELETE", f"/api/strategies/{strategy}/", 409)
    await town.sql("UPDATE intents SET ended_at = now()")
    gone = await sent(ada, "DELETE", f"/api/strategies/{strategy}", 200)
    assert gone["command_id"] is None


async def test_putting_names_one_strategy_and_keeps_versions(ada: Browser, town: Town) -> None:
    made = (await ada.post("/api/strategies/create/", {"name": "One"}, 201))["id"]
    path = f"/api/strategies/{made}/"
    await sent(ada, "PUT", path, 200, {"id": made, "rules": {"inverse": True}})
    await sent(ada, "PUT", path, 200, {"rules": {"inverse": True}})
    other = await sent(ada, "PUT", path, 422, {"id": made + 1, "Inverse": False})
    assert other["code"] == "strategy.which"
    rows = await town.rows(select(strategy_versions).order_by(strategy_versions.c.version))
    assert [(row.version, row.settings["rules"]) for row in rows] == [
        (1, {}),
        (2, {"inverse": True}),
    ]
    assert "webhook_key_hash" not in rows[0].settings


async def test_what_was_before_the_first_version_is_kept(ada: Browser, town: Town) -> None:
    older = await town.strategy(ada.person.id, "Older", rules={"inverse": True})
    await sent(ada, "PUT", f"/api/strategies/{older.id}/", 200, {"position_size": 4})
    rows = await town.rows(select(strategy_versions).order_by(strategy_versions.c.version))
    assert [row.settings["position_size"] for row in rows] == [1, 4]
    assert all(row.settings["rules"] == {"inverse": True} for row in rows)


async def test_a_link_in_use_stays_switched_on(ada: Browser, desk: Desk) -> None:
    strategy, account, _ = await holding(ada, desk)
    off = {"id": strategy, "accounts": [{"account_id": account.id, "enabled": False}]}
    refused = await ada.post("/api/strategies/update/", off, 409)
    assert refused["code"] == "strategy.account_in_use"


async def test_rules_of_an_account_merge_and_are_its_owners(
    ada: Browser, bob: Browser, town: Town, desk: Desk
) -> None:
    account = await desk.account(ada.person.id)
    path = f"/api/accounts/{account.id}/"
    for limits in (
        {"daily_loss_usd": "500.00", "max_order_contracts": 0},
        {"max_position_contracts": 4},
    ):
        await sent(ada, "PUT", path, 200, {"rules": {"limits": limits}})
    taken = {"rules": {"limits": {"daily_loss_usd": None}}}
    answer = await sent(ada, "PUT", path, 200, taken)
    assert answer["rules"]["limits"]["max_order_contracts"] == 0
    [row] = await town.rows(select(accounts))
    assert row.rules == {"limits": {"max_order_contracts": 0, "max_position_contracts": 4}}
    [listed] = await ada.get("/api/accounts/")
    assert listed["rules"] == answer["rules"]
    wrong = {"rules": {"prop": {"name": "P", "start_balance_usd": 1.5, "drawdown_usd": 1}}}
    refused = await sent(ada, "PUT", path, 422, wrong)
    assert refused["fields"][0]["field"] == "rules.prop.start_balance_usd"
    assert (await sent(bob, "PUT", path, 404, {}))["code"] == "account.unknown"


async def test_an_account_with_something_open_is_flattened_or_stays_on(
    ada: Browser, town: Town, desk: Desk
) -> None:
    _, account, _ = await holding(ada, desk)
    path = f"/api/accounts/{account.id}/"
    for how in ({}, {"on_open": "keep"}):
        refused = await sent(ada, "PUT", path, 409, {"enabled": False} | how)
        assert refused["code"] == "account.open_position"
    answer = await sent(ada, "PUT", path, 200, {"enabled": False, "on_open": "flatten"})
    [command] = await town.rows(select(commands))
    assert (command.detail, answer["command_id"]) == ({"account_id": account.id}, command.id)
    [row] = await town.rows(select(accounts))
    assert not row.enabled


async def test_a_number_beyond_all_ids_is_as_unknown_as_any(ada: Browser) -> None:
    for number in (2**31, 2**63 - 1):
        path = f"/api/strategies/{number}/"
        assert (await ada.send("DELETE", path, status=404))["code"] == "strategy.unknown"
        await ada.send("PUT", path, {"active": False}, 404)
