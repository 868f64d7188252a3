"""A strategy copied, and all of them switched off at once."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from sqlalchemy import select, text

from api.strategies.copies import free_name
from shared.db.tables.commands import commands
from shared.db.tables.strategies import strategies, strategy_versions
from tests.integration.api.desk import Browser, Desk, signed_in
from tests.integration.api.helpers import RecordingBell, Strategy, Town

SETTINGS: dict[str, Any] = {
    "symbol": "ES1!", "timeframe": "5", "description": "d", "position_size": 3, "position_add": 2,
    "size_from": "strategy", "take_profit": [10, 20], "stop_loss": 8, "recording_enabled": False,
    "rules": {"direction": "long_only"},
}  # fmt: skip
OWN = {"id", "name", "Strat_Name", "webhook_key", "webhook_url", "created_at", "updated_at"}


async def original(ada: Browser, desk: Desk, town: Town) -> tuple[int, int, int]:
    """A strategy with an account on paper and one for real money; their ids."""
    paper, real = await desk.account(ada.person.id), await desk.account(ada.person.id)
    await town.sql(
        "UPDATE broker_connections SET environment = 'live' WHERE id = :i", i=real.connection_id
    )
    links = [
        {"account_id": paper.id, "multiplier": "2", "max_contracts": 5},
        {"account_id": real.id, "custom_ticker": "MES1!"},
    ]
    body = {"name": "Breakout", "accounts": links, **SETTINGS}
    made = await ada.post("/api/strategies/create/", body, 201)
    return made["id"], paper.id, real.id


async def test_a_copy_is_the_same_and_trades_no_real_money(
    ada: Browser, desk: Desk, town: Town
) -> None:
    source, paper, real = await original(ada, desk, town)
    made = await ada.post(f"/api/strategies/{source}/duplicate/", {}, 201)
    assert (made["name"], made["accounts_off"]) == ("Breakout (copy)", [real])
    before = await ada.get("/api/strategies/get-strat/", id=source)
    after = await ada.get("/api/strategies/get-strat/", id=made["id"])
    linked = {each["account_id"]: each for each in after["accounts"]}
    assert (linked[paper]["enabled"], linked[real]["enabled"]) == (True, False)
    assert (linked[paper]["multiplier"], linked[paper]["max_contracts"]) == ("2", 5)
    assert linked[real]["custom_ticker"] == "MES1!"
    shown = set(before) - OWN - {"accounts", "Accounts"}
    assert {key: after[key] for key in shown} == {key: before[key] for key in shown}
    assert made["webhook_key"] == after["webhook_key"] != before["webhook_key"]
    sent = await ada.http.post(f"/webhook/{made['webhook_key']}", json={"action": "buy"})
    assert sent.status_code == 202
    kept = select(strategy_versions).where(strategy_versions.c.strategy_id == made["id"])
    assert len(await town.rows(kept)) == 1


async def test_a_copy_has_a_name_of_its_own(ada: Browser, desk: Desk, town: Town) -> None:
    source, _, _ = await original(ada, desk, town)
    path = f"/api/strategies/{source}/duplicate/"
    names = [(await ada.post(path, {}, 201))["name"] for _ in range(2)]
    assert names == ["Breakout (copy)", "Breakout (copy 2)"]
    assert (await ada.post(path, {"name": "Half"}, 201))["name"] == "Half"
    assert (await ada.post(path, {"name": "half"}, 409))["code"] == "strategy.name_taken"
    await ada.post(path, {"name": "x" * 201}, 422)
    await ada.send("DELETE", f"/api/strategies/{source}/")
    assert (await ada.post(path, {}, 404))["code"] == "strategy.unknown"


def test_a_copy_s_name_is_never_too_long() -> None:
    found = free_name("x" * 200, set())
    assert (len(found), found[-7:]) == (200, " (copy)")


async def test_all_go_off_at_once_and_it_is_written_down(
    ada: Browser, town: Town, bell: RecordingBell, app: FastAPI
) -> None:
    ids = [(await town.strategy(ada.person.id, name)).id for name in ("A", "B")]
    await town.strategy(ada.person.id, "Off", active=False)
    async with signed_in(app, town, "Bob") as bob:
        theirs = await town.strategy(bob.person.id, "A")
    done = await ada.post("/api/strategies/disable-all/", {})
    assert (done["ids"], done["command_ids"]) == (ids, [])
    on = await town.rows(select(strategies.c.id).where(strategies.c.active))
    assert [row.id for row in on] == [theirs.id]
    told = [each.body["strategy_id"] for each in bell.rung if each.body.get("active") is False]
    assert told == ids
    [noted] = await town.rows(
        text("SELECT detail FROM audit_log WHERE action = 'strategy.all_off'")
    )
    assert noted.detail == {"ids": ids}
    assert (await ada.post("/api/strategies/disable-all/", {}))["ids"] == []


async def test_none_goes_off_while_it_is_not_said_what_becomes_of_what_is_open(
    ada: Browser, town: Town, desk: Desk
) -> None:
    """Also those that are flat stay on: all or none."""
    flat, open_one = [await town.strategy(ada.person.id, name) for name in ("Flat", "Open")]
    account = await desk.account(ada.person.id)
    await desk.position(Strategy(open_one.id, ada.person.id, "", ""), account, 2)
    refused = await ada.post("/api/strategies/disable-all/", {}, 409)
    assert refused["code"] == "strategy.open_position"
    on = select(strategies.c.id).where(strategies.c.active).order_by(strategies.c.id)
    assert [row.id for row in await town.rows(on)] == [flat.id, open_one.id]
    await ada.post("/api/strategies/disable-all/", {"on_open": "hand_over"}, 422)
    done = await ada.post("/api/strategies/disable-all/", {"on_open": "flatten"})
    [asked] = await town.rows(select(commands))
    assert done["command_ids"] == [asked.id]
    assert (asked.kind, asked.detail) == ("close", {"strategy_id": open_one.id})
    assert await town.rows(on) == []
