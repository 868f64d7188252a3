"""Trying settings and alerts: what is said is what happens, and nothing is left behind."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from api.app import create_app
from api.resources import Resources
from execution.ledger import PostgresLedger
from shared.db.engine import make_engine
from shared.db.tables.signals import alerts, signal_decisions, signals
from shared.db.tables.strategies import strategies, strategy_versions
from shared.db.tables.trading import intents
from shared.domain.decision.decide import decide
from shared.domain.ids import StrategyId
from shared.domain.rules.prop import NewsWindow
from shared.runtime.clock import SystemClock
from tests.fixtures.servers import DatabaseUrls
from tests.integration.api.desk import Account, Browser, Desk, signed_in
from tests.integration.api.helpers import BASE_URL, Strategy, Town, sign_in

BUY = {"symbol": "NQ1!", "action": "buy", "price": "21000.25"}
CASES = 8
AGE_S = 60.0


@pytest.fixture
async def bob(app: FastAPI, town: Town) -> AsyncIterator[Browser]:
    async with signed_in(app, town, "Bob") as browser:
        yield browser


@pytest.fixture
async def ledger(fresh_database: DatabaseUrls) -> AsyncIterator[PostgresLedger]:
    engine = make_engine(fresh_database.execution, "tests-execution")
    yield PostgresLedger(engine, SystemClock())
    await engine.dispose()


async def made(browser: Browser, *accounts: Account, **body: Any) -> dict[str, Any]:
    links = [{"account_id": account.id} for account in accounts]
    body = {"name": "Breakout", "symbol": "NQ1!", "accounts": links} | body
    answer: dict[str, Any] = await browser.post("/api/strategies/create/", body, 201)
    return answer


async def hold(desk: Desk, strategy_id: int, account: Account, net_qty: int) -> None:
    strategy = Strategy(strategy_id, account.user_id, "", "")
    columns = {"account_id": account.id, "strategy_id": strategy.id, "user_id": account.user_id}
    await desk.add(
        "positions", None, contract="NQZ6", root="NQ", net_qty=net_qty,
        avg_price=Decimal(21000), version=1, **columns,
    )  # fmt: skip


async def nothing_is_left(town: Town) -> None:
    for table in (strategies, strategy_versions, alerts, signals, signal_decisions, intents):
        assert await town.rows(select(table)) == []


async def test_a_preview_tells_the_whole_plan(ada: Browser, desk: Desk) -> None:
    account = await desk.account(ada.person.id, multiplier=2)
    strategy = (await made(ada, account, take_profit=[40], stop_loss=20))["id"]
    found = await ada.post(f"/api/strategies/{strategy}/preview/", {"alert": BUY})
    assert found["read"] == {
        "dialect": "json", "kind": "order", "other_strategy": None,
        "says": {"side": "buy", "symbol": "NQ1!", "price": "21000.25", "order_type": "market"},
    }  # fmt: skip
    [plan] = found["accounts"]
    assert (plan["account_id"], plan["account"]) == (account.id, account.name)
    assert (plan["disposition"], plan["reason"]["code"]) == ("PLANNED", "plan.entry")
    entry, target, stop = plan["orders"]
    contract = entry["contract"]
    assert entry == {
        "leg": "entry", "role": "entry", "action": "Buy", "contract": contract, "qty": 2,
        "order_type": "Market", "price": None, "stop_price": None, "offset_ticks": None,
        "offset_percent": None, "level": None, "rung": 0, "moves": None, "parent": None,
        "after": None,
    }  # fmt: skip
    assert [(leg["role"], leg["action"], leg["qty"], leg["level"], leg["parent"])
            for leg in (target, stop)] == [
        ("take_profit", "Sell", 2, "21010.25", "entry"),
        ("stop_loss", "Sell", 2, "20995.25", "entry"),
    ]  # fmt: skip
    as_text = await ada.post(f"/api/strategies/{strategy}/preview/", {"alert": json.dumps(BUY)})
    assert as_text == found


async def test_a_stored_alert_is_replayed_under_todays_settings(
    ada: Browser, bob: Browser, town: Town, desk: Desk
) -> None:
    account = await desk.account(ada.person.id, multiplier=2)
    strategy = await made(ada, account, take_profit=[40], stop_loss=20)
    sent = await ada.http.post(f"/webhook/{strategy['webhook_key']}", json=BUY)
    path = f"/api/signals/{sent.json()['signal_id']}/replay/"
    previewed = await ada.post(f"/api/strategies/{strategy['id']}/preview/", {"alert": BUY})
    assert await ada.post(path) == previewed
    await ada.post("/api/strategies/update/", {"id": strategy["id"], "inverse": True})
    [now] = (await ada.post(path))["accounts"]
    assert [order["action"] for order in now["orders"]][:1] in ([], ["Sell"])
    assert now != previewed["accounts"][0]
    for table in (signal_decisions, intents):
        assert await town.rows(select(table)) == []
    assert (await bob.post(path, status=404))["code"] == "signal.unknown"
    await ada.send("DELETE", f"/api/strategies/{strategy['id']}/")
    assert (await ada.post(path, status=404))["code"] == "strategy.unknown"


async def test_what_cannot_be_read_or_entered_is_said(ada: Browser, town: Town, desk: Desk) -> None:
    account = await desk.account(ada.person.id)
    strategy = (await made(ada, account, rules={"direction": "short_only"}))["id"]
    path = f"/api/strategies/{strategy}/preview/"
    unread = await ada.post(path, {"alert": "what?"})
    assert (unread["read"], unread["accounts"]) == (None, [])
    assert unread["refused"]["code"] == "parse.unreadable"
    [plan] = (await ada.post(path, {"alert": BUY}))["accounts"]
    assert (plan["disposition"], plan["reason"]["code"]) == ("BLOCKED", "direction.forbidden")
    assert plan["reason"]["detail"]
    [tried] = (await ada.post(path, {"alert": BUY, "settings": {"rules": {"direction": "both"}}}))[
        "accounts"
    ]
    assert tried["reason"]["code"] == "plan.entry"
    [row] = await town.rows(select(strategies))
    assert row.rules == {"direction": "short_only"}
    await hold(desk, strategy, account, 1)
    [plan] = (await ada.post(path, {"alert": {**BUY, "action": "sell"}}))["accounts"]
    assert [order["leg"] for order in plan["orders"]] == ["exit.NQZ6", "entry"]
    assert plan["orders"][1]["after"] == "exit.NQZ6"


async def test_a_strategy_that_is_not_stored_can_be_tried(
    ada: Browser, town: Town, desk: Desk
) -> None:
    account = await desk.account(ada.person.id)
    settings = {"name": "New", "symbol": "NQ1!", "accounts": [{"account_id": account.id}]}
    [plan] = (await ada.post("/api/strategies/preview/", {"alert": BUY, "settings": settings}))[
        "accounts"
    ]
    assert plan["reason"]["code"] == "plan.entry"
    [table] = (await ada.post("/api/strategies/explain/", settings))["accounts"]
    lines = {(line["alert"], line["position"]): line["code"] for line in table["lines"]}
    assert (lines["buy", 0], lines["sell", 1], lines["close", 0]) == (
        "plan.entry", "plan.reverse", "plan.flat",
    )  # fmt: skip
    [alone] = (await ada.post("/api/strategies/explain/", {"name": "Alone"}))["accounts"]
    assert (alone["account_id"], alone["account"]) == (0, None)
    refused = await ada.post("/api/strategies/preview/", {"alert": BUY}, 422)
    assert refused["code"] == "strategy.which"
    await nothing_is_left(town)


async def test_settings_are_judged_as_saving_would(ada: Browser, town: Town, desk: Desk) -> None:
    async def judged(**settings: Any) -> tuple[list[tuple[str, str]], list[str]]:
        found = await ada.post("/api/strategies/validate/", settings)
        errors = [(each["field"], each["code"]) for each in found["errors"]]
        return errors, [each["code"] for each in found["warnings"]]

    account = await desk.account(ada.person.id)
    links = [{"account_id": account.id}]
    assert await judged(name="A") == ([], ["bracket.no_stop", "strategy.no_accounts"])
    assert await judged(name="A", stop_loss=8, accounts=links) == ([], [])
    assert await judged(name="A", stop_loss=8, accounts=links, active=False) == (
        [], ["strategy.disabled"],
    )  # fmt: skip
    never = {"sl": 8, "avgdn": 8, "avgdnAmnt": 1, "avgdnType": "Ticks"}
    assert await judged(name="A", SLTP_Data=never, accounts=links) == (
        [], ["average_down.beyond_stop"],
    )  # fmt: skip
    assert await judged(symbol="NQ1!") == ([("Strat_Name", "request.invalid")], [])
    assert await judged(name="A", rules={"entries": {"max_adds": -1}}) == (
        [("rules.entries.max_adds", "request.invalid")], [],
    )  # fmt: skip
    assert await judged(name="A", Leverage=2) == ([("Leverage", "settings.not_offered")], [])
    assert await judged(id=4711) == ([("", "strategy.unknown")], [])
    await nothing_is_left(town)
    await made(ada)
    assert await judged(name="breakout") == ([("", "strategy.name_taken")], [])


async def test_nothing_of_another_user_shows(ada: Browser, bob: Browser, desk: Desk) -> None:
    mine, theirs = await desk.account(ada.person.id), await desk.account(bob.person.id)
    strategy = (await made(ada, mine))["id"]
    other = (await made(bob, theirs))["id"]
    for answer in (
        await bob.get(f"/api/strategies/{strategy}/explain/", 404),
        await bob.post(f"/api/strategies/{strategy}/preview/", {"alert": BUY}, 404),
        await bob.post("/api/strategies/explain/", {"id": strategy}, 404),
    ):
        assert answer["code"] == "strategy.unknown"
    borrowed = {"name": "B", "accounts": [{"account_id": mine.id}]}
    assert (await bob.post("/api/strategies/explain/", borrowed, 422))["code"] == "account.unknown"
    follow = {"name": "B", "rules": {"follows": [{"strategy_id": strategy}]}}
    assert (await bob.post("/api/strategies/explain/", follow, 422))["code"] == "follow.unknown"
    [table] = (await bob.get(f"/api/strategies/{other}/explain/"))["accounts"]
    assert table["account_id"] == theirs.id


async def test_a_preview_knows_the_news(
    ada: Browser, desk: Desk, town: Town, resources: Resources
) -> None:
    prop = {"name": "Firm", "start_balance_usd": 50_000, "drawdown_usd": 2_000}
    account = await desk.account(ada.person.id, rules={"prop": prop})
    strategy = (await made(ada, account))["id"]
    today = resources.clock.now().date()
    always = [
        NewsWindow(on=today + timedelta(days=days), start=time(0), stop=time.max, zone="UTC")
        for days in (0, 1)
    ]
    app = create_app(replace(resources, news=tuple(always)))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        await sign_in(http, "Ada")
        informed = Browser(http, ada.person)
        path = f"/api/strategies/{strategy}/preview/"
        [plan] = (await informed.post(path, {"alert": BUY}))["accounts"]
        assert plan["reason"]["code"] == "prop.news"
        [plan] = (await ada.post(path, {"alert": BUY}))["accounts"]
        assert plan["reason"]["code"] != "prop.news"


MONEY_CASES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({}, {"daily_loss_usd": "100"}, ["plan.entry", "risk.worst_case"]),
    ({}, {"daily_loss_usd": "101"}, ["plan.entry", "plan.entry"]),
    ({"daily_loss_usd": "50"}, {}, ["risk.worst_case", "risk.worst_case"]),
    ({"weekly_loss_usd": "50.01"}, {}, ["plan.entry", "plan.entry"]),
]


@pytest.mark.parametrize(("of_account", "of_strategy", "codes"), MONEY_CASES)
async def test_money_is_previewed_as_execution_judges_it(
    ada: Browser, town: Town, desk: Desk, ledger: PostgresLedger,
    of_account: dict[str, Any], of_strategy: dict[str, Any], codes: list[str],
) -> None:  # fmt: skip
    """A stop of 8 ticks loses 50 USD, fees included; two accounts share their strategy's room."""
    linked = [await desk.account(ada.person.id, rules={"limits": of_account}) for _ in range(2)]
    settings = {"stop_loss": 8, "rules": {"limits": of_strategy}}
    saved = await made(ada, *linked)
    path = f"/api/strategies/{saved['id']}/preview/"
    tried = await ada.post(path, {"alert": BUY, "settings": settings})
    await ada.post("/api/strategies/update/", {"id": saved["id"], **settings})
    found = await ada.post(path, {"alert": BUY})
    assert tried["accounts"] == found["accounts"]
    assert (await ada.http.post(f"/webhook/{saved['webhook_key']}", json=BUY)).status_code == 202
    await ledger.fan_out(StrategyId(saved["id"]), decide, AGE_S)
    query = select(signal_decisions).order_by(signal_decisions.c.account_id)
    decided = [(row.disposition, row.code, row.detail) for row in await town.rows(query)]
    assert [code for _, code, _ in decided] == codes
    assert decided == [
        (plan["disposition"], plan["reason"]["code"], plan["reason"]["detail"])
        for plan in found["accounts"]
    ]


