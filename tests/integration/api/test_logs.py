"""The owner's log: every kind of event, filtered, in pages that neither lose nor repeat."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from tests.integration.api.desk import START, Account, Browser, Desk, signed_in
from tests.integration.api.helpers import Strategy, Town, sign_in

LINE = {
    "id", "at", "kind", "level", "code", "message", "strategy_id", "account_id", "signal_id",
    "detail",
}  # fmt: skip


async def a_day(ada: Browser, town: Town) -> tuple[Strategy, Account]:
    """An accepted alert that was blocked in the account, one refused, an order, a fill, a drift."""
    desk = Desk(town)
    strategy, account = await town.strategy(ada.person.id, "One"), await desk.account(ada.person.id)
    answer = await ada.http.post(strategy.url, json={"action": "buy", "symbol": "ES1!"})
    assert answer.status_code == 202
    assert (await ada.http.post(strategy.url, content="{}")).status_code == 400
    signal_id = answer.json()["signal_id"]
    await desk.add(
        "signal_decisions", user_id=ada.person.id, signal_id=signal_id, account_id=account.id,
        strategy_id=strategy.id, disposition="BLOCKED", code="session.closed",
        message="ES does not trade at this hour.", detail={"opens": "17:00"}, decided_at=START,
        ended_at=START,
    )  # fmt: skip
    await desk.intent(strategy, account)
    await desk.fill(strategy, account)
    await desk.add(
        "drifts", user_id=ada.person.id, account_id=account.id, strategy_id=strategy.id, root="ES",
        contract="ESH6", code="drift.position", message="We hold 1, the broker 2.", compared={},
        policy="hold", found_at=START,
    )  # fmt: skip
    await ada.post("/api/strategies/update/", {"id": strategy.id, "description": "x"})
    await sign_in(ada.http, "ada", "not the password")
    return strategy, account


async def logs(browser: Browser, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await browser.get("/api/logs/", **query))["logs"]
    return found


async def test_m115_every_kind_of_event_is_in_the_log(ada: Browser, town: Town) -> None:
    strategy, account = await a_day(ada, town)
    found = await logs(ada)
    assert all(set(line) == LINE for line in found)
    assert [line["at"] for line in found] == sorted((line["at"] for line in found), reverse=True)
    seen = sorted((line["kind"], line["level"], line["code"]) for line in found if line["code"])
    assert seen == [
        ("alert", "error", found_code(found, "alert")),
        ("decision", "warning", "session.closed"),
        ("drift", "error", "drift.position"),
        ("edit", "info", "strategy.changed"),
        ("sign_in", "warning", "auth.wrong_credentials"),
    ]
    words = {line["kind"]: line["message"] for line in found}
    assert words["fill"] == "Buy 2 ESH6 at 5000.25"
    assert words["order"] == "Buy 2 ESH6, entry: FILLED"
    assert words["decision"] == "ES does not trade at this hour."
    assert words["edit"] == "Ada: strategy.changed"
    [edit] = await logs(ada, kind="edit", strategy_id=strategy.id)
    assert edit["detail"]["about"]["changed"] == ["description"]
    [order] = await logs(ada, kind="order", account_id=account.id)
    assert (order["detail"]["state"], order["detail"]["filled_qty"]) == ("FILLED", 2)


def found_code(lines: list[dict[str, Any]], kind: str) -> str:
    [code] = {line["code"] for line in lines if line["kind"] == kind and line["code"]}
    return str(code)


async def test_filters(ada: Browser, town: Town) -> None:
    strategy, account = await a_day(ada, town)

    async def kinds(**query: Any) -> list[str]:
        return sorted(line["kind"] for line in await logs(ada, **query))

    assert await kinds(kind=["fill", "order"]) == ["fill", "order"]
    assert await kinds(level="error") == ["alert", "drift"]
    assert await kinds(code="session.") == ["decision"]
    assert await kinds(code="session_") == []  # no wild card
    assert await kinds(account_id=account.id) == ["decision", "drift", "fill", "order"]
    [decision] = await logs(ada, kind="decision")
    assert await kinds(signal_id=decision["signal_id"]) == ["alert", "decision"]
    since, until = START.isoformat(), (START + timedelta(seconds=1)).isoformat()
    assert await kinds(since=since, until=until) == ["decision", "drift", "fill", "order"]
    assert await kinds(until=since) == []
    assert await kinds(strategy_id=strategy.id, kind="sign_in") == []
    for wrong in ({"kind": "weather"}, {"level": "loud"}, {"since": "2026-03-02T15:30:00"}):
        await ada.get("/api/logs/", 422, **wrong)


async def test_pages_neither_lose_nor_repeat(ada: Browser, town: Town) -> None:
    """Also where many lines are of the same microsecond, of several kinds."""
    strategy, account = await a_day(ada, town)
    desk = Desk(town)
    for _ in range(5):
        await desk.fill(strategy, account)
        await desk.intent(strategy, account)
    whole = [line["id"] for line in await logs(ada)]
    assert len(whole) == len(set(whole))
    paged: list[str] = []
    after = ""
    for _ in range(len(whole)):
        page = await ada.get("/api/logs/", limit=3, after=after)
        paged += [line["id"] for line in page["logs"]]
        if page["next"] is None:
            break
        after = page["next"]
        await desk.add(  # what is newer moves nothing
            "audit_log", user_id=ada.person.id, actor="Ada", action="user.email", detail={}
        )
    assert paged == whole


@pytest.mark.parametrize(
    "after", ["x", "1-2", "1_weather-2", "9" * 30 + "_fill-1", "1_fill-" + "'"]
)
async def test_a_foreign_cursor_is_refused(ada: Browser, after: str) -> None:
    assert (await ada.get("/api/logs/", 422, after=after))["code"] == "page.cursor"


async def test_nobody_reads_anothers_log(ada: Browser, app: FastAPI, town: Town) -> None:
    await a_day(ada, town)
    async with signed_in(app, town, "Bob") as bob:
        [line] = await logs(bob)
        assert (line["kind"], line["message"]) == ("sign_in", "Signed in from 127.0.0.1.")
