"""Orders by hand: each is a signal like an alert's, once for each key."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.orders.schemas import ManualIn
from api.orders.service import signal_of
from execution.ledger import decisions
from shared.db.engine import make_engine
from shared.db.tables.commands import commands, idempotency_keys
from shared.db.tables.trading import intents
from shared.db.uow import unit_of_work
from shared.domain.decision.decide import decide
from shared.domain.ids import StrategyId
from shared.domain.signal import read_alert
from shared.domain.signal_json import signal_from_json, signal_to_json
from tests.fixtures.servers import DatabaseUrls
from tests.integration.api.desk import Browser, Desk, signed_in
from tests.integration.api.helpers import RecordingBell, Strategy, Town, csrf

PLACE, CLOSE = "/api/orders/manual/", "/api/orders/close/"
KEY = "9f2c6b1e-0001"


@pytest.fixture
async def strategy(ada: Browser, town: Town) -> Strategy:
    return await town.strategy(ada.person.id)


async def post(
    browser: Browser, path: str, body: dict[str, Any], key: str = KEY, status: int = 202
) -> Any:
    headers = await csrf(browser.http) | {"Idempotency-Key": key}
    answer = await browser.http.post(path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_m187_an_order_by_hand_is_a_signal_with_its_bell(
    ada: Browser, town: Town, bell: RecordingBell, strategy: Strategy
) -> None:
    body = {"strategy_id": strategy.id, "action": "buy", "quantity": 2, "symbol": "NQ1!"}
    placed = await post(ada, PLACE, body)
    [signal] = await town.signals()
    assert placed["signal_id"] == signal.id
    assert (signal.status, signal.seq, signal.dedupe_key) == ("accepted", 1, None)
    assert (signal.content["source"], signal.content["by"]) == ("manual", "Ada")
    [event] = await town.events()
    assert (event.type, event.body["signal_id"]) == ("signal.accepted.v1", signal.id)
    assert [each.id for each in bell.rung] == [event.event_id]
    story = await ada.get(f"/api/signals/{signal.id}/")
    assert story["deliveries"][0]["verdict"] == "accepted"
    noted = await ada.get("/api/user/audit/")
    assert noted[0]["action"] == "order.manual"


@pytest.mark.parametrize(
    ("body", "alert"),
    [
        ({"action": "buy", "quantity": 2}, {"action": "buy", "quantity": 2}),
        (
            {"action": "sell", "order_type": "limit", "limit_price": "101.5"},
            {"action": "sell", "orderType": "limit", "limitPrice": "101.5"},
        ),
        ({"action": "close"}, {"action": "exit"}),
        ({"action": "cancel"}, {"action": "cancel"}),
    ],
    ids=["market", "limit", "close", "cancel"],
)
def test_m187_it_reads_like_the_alert_with_the_same_words(
    body: dict[str, Any], alert: dict[str, Any]
) -> None:
    mine = signal_to_json(signal_of(ManualIn(strategy_id=1, **body), "NQ1!"))
    theirs = signal_to_json(
        read_alert(str({"symbol": "NQ1!", **alert}).replace("'", '"').encode(), None)
    )
    for each in (mine, theirs):
        each.pop("dialect")
    assert mine == theirs


async def test_m187_execution_decides_it_as_it_decides_alerts(
    ada: Browser, town: Town, strategy: Strategy, fresh_database: DatabaseUrls
) -> None:
    account = await Desk(town).account(ada.person.id)
    link = {"strategy_id": strategy.id, "account_id": account.id, "user_id": ada.person.id}
    await Desk(town).add("strategy_accounts", None, **link)
    body = {"strategy_id": strategy.id, "action": "buy", "quantity": 1, "symbol": "NQ1!"}
    body |= {"stop": {"at": "40", "unit": "ticks"}}
    await post(ada, PLACE, body)
    engine = make_engine(fresh_database.execution, "tests-execution", pool_size=2)
    try:
        async with unit_of_work(engine) as connection:
            now = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
            await decisions.fan_out(connection, StrategyId(strategy.id), decide, now, 3_600.0)
    finally:
        await engine.dispose()
    [signal] = await town.signals()
    [decided] = (await ada.get(f"/api/signals/{signal.id}/"))["decisions"]
    assert decided["account_id"] == account.id
    planned = await town.rows(select(intents.c.signal_id, intents.c.role))
    if decided["disposition"] == "PLANNED":  # at a weekend no entry is planned
        assert {(row.signal_id, row.role) for row in planned} >= {(signal.id, "entry")}
    assert signal_from_json(signal.content).stop is not None


async def test_m187_the_same_key_is_the_same_order(
    ada: Browser, town: Town, strategy: Strategy
) -> None:
    body = {"strategy_id": strategy.id, "action": "buy", "symbol": "NQ1!"}
    first = await post(ada, PLACE, body)
    assert await post(ada, PLACE, body) == first
    other = await post(ada, PLACE, body | {"action": "sell"}, status=409)
    assert other["code"] == "idempotency.reused"
    await post(ada, CLOSE, {"account_id": 1}, status=409)
    assert len(await town.signals()) == 1
    again = await post(ada, PLACE, body, key="9f2c6b1e-0002")
    assert again["signal_id"] != first["signal_id"]


async def test_m187_a_double_click_makes_one_order(
    ada: Browser, town: Town, strategy: Strategy
) -> None:
    body = {"strategy_id": strategy.id, "action": "buy", "symbol": "NQ1!"}
    headers = await csrf(ada.http) | {"Idempotency-Key": KEY}
    answers = await asyncio.gather(
        *(ada.http.post(PLACE, json=body, headers=headers) for _ in range(4))
    )
    taken = [each for each in answers if each.status_code == 202]
    assert taken
    assert {each.status_code for each in answers} <= {202, 503}  # 503: the pool was taken
    assert len({each.json()["signal_id"] for each in taken}) == 1
    assert sum("Idempotency-Replayed" not in each.headers for each in taken) == 1
    assert len(await town.signals()) == 1


async def test_what_was_refused_leaves_its_key_free(
    ada: Browser, town: Town, strategy: Strategy, engine: AsyncEngine
) -> None:
    body = {"strategy_id": strategy.id, "action": "buy", "symbol": "NQ1!"}
    await town.sql("UPDATE strategies SET active = false")
    assert (await post(ada, PLACE, body, status=409))["code"] == "strategy.disabled"
    assert await town.rows(select(idempotency_keys)) == []
    await town.sql("UPDATE strategies SET active = true, rules = '{\"inverse\": true}'")
    assert (await post(ada, PLACE, body, status=409))["code"] == "order.inverse"
    await post(ada, PLACE, {"strategy_id": strategy.id, "action": "close"})
    await town.sql("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    await town.sql("UPDATE strategies SET rules = '{}'")
    await post(ada, PLACE, body)


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "dance"}, {"quantity": 0}, {"quantity": -1}, {"symbol": "NOTHING"},
        {"order_type": "limit"}, {"limit_price": "1"}, {"order_type": "stop", "limit_price": "1"},
        {"action": "close", "quantity": 1}, {"stop": {"at": "0", "unit": "ticks"}},
        {"stop": {"at": "NaN", "unit": "ticks"}}, {"account_id": 1}, {"user_id": 1},
    ],
)  # fmt: skip
async def test_m187_what_no_order_is(
    ada: Browser, town: Town, strategy: Strategy, changed: dict[str, Any]
) -> None:
    body = {"strategy_id": strategy.id, "action": "buy", "symbol": "NQ1!"} | changed
    await post(ada, PLACE, body, status=422)
    assert await town.signals() == []


async def test_m187_without_a_key_nothing_is_done(
    ada: Browser, town: Town, strategy: Strategy
) -> None:
    await ada.post(PLACE, {"strategy_id": strategy.id, "action": "buy"}, 422)
    await post(ada, PLACE, {"strategy_id": strategy.id, "action": "buy"}, key="short", status=422)
    assert await town.signals() == []


async def test_m187_closing_is_one_command_for_one_key(
    ada: Browser, app: FastAPI, town: Town, bell: RecordingBell, strategy: Strategy
) -> None:
    account = await Desk(town).account(ada.person.id)
    body = {"account_id": account.id, "strategy_id": strategy.id}
    closing = await post(ada, CLOSE, body)
    assert await post(ada, CLOSE, body) == closing
    [command] = await town.rows(select(commands))
    assert (command.id, command.kind, command.detail) == (closing["command_id"], "close", body)
    assert [each.type for each in bell.rung] == ["command.requested.v1"]
    shown = await ada.get(f"/api/commands/{command.id}/")
    assert shown["status"] == "pending"
    async with signed_in(app, town, "Bob") as bob:
        assert (await post(bob, CLOSE, body, status=404))["code"] == "account.unknown"
        theirs = {"strategy_id": strategy.id, "action": "close"}
        assert (await post(bob, PLACE, theirs, status=404))["code"] == "strategy.unknown"
    assert len(await town.rows(select(commands))) == 1
