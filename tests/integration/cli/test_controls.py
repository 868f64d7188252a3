"""The operator's word: PostgreSQL alone, nothing else up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from cli.app import app
from tests.fixtures.servers import DatabaseUrls

RUN = CliRunner()
NOWHERE = "redis://127.0.0.1:1/0"
ANSWER = """
    INSERT INTO command_results (command_id, user_id, status, code, message, detail)
    SELECT id, user_id, 'done', 'command.done', '', '{}' FROM commands c
    WHERE NOT EXISTS (SELECT FROM command_results r WHERE r.command_id = c.id)
"""
FLAT = "\nEverything is flat.\nNone"


@pytest.fixture
async def db(
    fresh_database: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Ann and Bob, an account and a strategy each; the environment names the database."""
    monkeypatch.setenv("DATABASE_URL", fresh_database.owner)
    monkeypatch.setenv("REDIS_URL", NOWHERE)
    owner = await asyncpg.connect(fresh_database.owner.replace("+asyncpg", ""))
    await owner.execute("""
        INSERT INTO users (username, password_hash) VALUES ('ann', 'x'), ('bob', 'x');
        INSERT INTO broker_connections (user_id, name, environment, login_name, device_id)
          SELECT id, 'Paper', 'paper', username, 'd' FROM users ORDER BY id;
        INSERT INTO accounts (user_id, connection_id, broker_account_id, name)
          SELECT user_id, id, id, 'PAPER' || id FROM broker_connections ORDER BY id;
        INSERT INTO strategies (user_id, name, name_key, webhook_key_hash)
          SELECT id, 'Breakout', 'breakout', username::bytea FROM users ORDER BY id;
        INSERT INTO positions (account_id, contract, strategy_id, user_id, root, net_qty, version)
          SELECT a.id, 'NQZ6', s.id, a.user_id, 'NQ', 2, 1
          FROM accounts a JOIN strategies s ON s.user_id = a.user_id;
    """)
    yield owner
    await owner.close()


async def said(*arguments: str) -> tuple[int, str]:
    """Exit code and output. In a thread: the command has an event loop of its own."""
    result = await asyncio.to_thread(RUN.invoke, app, list(arguments))
    return result.exit_code, f"{result.output}{result.exception}"


async def test_a_word_is_committed_with_nothing_else_up(db: asyncpg.Connection[Any]) -> None:
    scopes = {"strategy": "2", "account": "paper2", "user": "BOB"}
    for scope, which in scopes.items():
        for word in ("pause", "resume"):
            assert (await said(word, scope, which, "--reason", "r"))[0] == 0
            row = await db.fetchrow("SELECT * FROM controls ORDER BY id DESC LIMIT 1")
            assert (row["scope"], row["scope_id"], row["user_id"]) == (scope, 2, 2)
            assert (row["word"], row["reason"]) == (word, "r")
            assert row["said_by"].endswith("(command line)")
    assert await db.fetchval("SELECT count(*) FROM commands") == 0
    noted = await db.fetch("SELECT user_id, action FROM audit_log ORDER BY id")
    assert [tuple(row) for row in noted] == [(None, "control.pause"), (None, "control.resume")] * 3


@pytest.mark.parametrize(("deed", "words"), [("kill", 1), ("flatten", 0)])
async def test_what_is_held_is_asked_to_be_closed_and_said_to_wait(
    db: asyncpg.Connection[Any], deed: str, words: int
) -> None:
    code, output = await said(deed, "account", "1", "--wait", "0")
    assert (code, "not taken up yet" in output) == (3, True)
    (row,) = await db.fetch("SELECT user_id, kind, detail FROM commands")
    assert (row["user_id"], row["kind"]) == (1, "close")
    assert json.loads(row["detail"]) == {"account_id": 1, "every_owner": True}
    assert await db.fetchval("SELECT count(*) FROM controls") == words


async def test_the_system_means_everybody_and_flat_is_told(db: asyncpg.Connection[Any]) -> None:
    assert (await said("kill", "system", "--wait", "0"))[0] == 3
    rows = await db.fetch("SELECT user_id FROM commands ORDER BY user_id")
    assert [row["user_id"] for row in rows] == [1, 2]
    await db.execute(ANSWER)
    code, output = await said("flatten", "strategy", "1", "--wait", "0")
    assert (code, "1 of 1" in output) == (3, True)
    await db.execute("UPDATE positions SET net_qty = 0 WHERE strategy_id = 1")
    flatten = asyncio.create_task(said("flatten", "strategy", "1", "--wait", "60"))
    async with asyncio.timeout(30):
        while not flatten.done():
            await db.execute(ANSWER)
            await asyncio.sleep(0.05)  # what is waited for stands in the database
    assert await flatten == (0, f"flatten: strategy Breakout - committed.{FLAT}")


async def test_what_is_not_there_is_said_and_nothing_is_written(
    db: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, message in [
        (("kill", "account", "nine"), "there is no account nine"),
        (("kill", "strategy", "breakout"), "several have the name"),
        (("pause", "user"), "which user"),
        (("pause", "planet", "1"), "planet is no scope"),
    ]:
        code, output = await said(*arguments)
        assert (code, message in output) == (1, True), output
    assert await db.fetchval("SELECT count(*) FROM controls") == 0
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    code, output = await said("kill", "system")
    assert (code, "nothing was said" in output) == (1, True), output
