"""Kill, pause, resume and flatten over REST: who may say it to what, and what is committed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from shared.contracts.controls import ControlSaid
from shared.db.tables.audit import audit_log
from shared.db.tables.commands import commands
from shared.db.tables.controls import controls
from tests.integration.api.desk import Account, Browser, Desk, signed_in
from tests.integration.api.helpers import RecordingBell, Strategy, Town

WHY = {"reason": "The feed looks wrong."}


@pytest.fixture
async def bob(app: FastAPI, town: Town) -> AsyncIterator[Browser]:
    async with signed_in(app, town, "Bob") as browser:
        yield browser


@pytest.fixture
async def trading(ada: Browser, town: Town) -> tuple[Account, Strategy]:
    return await Desk(town).account(ada.person.id), await town.strategy(ada.person.id)


def paths(ada: Browser, account: Account, strategy: Strategy) -> list[tuple[str, int, Any]]:
    """Scope, its id, and what the command that closes it names."""
    return [
        (f"strategy/{strategy.id}", strategy.id, {"strategy_id": strategy.id}),
        (f"account/{account.id}", account.id, {"account_id": account.id, "every_owner": True}),
        ("user", ada.person.id, {"every_owner": True}),
    ]


async def test_each_word_to_each_scope_is_committed_told_and_written_down(
    ada: Browser, town: Town, trading: tuple[Account, Strategy], bell: RecordingBell
) -> None:
    for path, scope_id, detail in paths(ada, *trading):
        scope = path.partition("/")[0]
        for word in ("pause", "kill", "resume"):
            bell.rung.clear()
            said = await ada.post(f"/api/controls/{path}/{word}/", WHY, 202)
            [row] = await town.rows(select(controls).where(controls.c.id == said["control_id"]))
            assert (row.scope, row.scope_id, row.word, row.reason, row.said_by, row.user_id) == (
                scope, scope_id, word, WHY["reason"], "Ada", ada.person.id,
            )  # fmt: skip
            [event] = bell.rung
            assert (event.type, event.body["word"]) == (ControlSaid.type, word)
            closing = await town.rows(select(commands).order_by(commands.c.id.desc()))
            if word == "kill":
                assert said["command_ids"] == [closing[0].id]
                assert (closing[0].kind, closing[0].detail) == ("close", detail)
            else:
                assert said["command_ids"] == []
            [noted, *_] = await town.rows(select(audit_log).order_by(audit_log.c.id.desc()))
            assert (noted.user_id, noted.actor, noted.action) == (
                ada.person.id, "Ada", f"control.{word}",
            )  # fmt: skip
            assert noted.detail == {"scope": scope, "scope_id": scope_id, **WHY}


async def test_flatten_closes_and_stops_nothing(
    ada: Browser, town: Town, trading: tuple[Account, Strategy]
) -> None:
    for path, _, detail in paths(ada, *trading):
        said = await ada.post(f"/api/controls/{path}/flatten/", {}, 202)
        [newest, *_] = await town.rows(select(commands).order_by(commands.c.id.desc()))
        assert (said["control_id"], said["command_ids"]) == (None, [newest.id])
        assert newest.detail == detail
    assert await town.rows(select(controls)) == []
    assert (await ada.get("/api/controls/"))["in_force"] == []


async def test_what_is_in_force_is_shown_until_it_is_resumed(
    ada: Browser, bob: Browser, trading: tuple[Account, Strategy]
) -> None:
    account, strategy = trading
    await ada.post(f"/api/controls/strategy/{strategy.id}/pause/", WHY, 202)
    await ada.post(f"/api/controls/account/{account.id}/kill/", {}, 202)
    await ada.post(f"/api/controls/strategy/{strategy.id}/resume/", {}, 202)
    shown = await ada.get("/api/controls/")
    assert [(each["scope"], each["word"]) for each in shown["in_force"]] == [("account", "kill")]
    assert [each["word"] for each in shown["history"]] == ["resume", "kill", "pause"]
    assert await bob.get("/api/controls/") == {"in_force": [], "history": []}


async def test_anothers_is_unknown_and_nothing_is_said(
    bob: Browser, town: Town, trading: tuple[Account, Strategy]
) -> None:
    account, strategy = trading
    for path in (f"strategy/{strategy.id}", f"account/{account.id}", "strategy/999999"):
        for word in ("kill", "pause", "resume", "flatten"):
            refused = await bob.post(f"/api/controls/{path}/{word}/", {}, 404)
            assert refused["code"].endswith(".unknown")
    await bob.post(f"/api/controls/account/{account.id}/explode/", {}, 404)
    for table in (controls, commands, audit_log):
        assert await town.rows(select(table)) == []


async def test_the_system_is_an_administrators_and_a_kill_closes_everybodys(
    ada: Browser, bob: Browser, town: Town, trading: tuple[Account, Strategy]
) -> None:
    await Desk(town).account(bob.person.id)
    for word in ("kill", "pause", "resume", "flatten"):
        refused = await ada.post(f"/api/controls/system/{word}/", {}, 403)
        assert refused["code"] == "auth.admin"
    assert await town.rows(select(commands)) == []
    await town.sql("UPDATE users SET admin = true WHERE username = 'Bob'")
    said = await bob.post("/api/controls/system/kill/", WHY, 202)
    closing = await town.rows(select(commands).order_by(commands.c.id))
    assert [(row.user_id, row.detail) for row in closing] == [
        (ada.person.id, {"every_owner": True}),
        (bob.person.id, {"every_owner": True}),
    ]
    assert said["command_ids"] == [row.id for row in closing]
    [seen] = (await ada.get("/api/controls/"))["in_force"]
    assert (seen["scope"], seen["word"], seen["said_by"]) == ("system", "kill", "Bob")
    await bob.post("/api/controls/system/flatten/", {}, 202)
    assert len(await town.rows(select(commands))) == 4


async def test_a_word_needs_a_session_and_its_csrf_token(
    ada: Browser, trading: tuple[Account, Strategy]
) -> None:
    path = f"/api/controls/account/{trading[0].id}/kill/"
    assert (await ada.http.post(path, json={})).status_code == 403
    ada.http.cookies.clear()
    assert (await ada.http.post(path, json={})).status_code == 401
    assert (await ada.http.get("/api/controls/")).status_code == 401
