"""An edit is written down, and an event about it is committed with it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, text

from shared.db.tables.audit import audit_log
from tests.integration.api.desk import Browser, Desk
from tests.integration.api.helpers import PASSWORD, RecordingBell, Town


async def told(town: Town, bell: RecordingBell, kind: str) -> list[dict[str, Any]]:
    """The bodies of these events; each was rung for, after its commit."""
    stored = [row for row in await town.events() if row.type == kind]
    assert [row.event_id for row in stored] == [each.id for each in bell.rung if each.type == kind]
    return [row.body for row in stored]


async def noted(town: Town) -> list[tuple[str, Any]]:
    rows = await town.rows(select(audit_log).order_by(audit_log.c.id))
    assert {row.actor for row in rows} == {"Ada"}
    return [(row.action, row.detail.get("changed")) for row in rows]


async def test_m16_an_edit_of_an_account_is_told_and_written_down(
    ada: Browser, town: Town, bell: RecordingBell
) -> None:
    account = await Desk(town).account(ada.person.id)
    path = f"/api/accounts/{account.id}/"
    await ada.send(
        "PUT", path, {"multiplier": "2.5", "rules": {"limits": {"daily_loss_usd": "500"}}}
    )
    await ada.send("PUT", path, {"multiplier": "-1"}, 422)
    first, *others = await told(town, bell, "account.edited.v1")
    assert others == []
    assert (first["account_id"], first["multiplier"], first["enabled"]) == (account.id, "2.5", True)
    assert (first["changed"], first["by"]) == (["multiplier", "rules"], "Ada")
    assert await noted(town) == [("account.changed", ["multiplier", "rules"])]
    [stamp] = await town.rows(text("SELECT updated_at FROM accounts"))
    assert first["at"] == stamp.updated_at.isoformat().replace("+00:00", "Z")


async def test_m16_enabling_live_is_told_too(ada: Browser, town: Town, bell: RecordingBell) -> None:
    account = await Desk(town).account(ada.person.id)
    await town.sql("UPDATE broker_connections SET environment = 'live'")
    proof = {"password": PASSWORD, "account_name": account.name}
    await ada.post(f"/api/accounts/{account.id}/enable-live/", proof)
    await ada.post(f"/api/accounts/{account.id}/disable-live/")
    events = await told(town, bell, "account.edited.v1")
    assert [event["live_enabled"] for event in events] == [True, False]


async def test_m16_m161_every_edit_of_a_strategy_is_told_and_written_down(
    ada: Browser, town: Town, bell: RecordingBell
) -> None:
    made = await ada.post("/api/strategies/create/", {"name": "Opening Range"}, 201)
    which = made["id"]
    await ada.post("/api/strategies/update/", {"id": which, "active": False})
    await ada.send("PUT", f"/api/strategies/{which}/", {"name": "Closing Range"})
    await ada.post(f"/api/recorder/stop/{which}/")
    await ada.post(f"/api/recorder/start/{which}/")
    await ada.post("/api/strategies/update/", {"id": which + 1, "active": False}, 404)
    await ada.send("DELETE", f"/api/strategies/{which}/")
    events = await told(town, bell, "strategy.edited.v1")
    shown = [(e["name"], e["active"], e["recording_enabled"], e["deleted"]) for e in events]
    assert shown == [
        ("Opening Range", True, True, False),
        ("Opening Range", False, True, False),
        ("Closing Range", False, True, False),
        ("Closing Range", False, False, False),
        ("Closing Range", False, True, False),
        ("Closing Range", False, True, True),
    ]
    assert sorted(events, key=lambda event: event["at"]) == events
    assert await noted(town) == [
        ("strategy.created", []),
        ("strategy.changed", ["active"]),
        ("strategy.changed", ["name"]),
        ("strategy.recording_off", []),
        ("strategy.recording_on", []),
        ("strategy.deleted", []),
    ]
