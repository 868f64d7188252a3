"""The signal inspector: nothing a user sent is invisible, and one signal's whole story."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from shared.db.tables.signals import alerts
from tests.integration.api.desk import START, Browser, Desk, signed_in
from tests.integration.api.helpers import Town

ITEM = {
    "alert_id", "signal_id", "received_at", "strategy_id", "strategy", "verdict", "code",
    "message", "answered_status", "content", "body", "decisions",
}  # fmt: skip


@pytest.mark.parametrize("slash", ["", "/"])
async def test_every_delivery_is_listed_newest_first(ada: Browser, town: Town, slash: str) -> None:
    strategy = await town.strategy(ada.person.id, "Open")
    off = await town.strategy(ada.person.id, "Off", active=False)
    sent = (
        (strategy.url, '{"action": "buy", "alert_id": "1"}', 202),
        (strategy.url, '{"action": "buy", "alert_id": "1"}', 202),
        (strategy.url, '{"action": "dance", "password": "hunter2"}', 400),
        (off.url, '{"action": "sell", "quantity": 0}', 202),
    )
    for url, body, status in sent:
        answer = await ada.http.post(url, content=body)
        assert answer.status_code == status, answer.text

    found = await ada.get(f"/api/signals{slash}")
    assert set(found) == {"signals", "next"}
    blocked, refused, duplicate, accepted = found["signals"]
    assert all(set(item) == ITEM for item in found["signals"])
    assert (accepted["verdict"], accepted["strategy"], accepted["code"]) == (
        "accepted", "Open", None,
    )  # fmt: skip
    assert accepted["content"]["side"] == "buy"
    assert accepted["body"] is None
    assert (duplicate["verdict"], duplicate["signal_id"]) == ("duplicate", accepted["signal_id"])
    assert (refused["verdict"], refused["code"]) == ("refused", "parse.action")
    assert (refused["signal_id"], refused["content"]) == (None, None)
    assert refused["message"]
    assert "dance" in refused["body"]
    assert "hunter2" not in refused["body"]
    assert (blocked["verdict"], blocked["code"]) == ("blocked", "strategy.disabled")

    only = await ada.get("/api/signals/", verdict="refused", strategy_id=strategy.id)
    assert only["signals"] == [refused]
    seen, after = [], ""
    while after is not None:
        page = await ada.get("/api/signals/", limit=1, after=after)
        seen += page["signals"]
        after = page["next"]
    assert seen == found["signals"]


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_signals_whole_story(ada: Browser, town: Town, slash: str) -> None:
    desk = Desk(town)
    strategy, account = (
        await town.strategy(ada.person.id, "Open"),
        await desk.account(ada.person.id),
    )
    answer = await ada.http.post(
        strategy.url, json={"action": "buy", "quantity": 2, "comment": "token=abcdef"}
    )
    signal_id = answer.json()["signal_id"]
    await town.write(update(alerts).values(answered_status=202, answered_at=START))
    await desk.add(
        "signal_decisions", user_id=ada.person.id, signal_id=signal_id, account_id=account.id,
        strategy_id=strategy.id, disposition="FILLED", code="plan.entry", message="Enter.",
        detail={}, decided_at=START, ended_at=START,
    )  # fmt: skip
    entry = await desk.intent(strategy, account, signal_id=signal_id, broker_order_id=9_001)
    stop = await desk.intent(
        strategy, account, signal_id=signal_id, role="stop_loss", leg="entry.sl", parent_id=entry,
        stop_price=Decimal("4998.25"), state="WORKING", ended_at=None, filled_qty=0,
        fill_value=0, order_type="Stop",
    )  # fmt: skip
    await desk.intent(strategy, account)  # another signal's
    await desk.add(
        "orders", None, account_id=account.id, broker_order_id=9_001, user_id=ada.person.id,
        intent_id=entry, contract="ESH6", action="Buy", status="Filled", order_type="Market",
        qty=2, version=3, as_of=START,
    )  # fmt: skip
    fill_id = await desk.fill(strategy, account, intent_id=entry)
    await desk.fill(strategy, account)

    found = await ada.get(f"/api/signals/{signal_id}{slash}")

    assert set(found) == {
        "id", "strategy_id", "strategy", "seq", "status", "code", "received_at", "created_at",
        "content", "deliveries", "decisions", "intents", "orders", "fills",
    }  # fmt: skip
    assert (found["id"], found["strategy"], found["seq"]) == (signal_id, "Open", 1)
    assert (found["content"]["quantity"], found["content"]["comment"]) == (2, "token=***")
    [delivery] = found["deliveries"]
    assert (delivery["verdict"], delivery["answered_status"]) == ("accepted", 202)
    assert "buy" in delivery["body"]
    assert "abcdef" not in delivery["body"]
    [decision] = found["decisions"]
    assert (decision["account"], decision["disposition"]) == (account.name, "FILLED")
    first, second = found["intents"]
    assert (first["id"], second["id"], second["parent_id"]) == (str(entry), str(stop), str(entry))
    assert second["stop_price"] == "4998.25"
    assert [first[name] for name in ("created_at", "claimed_at", "answered_at", "ended_at")] == [
        "2026-03-02T15:30:00Z", "2026-03-02T15:30:00.003000Z", "2026-03-02T15:30:00.040000Z",
        "2026-03-02T15:30:00.090000Z",
    ]  # fmt: skip
    assert [order["broker_order_id"] for order in found["orders"]] == [9_001]
    assert [(fill["broker_fill_id"], fill["price"]) for fill in found["fills"]] == [
        (fill_id, "5000.25")
    ]
    [item] = (await ada.get("/api/signals/"))["signals"]
    assert item["decisions"] == [
        {"account_id": account.id, "disposition": "FILLED", "code": "plan.entry"}
    ]


async def test_nobody_sees_anothers_signals(ada: Browser, app: FastAPI, town: Town) -> None:
    strategy = await town.strategy(ada.person.id)
    signal_id = (await ada.http.post(strategy.url, json={"action": "buy"})).json()["signal_id"]
    await ada.http.post(strategy.url, json={"action": "dance"})
    await ada.http.post(f"/webhook/{'A' * 35}", json={"action": "buy"})
    async with signed_in(app, town, "Bob") as bob:
        assert await bob.get("/api/signals/") == {"signals": [], "next": None}
        assert (await bob.get("/api/signals/", strategy_id=strategy.id))["signals"] == []
        answer = await bob.get(f"/api/signals/{signal_id}/", 404)
        assert answer["code"] == "signal.unknown"
        await bob.get("/api/signals/0/", 404)
        bob.http.cookies.clear()
        await bob.get("/api/signals/", 401)
    # A delivery to a key that never existed is nobody's.
    assert len((await ada.get("/api/signals/"))["signals"]) == 2
    assert (await ada.get(f"/api/signals/{signal_id}/"))["id"] == signal_id


async def test_pages_hold_where_moments_are_equal(ada: Browser, town: Town) -> None:
    strategy = await town.strategy(ada.person.id)
    for _ in range(5):
        await ada.http.post(strategy.url, json={"action": "buy"})
    await town.write(update(alerts).values(received_at=START + timedelta(microseconds=1)))
    seen: list[int] = []
    after = ""
    while after is not None:
        page = await ada.get("/api/signals/", limit=2, after=after)
        seen += [item["alert_id"] for item in page["signals"]]
        after = page["next"]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 5
