"""What each page of the mission needs from the API, and how a new user is led."""

from __future__ import annotations

from typing import Any, Final

import pytest
from sqlalchemy import func, select

from tests.integration.api.desk import Browser, Desk
from tests.integration.api.helpers import Town

PAGES: Final = {
    "login": ("/api/system/csrf-token/", "/api/auth/setup/", "/api/auth/check-auth/"),
    "start": ("/api/user/onboarding/", "/api/system/public-url-check/"),
    "dashboard": (
        *("/api/dashboard/summary/", "/api/profiles/get-widget-info/", "/api/analytics/"),
        *("/api/profiles/get-stat-config/", "/api/profiles/statistics/", "/api/trades/"),
        *("/api/trades/open/", "/api/profiles/get-favorites/"),
    ),
    "recorders": ("/api/strategies/", "/api/trades/tickers/", "/api/trades/timeframes/"),
    "trader": ("/api/strategies/?style=at", "/api/strategies/?manual=true", "/api/instruments/"),
    "account management": ("/api/accounts/", "/api/accounts/get-all-at-accounts/"),
    "account setup": ("/api/connections/", "/api/profiles/get-limits/"),
    "control center": ("/api/controls/", "/api/signals/", "/api/drifts/", "/api/logs/"),
    "settings": (
        *("/api/user/", "/api/user/settings/", "/api/user/sessions/", "/api/user/api-keys/"),
        *("/api/user/audit/", "/api/jobs/"),
    ),
}


@pytest.mark.parametrize("page", PAGES)
async def test_m186_what_each_page_reads_is_served(ada: Browser, town: Town, page: str) -> None:
    """To somebody who has everything, and to somebody who has nothing yet."""
    for path in PAGES[page]:
        await ada.get(path)
    desk = Desk(town)
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    await desk.trade(strategy, account)
    await desk.record(strategy, account)
    for path in PAGES[page]:
        await ada.get(path)


async def test_m116_the_page_of_recorders(ada: Browser, town: Town) -> None:
    """List, create, edit, refresh, details with their log, recording, remove."""
    assert await ada.get("/api/strategies/") == []
    made = await ada.post("/api/strategies/create/", {"name": "One", "symbol": "ES1!"}, 201)
    await ada.post("/api/strategies/update/", {"id": made["id"], "position_size": 2})
    [listed] = await ada.get("/api/strategies/")
    assert (listed["name"], listed["position_size"]) == ("One", 2)
    await ada.post(f"/api/recorder/stop/{made['id']}/")
    await ada.post(f"/api/recorder/start/{made['id']}/")
    sent = await ada.http.post(f"/webhook/{made['webhook_key']}", json={"action": "buy"})
    desk, signal_id = Desk(town), sent.json()["signal_id"]
    account = await desk.account(ada.person.id)
    await desk.add(
        "signal_decisions", user_id=ada.person.id, signal_id=signal_id, account_id=account.id,
        strategy_id=made["id"], disposition="BLOCKED", code="session.closed", message="Closed.",
        detail={}, decided_at=await town_now(town), ended_at=await town_now(town),
    )  # fmt: skip
    details = await ada.get(f"/api/strategies/{made['id']}/")
    assert [(line["code"], line["signal_id"]) for line in details["log"]] == [
        ("session.closed", signal_id)
    ]
    logged = await ada.get("/api/logs/", strategy_id=made["id"], kind=["edit", "decision"])
    assert {line["code"] for line in logged["logs"]} >= {"strategy.created", "session.closed"}
    await ada.send("DELETE", f"/api/strategies/{made['id']}/")
    assert await ada.get("/api/strategies/") == []


async def town_now(town: Town) -> Any:
    [row] = await town.rows(select(func.now()))
    return row[0]


async def test_m143_m144_the_dashboard_has_its_figures_and_series(ada: Browser, town: Town) -> None:
    desk = Desk(town)
    strategy, account = await town.strategy(ada.person.id), await desk.account(ada.person.id)
    await desk.trade(strategy, account, net="45.80")
    await desk.trade(strategy, account, net="-20.30", minutes=9)
    summary = await ada.get("/api/dashboard/summary/")
    series = await ada.get("/api/analytics/")
    assert (summary["total_pnl"], series["total_pnl"]) == (25.5, 25.5)
    for span in ("days", "weeks", "months"):
        [point] = series[span]
        assert (point["net"], point["trades"]) == ("25.5", 2)
    assert (await ada.get("/api/profiles/get-widget-info/"))["cumulativeProfit"] == 25.5


def states(found: dict[str, Any]) -> dict[str, str]:
    return {each["step"]: each["state"] for each in found["steps"]}


async def test_m36_a_new_user_is_led_by_what_there_is(ada: Browser, town: Town) -> None:
    path = "/api/user/onboarding/"
    begun = await ada.get(path)
    assert next(iter(states(begun))) == "password_set"
    assert [step for step, state in states(begun).items() if state == "done"] == ["password_set"]
    assert (begun["is_over"], begun["last_refused"]) == (False, None)
    made = await ada.post("/api/strategies/create/", {"name": "One", "symbol": "ES1!"}, 201)
    hook = f"/webhook/{made['webhook_key']}"
    await ada.http.post(hook, content="what is this")
    found = await ada.get(path)
    assert found["last_refused"]["code"] == "parse.unreadable"
    assert states(found)["signal_received"] == "open"
    await ada.http.post(hook, json={"action": "buy"})
    desk = Desk(town)
    account = await desk.account(ada.person.id)
    [strategy] = [await town.strategy(ada.person.id, "Two")]
    await desk.trade(strategy, account)
    found = await ada.get(path)
    assert found["last_refused"] is None
    assert {step for step, state in states(found).items() if state == "open"} == {
        "alert_copied", "account_connected",
    }  # fmt: skip
    await town.sql("UPDATE broker_connections SET environment = 'demo'")
    assert states(await ada.get(path))["account_connected"] == "done"


async def test_m36_steps_are_skipped_and_taken_up_again(ada: Browser) -> None:
    path = "/api/user/onboarding/"
    await ada.post("/api/user/settings/", {"theme": "dark"})
    refused = await ada.post(path, {"step": "strategy_saved", "state": "done"}, 422)
    assert refused["code"] == "onboarding.not_seen"
    done = await ada.post(path, {"step": "alert_copied", "state": "done"})
    assert states(done)["alert_copied"] == "done"
    for step in ("paper_trade", "strategy_saved", "signal_received", "account_connected"):
        done = await ada.post(path, {"step": step, "state": "skipped"})
    assert done["is_over"]
    await ada.post("/api/user/settings/", {"density": "compact"})
    assert (await ada.get("/api/user/settings/"))["theme"] == "dark"
    assert (await ada.get(path))["is_over"]
    again = await ada.post(path, {"step": "paper_trade", "state": "open"})
    assert (again["is_over"], states(again)["paper_trade"]) == (False, "open")
