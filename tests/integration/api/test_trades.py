"""Trades, closed and open, in the original's shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi import FastAPI

from tests.integration.api.desk import Browser, Desk, signed_in
from tests.integration.api.helpers import Town

TARGET = {"bracket": {"targets": [{"at": "12"}]}}


@pytest.mark.parametrize("path", ["/api/trades", "/api/trades/"])
async def test_m132_a_trade_key_by_key(ada: Browser, town: Town, desk: Desk, path: str) -> None:
    strategy = await town.strategy(ada.person.id, "Opening Range")
    account = await desk.account(ada.person.id)
    trade_id = await desk.trade(strategy, account, side="SELL", net="-54.20")
    answer = await ada.http.get(path, params={"user": "ada", "usageType": "true"})
    assert '"Profit":-54.2,' in answer.text
    assert answer.json() == [{
        "id": trade_id, "Open_Time": "2026-03-02T15:30:00Z",
        "Closed_Time": "2026-03-02T15:35:00Z", "Ticker": "ES1!", "Direction": "SELL",
        "Position_Size": -2, "Open_Price": "5000.25", "Closed_Price": "5000.75",
        "Profit": -54.2, "Drawdown": "-50", "Strat_Name": "Opening Range", "TimeFrame": "5",
        "Expo": None, "Strike": None, "max_dd": "-50", "Opt_Name": None, "IfOption": False,
        "account": account.name, "account_id": account.id, "strategy_id": strategy.id,
        "contract": "ESH6", "gross": "-50", "fees": "4.2", "net": "-54.2",
        "exit_reason": "Take Profit", "note": "", "tags": [],
    }]  # fmt: skip


async def test_profit_is_exact_to_the_last_digit(ada: Browser, town: Town, desk: Desk) -> None:
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    exact = "12345678901234.0123456789"  # a float keeps seventeen digits
    await desk.trade(strategy, account, net=exact)
    await desk.trade(strategy, account, net="0", minutes=9)
    raw = (await ada.http.get("/api/trades/")).content
    zero, big = json.loads(raw, parse_float=Decimal)
    assert (big["Profit"], big["net"]) == (Decimal(exact), exact)
    assert (zero["Profit"], zero["net"]) == (0, "0")
    assert b'"Profit":0,' in raw


async def test_filters(ada: Browser, town: Town, desk: Desk) -> None:
    account = await desk.account(ada.person.id)
    one = await town.strategy(ada.person.id, "One")
    two = await town.strategy(ada.person.id, "Two  Words")
    first = await desk.trade(one, account)
    second = await desk.trade(
        two, account, minutes=6, ticker="CME_MINI:NQ1!", root="NQ", contract="NQH6", timeframe="15"
    )
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [second, first]),
        ({"user": "", "strategy": "", "symbol": "", "timeframe": ""}, [second, first]),
        ({"user": "ADA"}, [second, first]),
        ({"user": "Bob"}, []),
        ({"usageType": "false"}, [second, first]),
        ({"strategy": "two words"}, [second]),
        ({"strategy": "three"}, []),
        ({"symbol": "es1!"}, [first]),
        ({"symbol": "NQ"}, [second]),
        ({"symbol": "NQH6"}, [second]),
        ({"timeframe": "15"}, [second]),
        ({"timeframe": "15", "strategy": "One"}, []),
    ]
    for params, found in cases:
        assert [trade["id"] for trade in await ada.get("/api/trades/", **params)] == found, params


async def test_pages_neither_lose_nor_repeat(ada: Browser, town: Town, desk: Desk) -> None:
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    made = [await desk.trade(strategy, account, minutes=minute) for minute in (1, 2, 2, 2, 3)]
    seen: list[int] = []
    after: str | None = ""
    while after is not None:
        page = await ada.get("/api/trades/", wrap=1, limit=2, after=after)
        assert set(page) == {"trades", "next"}
        seen += [trade["id"] for trade in page["trades"]]
        if len(seen) == 2:  # a newer one does not move what is still to come
            await desk.trade(strategy, account, minutes=60)
        after = page["next"]
    assert seen == made[::-1]
    answer = await ada.http.get("/api/trades/", params={"limit": 1})
    [newest] = answer.json()
    following = await ada.get("/api/trades/", after=answer.headers["x-next"], limit=5)
    assert newest["id"] not in [trade["id"] for trade in following]
    assert "x-next" not in (await ada.http.get("/api/trades/")).headers


@pytest.mark.parametrize("after", ["x", "1", "-1-1", "1-", "9" * 30 + "-1", "1-" + "9" * 30, "²-1"])
async def test_a_foreign_cursor_is_refused(ada: Browser, after: str) -> None:
    assert (await ada.get("/api/trades/", 422, after=after))["code"] == "page.cursor"
    await ada.get("/api/trades/", 422, limit=0)
    await ada.get("/api/trades/", 422, limit=5001)


@pytest.mark.parametrize("path", ["/api/trades/open", "/api/trades/open/"])
async def test_m139_an_open_one_key_by_key(ada: Browser, town: Town, desk: Desk, path: str) -> None:
    strategy = await town.strategy(ada.person.id, "Opening Range", symbol="ES1!", rules=TARGET)
    account = await desk.account(ada.person.id, multiplier="1.5")
    await desk.trade(strategy, account)
    record_id = await desk.record(
        strategy, account, side="SELL", open_qty=1, stop_loss_price=Decimal("5010.00"),
        take_profit_price=Decimal("4990.50"), ticker=None, timeframe=None,
    )  # fmt: skip
    answer = await ada.http.get(path)
    assert '"step":0.25' in answer.text
    seconds = answer.json()[0]["open_s"]
    found = {
        "id": record_id, "Strat_Name": "Opening Range", "Ticker": "ESH6", "TimeFrame": "",
        "Direction": "SELL", "Open_Price": "5000.25", "Open_Time": "2026-03-02T15:30:00Z",
        "Running_Pos": -1, "Account": str(account.broker_account_id), "Nickname": account.name,
        "Expo": None, "Strike": None, "Drawdown": "0", "StratTicker": "ES1!",
        "Stoploss": "5010", "TakeProfit": ["4990.5"],
        "SLTP_Data": {"amnt": 12.5, "mult": 1.5, "step": 0.25, "TP_inc": [12],
                      "StratID": strategy.id, "uselimits": False},
        "Opt_Name": None, "IfOption": False, "account": account.name, "account_id": account.id,
        "strategy_id": strategy.id, "contract": "ESH6", "gross": "0", "fees": "2.1", "net": "-2.1",
        "last_price": None, "price_at": None, "unrealised": None, "to_stop": None,
        "to_target": None, "open_s": seconds,
    }  # fmt: skip
    assert answer.json() == [found]
    assert set(await ada.get(path, wrap=1)) == {"trades"}
    assert await ada.get(path, user="Bob") == []
    assert await ada.get(path, symbol="NQ") == []


async def test_m139_how_an_open_one_stands_at_the_last_price(
    ada: Browser, town: Town, desk: Desk
) -> None:
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    await desk.record(strategy, account, stop_loss_price=Decimal(4990), entry_at=datetime.now(UTC))
    short = await desk.account(ada.person.id)
    await desk.record(
        strategy, short, side="SELL", open_qty=1, stop_loss_price=Decimal(5010),
        take_profit_price=Decimal(4990), entry_at=datetime.now(UTC) - timedelta(hours=1),
    )  # fmt: skip
    for where in (account, short):
        await desk.add(
            "risk_prices", None, connection_id=where.connection_id, contract="ESH6",
            user_id=ada.person.id, bid=Decimal("5001.25"), ask=Decimal("5001.50"),
            seen_at=datetime.now(UTC) + timedelta(minutes=30),
        )  # fmt: skip
    names = ("last_price", "unrealised", "to_stop", "to_target")
    young, old = await ada.get("/api/trades/open/")
    assert [young[name] for name in names] == ["5001.25", "100", "11.25", None]
    assert [old[name] for name in names] == ["5001.5", "-62.5", "8.5", "11.5"]
    assert young["open_s"] < 3_600 <= old["open_s"]
    await town.sql("UPDATE risk_prices SET seen_at = now() - interval '61 seconds'")
    for trade in await ada.get("/api/trades/open/"):
        assert [trade[name] for name in (*names, "price_at")] == [None] * 5


async def test_the_brokers_word_on_a_tick_wins(ada: Browser, town: Town, desk: Desk) -> None:
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    await desk.record(strategy, account)
    await desk.add(
        "contracts", None, environment="paper", name="ESH6", broker_contract_id=1, root="ES",
        tick_size=Decimal("0.5"), point_value_usd=Decimal(40),
    )  # fmt: skip
    [found] = await ada.get("/api/trades/open/")
    assert (found["SLTP_Data"]["step"], found["SLTP_Data"]["amnt"]) == (0.5, 20)
    assert (found["Stoploss"], found["TakeProfit"]) == (None, [])


@pytest.mark.parametrize("slash", ["", "/"])
async def test_tickers_and_timeframes(ada: Browser, town: Town, desk: Desk, slash: str) -> None:
    strategy, account = await town.strategy(ada.person.id, "One"), await desk.account(ada.person.id)
    other = await town.strategy(ada.person.id, "Two")
    await desk.trade(strategy, account)
    await desk.trade(strategy, account, ticker="NQ1!", timeframe=None)
    await desk.record(strategy, account, ticker="CL1!", timeframe="60")
    await desk.record(other, account, ticker="GC1!", timeframe="1")
    tickers = await ada.get(f"/api/trades/tickers{slash}", strat="ONE")
    assert tickers == {"tickers": [{"name": "CL1!"}, {"name": "ES1!"}, {"name": "NQ1!"}]}
    timeframes = await ada.get(f"/api/trades/timeframes{slash}", strat="one")
    assert timeframes == {"timeframes": [{"name": "5"}, {"name": "60"}]}
    for path in ("tickers", "timeframes"):
        assert await ada.get(f"/api/trades/{path}{slash}") == {path: []}
        assert await ada.get(f"/api/trades/{path}{slash}", strat="none") == {path: []}


async def test_nobody_sees_anothers_trades(
    ada: Browser, app: FastAPI, town: Town, desk: Desk
) -> None:
    strategy, account = await town.strategy(ada.person.id, "One"), await desk.account(ada.person.id)
    await desk.trade(strategy, account)
    await desk.record(strategy, account)
    async with signed_in(app, town, "Bob") as bob:
        asked: list[dict[str, Any]] = [{}, {"user": "Ada"}, {"strategy": "One"}]
        for params in asked:
            assert await bob.get("/api/trades/", **params) == []
            assert await bob.get("/api/trades/open/", **params) == []
        assert await bob.get("/api/trades/tickers/", strat="One") == {"tickers": []}
        assert await bob.get("/api/trades/timeframes/", strat="One") == {"timeframes": []}
    assert len(await ada.get("/api/trades/")) == len(await ada.get("/api/trades/open/")) == 1
