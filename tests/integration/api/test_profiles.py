"""Limits, favourites, cards, settings, and the figures behind them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from fastapi import FastAPI

from api.analytics import selection
from shared.domain.statistics.catalogue import STATS
from tests.integration.api.desk import START, Browser, Desk, signed_in
from tests.integration.api.helpers import Town

NOTHING = {
    "cumulativeProfit": 0, "wins": 0, "losses": 0, "winrate": 0, "drawdown": 0, "maxDD": 0,
    "avgDD": 0, "roi": None, "avgTiT": 0, "maxTiT": 0, "minTiT": 0, "pf": None, "maxP": 0,
    "avgP": 0, "maxL": 0, "avgL": 0, "maxPos": 0, "avgPos": 0, "days": 0,
}  # fmt: skip


async def test_m35_limits_say_how_many_and_how_many_there_are(ada: Browser, town: Town) -> None:
    await town.strategy(ada.person.id)
    gone = await town.strategy(ada.person.id, "Gone")
    await town.sql("UPDATE strategies SET deleted_at = now() WHERE id = :id", id=gone.id)
    await Desk(town).account(ada.person.id)
    found = await ada.get("/api/profiles/get-limits/")
    assert {name: value for name, value in found.items() if name.startswith("used_")} == {
        "used_strategies": 1, "used_accounts": 1, "used_connections": 1, "used_api_keys": 0,
        "used_webhooks_last_minute": 0,
    }  # fmt: skip
    assert found["max_webhooks_per_minute"] == 3_000
    assert all(isinstance(value, int) and value >= 0 for value in found.values())


@pytest.mark.parametrize("slash", ["", "/"])
async def test_m146_m147_favorites(ada: Browser, app: FastAPI, town: Town, slash: str) -> None:
    path = f"/api/profiles/get-favorites{slash}"
    assert await ada.get(path) == {"favorites": []}
    body = {"favorites": ["Opening Range", "MNQ1!", "Opening Range"]}
    kept = await ada.post(f"/api/profiles/set-favorites{slash}", body)
    assert kept == await ada.get(path) == {"favorites": ["Opening Range", "MNQ1!"]}
    for wrong in ({"favorites": "x"}, {"favorites": [""]}, {"favorites": [], "user_id": 1}):
        await ada.post("/api/profiles/set-favorites/", wrong, 422)
    async with signed_in(app, town, "Bob") as bob:
        assert await bob.get(path) == {"favorites": []}


@pytest.mark.parametrize("slash", ["", "/"])
async def test_m148_m149_eight_cards(ada: Browser, app: FastAPI, town: Town, slash: str) -> None:
    path, update = f"/api/profiles/get-stat-config{slash}", "/api/profiles/update-stat-config/"
    assert await ada.get(path) == [0, 1, 2, 3, 4, 5, 6, 7]
    answer = await ada.post(update, {"stat_config": [0, 1, 2, 3, 9, 5, 6, 7]})
    assert set(answer) == {"message"}
    assert await ada.get(path) == [0, 1, 2, 3, 9, 5, 6, 7]
    cards = await ada.get(path, expand=1)
    assert cards[4] == {
        "slot": 4, "order": 4, "stat": 9, "key": "pf", "label": "Profit factor", "visible": True,
        "unit": "$", "period": "filter", "compare": False,
    }  # fmt: skip
    richer = [
        {"slot": 7 - slot, "stat": slot, "unit": "R", "period": "week", "compare": True}
        for slot in range(8)
    ]
    await ada.post(update, {"stat_config": richer})
    assert await ada.get(path) == [7, 6, 5, 4, 3, 2, 1, 0]
    await ada.post(update, {"stat_config": [0, 1, 2, 3, 4, 5, 6, 14]})
    last = (await ada.get(path, expand=1))[7]
    assert (last["key"], last["unit"], last["compare"]) == ("maxPos", "R", True)  # the rest stays
    twice = [richer[0], *richer[:7]]
    for wrong in ([0] * 7, [0] * 9, [len(STATS)] * 8, [-1] * 8, ["0"] * 8, [True] * 8, twice):
        await ada.post(update, {"stat_config": wrong}, 422)
    async with signed_in(app, town, "Bob") as bob:
        assert await bob.get(path) == [0, 1, 2, 3, 4, 5, 6, 7]


async def test_m148_the_numbers_are_published(ada: Browser) -> None:
    found = await ada.get("/api/profiles/statistics/")
    assert [each["key"] for each in found[:15]] == [
        "cumulativeProfit", "wins", "losses", "winrate", "drawdown", "roi", "avgTiT", "maxTiT",
        "minTiT", "pf", "maxP", "avgP", "maxL", "avgL", "maxPos",
    ]  # fmt: skip
    assert [each["number"] for each in found] == list(range(len(STATS)))
    assert await ada.get("/api/profiles/statistics", wrap=1) == {"statistics": found}


async def test_m150_settings_change_by_name(ada: Browser, app: FastAPI, town: Town) -> None:
    usual = await ada.get("/api/user/settings")
    assert (usual["time_zone"], usual["theme"]) == ("America/New_York", "system")
    changed = await ada.post("/api/user/settings", {"theme": "dark"})
    assert changed == usual | {"theme": "dark"}
    body = {"time_zone": "Europe/Berlin", "starting_balance_usd": "50000"}
    await ada.send("PUT", "/api/user/settings/", body)
    assert await ada.get("/api/user/settings/") == changed | body
    for wrong in (
        {"time_zone": "Mars/Olympus"}, {"theme": "pink"}, {"unknown": 1}, {"theme": None},
        {"starting_balance_usd": "-1"}, {"number_locale": "<script>"},
    ):  # fmt: skip
        await ada.post("/api/user/settings/", wrong, 422)
    await ada.post("/api/user/settings/", {"starting_balance_usd": None})
    assert (await ada.get("/api/user/settings/"))["starting_balance_usd"] is None
    async with signed_in(app, town, "Bob") as bob:
        assert await bob.get("/api/user/settings/") == usual


async def test_m134_the_figures_of_trades(ada: Browser, app: FastAPI, town: Town) -> None:
    path = "/api/profiles/get-widget-info/"
    lists = {"strategies": [], "users": [{"username": "Ada"}], "symbols": [], "timeFrames": []}
    assert await ada.get(path) == NOTHING | lists | {"accounts": []}

    desk = Desk(town)
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    other = await town.strategy(ada.person.id, "Other")
    await desk.trade(strategy, account, net="100.10", minutes=10)
    await desk.trade(strategy, account, net="-50.05", minutes=20, on=date(2026, 3, 3), qty=3)
    await desk.trade(strategy, account, net="0", minutes=1)
    await desk.trade(other, account, net="20", minutes=31, ticker="NQ1!", timeframe="15")
    found = await ada.get(path)
    assert {name: found[name] for name in NOTHING} == {
        "cumulativeProfit": 70.05, "wins": 2, "losses": 1, "winrate": 67, "drawdown": 45.85,
        "maxDD": 45.85, "avgDD": 45.85, "roi": None, "avgTiT": 15.5, "maxTiT": 31, "minTiT": 1,
        "pf": 2.4, "maxP": 100.1, "avgP": 60.05, "maxL": -50.05, "avgL": -50.05, "maxPos": 3,
        "avgPos": 2.25, "days": 2,
    }  # fmt: skip
    assert found["strategies"] == [{"name": "Opening Range"}, {"name": "Other"}]
    assert found["symbols"] == [{"name": "ES1!"}, {"name": "NQ1!"}]
    assert found["timeFrames"] == [{"name": "15"}, {"name": "5"}]
    accounts = [{"name": account.name, "value": str(account.broker_account_id)}]
    assert found["accounts"] == accounts
    text = (await ada.http.get(path)).text
    assert '"cumulativeProfit":70.05' in text
    assert '"avgL":-50.05' in text

    for asked, total in (
        ({"strategy": "opening range"}, 50.05), ({"symbol": "nq1!"}, 20), ({"timeframe": "15"}, 20),
        ({"account": account.name}, 70.05), ({"account": "nobody's"}, 0), ({"user": "ADA"}, 70.05),
        ({"user": "Bob"}, 0), ({"since": "2026-03-03"}, -50.05), ({"until": "2026-03-02"}, 120.1),
        ({"strategy": "Other", "usageType": "true"}, 20),
    ):  # fmt: skip
        assert (await ada.get(path, 200, **asked))["cumulativeProfit"] == total, asked

    await desk.balance(account, "50070.05")  # it began with 50,000
    assert (await ada.get(path))["roi"] == 0.14
    await ada.post("/api/user/settings/", {"starting_balance_usd": "1000"})
    assert (await ada.get(path))["roi"] == 7
    async with signed_in(app, town, "Bob") as bob:
        mine = lists | {"users": [{"username": "Bob"}], "accounts": []}
        assert await bob.get(path) == NOTHING | mine
        assert (await bob.get(path, strategy="Opening Range"))["cumulativeProfit"] == 0


@pytest.mark.parametrize(
    "path", ["/api/dashboard/analytics/{id}/", "/api/strategies/{id}/analytics"]
)
async def test_m101_m137_m138_how_a_strategy_has_done(
    ada: Browser, app: FastAPI, town: Town, path: str
) -> None:
    desk = Desk(town)
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    other = await town.strategy(ada.person.id, "Other")
    path = path.format(id=strategy.id)
    nothing = await ada.get(path)
    assert (nothing["total_trades"], nothing["win_rate"], nothing["sharpe"]) == (0, None, None)
    assert (nothing["profit_factor"], nothing["days"]) == (None, [])
    await desk.trade(strategy, account, net="100.10")
    assert (await ada.get(path))["profit_factor"] is None  # nothing lost: not a number
    late = START + timedelta(hours=3)
    await desk.trade(strategy, account, net="-50.05", on=date(2026, 3, 3), exit_at=late)
    await desk.trade(other, account, net="1000")
    found = await ada.get(path)
    assert {name: found[name] for name in (
        "total_trades", "wins", "losses", "win_rate", "total_pnl", "fees", "average_win",
        "average_loss", "largest_win", "largest_loss", "profit_factor", "max_drawdown", "sharpe",
    )} == {
        "total_trades": 2, "wins": 1, "losses": 1, "win_rate": 50, "total_pnl": 50.05,
        "fees": 8.4, "average_win": 100.1, "average_loss": -50.05, "largest_win": 100.1,
        "largest_loss": -50.05, "profit_factor": 2, "max_drawdown": -50.05, "sharpe": 3.74,
    }  # fmt: skip
    assert found["days"] == [
        {"begins": "2026-03-02", "net": "100.1", "trades": 1},
        {"begins": "2026-03-03", "net": "-50.05", "trades": 1},
    ]
    assert found["weeks"] == [{"begins": "2026-03-02", "net": "50.05", "trades": 2}]
    assert (found["best_day"], found["worst_day"]) == tuple(found["days"])
    assert (await ada.get(path, since="2026-03-03"))["total_trades"] == 1
    assert (await ada.get("/api/analytics/"))["total_pnl"] == 1050.05
    async with signed_in(app, town, "Bob") as bob:
        assert (await bob.get(path, 404))["code"] == "strategy.unknown"
        assert (await bob.get("/api/analytics/"))["total_trades"] == 0


async def test_m100_what_a_strategy_holds(ada: Browser, app: FastAPI, town: Town) -> None:
    desk = Desk(town)
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    path = f"/api/strategies/{strategy.id}/positions"
    assert await ada.get(path) == []
    await desk.trade(strategy, account)
    await desk.record(strategy, account)
    [found] = await ada.get(path)
    assert (found["side"], found["open_quantity"], found["status"]) == ("BUY", 2, "open")
    assert (await ada.get(f"{path}/", wrap=1))["positions"] == [found]
    async with signed_in(app, town, "Bob") as bob:
        await bob.get(path, 404)


async def test_m134_who_waits_for_figures_holds_no_connection_and_is_told(
    ada: Browser, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts are committed over the same connections."""
    monkeypatch.setattr(selection, "WAIT_S", 0.01)
    resources = app.state.resources
    async with resources.thinking:  # somebody's figures are being made
        for path in ("/api/profiles/get-widget-info/", "/api/analytics/"):
            assert (await ada.get(path, 503))["code"] == "figures.busy"
    assert (await ada.get("/api/analytics/"))["total_trades"] == 0
    assert resources.engine.pool.checkedout() == 0