async def test_what_is_explained_knows_the_money(ada: Browser, desk: Desk) -> None:
    account = await desk.account(ada.person.id, rules={"limits": {"daily_loss_usd": "49"}})
    strategy = (await made(ada, account, stop_loss=8))["id"]
    [table] = (await ada.get(f"/api/strategies/{strategy}/explain/"))["accounts"]
    lines = {(line["alert"], line["position"]): line["code"] for line in table["lines"]}
    assert (lines["buy", 0], lines["close", 1]) == ("risk.worst_case", "plan.close")


def _settings(dice: random.Random) -> dict[str, Any]:
    return {
        "position_size": dice.randint(0, 3),
        "position_add": dice.randint(0, 2),
        "size_from": dice.choice(["signal", "strategy"]),
        "take_profit": dice.choice([[], [12]]),
        "stop_loss": dice.choice([None, 8]),
        "rules": {
            "direction": dice.choice(["both", "both", "long_only", "short_only"]),
            "opposite": dice.choice(["reverse", "net", "close", "ignore"]),
            "inverse": dice.random() < 0.2,
            "limits": {"max_order_contracts": dice.choice([None, 2])},
        },
    }


def _alert(dice: random.Random) -> dict[str, Any]:
    alert: dict[str, Any] = {"symbol": dice.choice(["NQ1!", "MNQ1!"])}
    alert["action"] = dice.choice(["buy", "sell", "buy", "sell", "close", "reverse"])
    if dice.random() < 0.5:
        alert["quantity"] = dice.randint(0, 3)
    if dice.random() < 0.3:
        alert["market_position"] = dice.choice(["long", "short", "flat"])
    if alert["action"] in {"buy", "sell"} and dice.random() < 0.3:
        alert |= {"order_type": "limit", "limit_price": "20990.25"}
    return alert


