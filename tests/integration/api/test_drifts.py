"""Differences between two books over REST: what is shown, and who may let go of what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select, update

from shared.db.tables.audit import audit_log
from shared.db.tables.commands import commands
from shared.db.tables.drifts import drifts
from tests.integration.api.desk import START, Browser, Desk, signed_in
from tests.integration.api.helpers import Town


@pytest.fixture
async def bob(app: FastAPI, town: Town) -> AsyncIterator[Browser]:
    async with signed_in(app, town, "Bob") as browser:
        yield browser


async def drift(town: Town, who: Browser, **values: Any) -> int:
    account = await Desk(town).account(who.person.id)
    row = {
        "user_id": who.person.id,
        "account_id": account.id,
        "strategy_id": 0,
        "root": "NQ",
        "contract": "NQZ6",
        "code": "drift.manual_entry",
        "message": "Somebody else's orders hold 2 NQZ6 in this account.",
        "compared": {"external": "2"},
        "policy": "alarm",
        "found_at": START,
        **values,
    }
    return int(await town.write(insert(drifts).values(row).returning(drifts.c.id)))


async def test_what_stands_is_shown_with_what_was_compared(ada: Browser, town: Town) -> None:
    key = await drift(town, ada)
    told = await drift(town, ada, code="drift.foreign_order")
    shown = await ada.get("/api/drifts/")
    assert [row["id"] for row in shown] == [told, key]
    assert shown[1]["compared"] == {"external": "2"}
    assert shown[1]["strategy_id"] is None
    assert [row["holds_entries"] for row in shown] == [False, True]
    await town.write(
        update(drifts).where(drifts.c.id == key).values(ended_at=START, ending="clean")
    )
    assert [row["id"] for row in await ada.get("/api/drifts/")] == [told]
    assert [row["id"] for row in await ada.get("/api/drifts/", standing=False)] == [told, key]


async def test_to_release_one_is_a_command_with_an_audit_row(ada: Browser, town: Town) -> None:
    key = await drift(town, ada)
    asked = await ada.post(f"/api/drifts/{key}/release/", status=202)
    [row] = await town.rows(select(commands).where(commands.c.id == asked["command_id"]))
    assert (row.kind, row.detail, row.user_id) == (
        "release_drift", {"drift_id": key}, ada.person.id,
    )  # fmt: skip
    [noted, *_] = await town.rows(select(audit_log).order_by(audit_log.c.id.desc()))
    assert (noted.actor, noted.action) == ("Ada", "drift.release_drift")


async def test_to_give_one_away_names_the_strategy(ada: Browser, town: Town) -> None:
    key = await drift(town, ada)
    asked = await ada.post(f"/api/drifts/{key}/give/", {"strategy_id": 7}, 202)
    [row] = await town.rows(select(commands).where(commands.c.id == asked["command_id"]))
    assert (row.kind, row.detail) == ("give_external", {"drift_id": key, "strategy_id": 7})
    await ada.post(f"/api/drifts/{key}/give/", {}, 422)


async def test_anothers_is_as_unknown_as_none(ada: Browser, bob: Browser, town: Town) -> None:
    key = await drift(town, ada)
    assert await bob.get("/api/drifts/") == []
    refused = await bob.post(f"/api/drifts/{key}/release/", status=404)
    assert refused["code"] == "drift.unknown"
    await bob.post(f"/api/drifts/{key}/give/", {"strategy_id": 7}, 404)
    assert refused == await bob.post(f"/api/drifts/{key + 1000}/release/", status=404) | {
        "correlation_id": refused["correlation_id"]
    }