_INTENT = (
    "leg", "role", "action", "contract", "qty", "order_type", "price", "stop_price", "offset_ticks",
)  # fmt: skip


async def test_what_is_previewed_is_what_execution_plans(
    ada: Browser, town: Town, desk: Desk, ledger: PostgresLedger
) -> None:
    dice = random.Random(4)  # noqa: S311 - cases, not secrets
    codes = set()
    for number in range(CASES):
        account = await desk.account(ada.person.id, multiplier=dice.choice(["1", "0.5", "3"]))
        saved = await made(ada, account, name=f"Case {number}", **_settings(dice))
        held = dice.choice([0, 1, 2, -1])
        if held:
            await hold(desk, saved["id"], account, held)
        alert = _alert(dice)
        found = await ada.post(f"/api/strategies/{saved['id']}/preview/", {"alert": alert})
        sent = await ada.http.post(f"/webhook/{saved['webhook_key']}", json=alert)
        if found["refused"] is not None:
            assert (sent.status_code, sent.json()["code"]) == (400, found["refused"]["code"])
            continue
        [plan] = found["accounts"]
        assert sent.status_code == 202
        await ledger.fan_out(StrategyId(saved["id"]), decide, AGE_S)
        mine = signal_decisions.c.strategy_id == saved["id"]
        [decided] = await town.rows(select(signal_decisions).where(mine))
        assert (decided.disposition, decided.code) == (plan["disposition"], plan["reason"]["code"])
        assert decided.message.startswith(plan["reason"]["message"])
        query = select(intents).where(intents.c.strategy_id == saved["id"])
        rows = await town.rows(query.order_by(intents.c.account_seq))
        assert [[_plain(getattr(row, name)) for name in _INTENT] for row in rows] == [
            [_plain(order[name]) for name in _INTENT] for order in plan["orders"]
        ]
        codes.add(plan["reason"]["code"])
    assert len(codes) > CASES // 4, codes


def _plain(value: Any) -> Any:
    """Prices as numbers, whichever way they came."""
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return Decimal(value)
    return value
