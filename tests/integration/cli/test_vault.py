"""The vault's key is changed under what is running; killed in the middle it goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from cli.app import app
from shared.db import rekey
from shared.db.engine import make_engine
from shared.vault import Opener, Sealer, VaultError, generate_keypair
from tests.fixtures.servers import DatabaseUrls
from tests.fixtures.waiting import eventually
from tests.integration.paper.process import ROOT

OLD, OLD_PUBLIC = generate_keypair()
NEW, NEW_PUBLIC = generate_keypair()
LOGINS = 5
WITHIN_S = 60.0
PASSWORD = ("broker_connections", "id", "password_sealed")
SECRET = ("broker_connections", "id", "client_secret_sealed")
TOKEN = ("broker_sessions", "connection_id", "token_sealed")
COMMAND = ("command_secrets", "command_id", "sealed")


def plain(table: str, row_id: int, column: str) -> bytes:
    return f"{table}:{row_id}:{column}".encode()


def sealed(public: str, table: str, row_id: int, column: str) -> bytes:
    text = plain(table, row_id, column)
    return Sealer(public).seal(text, table=table, row_id=row_id, column=column)


@pytest.fixture
async def db(fresh_database: DatabaseUrls) -> AsyncIterator[asyncpg.Connection[Any]]:
    owner = await asyncpg.connect(fresh_database.owner.replace("+asyncpg", ""))
    await owner.execute("INSERT INTO users (username, password_hash) VALUES ('ann', 'x')")
    for number in range(1, LOGINS + 1):
        await owner.execute(
            "INSERT INTO broker_connections (user_id, name, environment, login_name, device_id,"
            " password_sealed, client_secret_sealed) VALUES (1, 'x', 'demo', $1, 'd', $2, $3)",
            f"login{number}",
            sealed(OLD_PUBLIC, "broker_connections", number, "password_sealed"),
            sealed(OLD_PUBLIC, "broker_connections", number, "client_secret_sealed"),
        )
        await owner.execute(
            "INSERT INTO broker_sessions (connection_id, user_id, token_sealed) VALUES ($1, 1, $2)",
            number,
            sealed(OLD_PUBLIC, "broker_sessions", number, "token_sealed"),
        )
    await owner.execute(
        "INSERT INTO commands (user_id, kind, detail, requested_by) VALUES (1, 'x', '{}', 'x')"
    )
    await owner.execute(
        "INSERT INTO command_secrets (command_id, user_id, sealed) VALUES (1, 1, $1)",
        sealed(OLD_PUBLIC, "command_secrets", 1, "sealed"),
    )
    yield owner
    await owner.close()


@asynccontextmanager
async def rotating(database: DatabaseUrls) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of its own, which can be killed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "vault", "rotate"),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ(database)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()


async def run(database: DatabaseUrls, *flags: str, previous: str = OLD) -> tuple[int, str]:
    """In a thread: the command has an event loop of its own."""
    found = await asyncio.to_thread(
        CliRunner().invoke, app, ["vault", "rotate", *flags], env=environ(database, previous)
    )
    return found.exit_code, found.output


def environ(database: DatabaseUrls, previous: str = OLD) -> dict[str, str]:
    return {
        "DATABASE_URL": database.owner,
        "TM_VAULT_PRIVATE_KEY": NEW,
        "TM_VAULT_PREVIOUS_PRIVATE_KEY": previous,
    }


async def opened_by(db: asyncpg.Connection[Any], vault: Opener) -> int:
    """How many boxes it opens; each that opens holds what was put in."""
    count = 0
    for table, key, column in (PASSWORD, SECRET, TOKEN, COMMAND):
        for row_id, box in await db.fetch(f"SELECT {key}, {column} FROM {table}"):  # noqa: S608 - our own names
            try:
                found = vault.open(box, table=table, row_id=row_id, column=column)
            except VaultError:
                continue
            assert found == plain(table, row_id, column)
            count += 1
    return count


BOXES = 3 * LOGINS + 1


async def waiting(db: asyncpg.Connection[Any]) -> str | None:
    waits = await db.fetchval(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return None if waits else "it has not come to the third login"


async def test_s7_a_rotation_killed_in_the_middle_goes_on(
    db: asyncpg.Connection[Any], fresh_database: DatabaseUrls
) -> None:
    holder = await asyncpg.connect(fresh_database.owner.replace("+asyncpg", ""))
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM broker_connections WHERE id = 3 FOR UPDATE")
            async with rotating(fresh_database) as process:
                await eventually(lambda: waiting(db), within_s=WITHIN_S, what="the third login")
                process.send_signal(signal.SIGKILL)
                await process.wait()
    finally:
        await holder.close()
    assert await opened_by(db, Opener(NEW)) == 2  # each box is wholly of one key
    assert await opened_by(db, Opener(NEW, OLD)) == BOXES  # which running services hold meanwhile
    assert (await run(fresh_database, "--check"))[0] == 1

    status, said = await run(fresh_database)
    assert (status, said.splitlines()[0]) == (0, f"{BOXES - 2} secrets were sealed anew.")
    assert await opened_by(db, Opener(NEW)) == BOXES
    assert await opened_by(db, Opener(OLD)) == 0
    assert await run(fresh_database, "--check", previous="") == (
        0,
        "TM_VAULT_PREVIOUS_PRIVATE_KEY is needed no more.\n",
    )
    assert await db.fetchval("SELECT count(*) FROM audit_log WHERE action = 'vault.rotated'") == 1


async def test_s7_what_is_replaced_meanwhile_stays(
    db: asyncpg.Connection[Any], fresh_database: DatabaseUrls
) -> None:
    holder = await asyncpg.connect(fresh_database.owner.replace("+asyncpg", ""))
    engine = make_engine(fresh_database.owner, "tests", pool_size=2)
    where = {"table": "broker_connections", "row_id": 3, "column": "password_sealed"}
    try:
        async with asyncio.TaskGroup() as group, holder.transaction():
            fresh = Sealer(NEW_PUBLIC).seal(b"another", **where)  # type: ignore[arg-type] # a row's id among texts
            await holder.execute(
                "UPDATE broker_connections SET password_sealed = $1 WHERE id = 3", fresh
            )
            work = group.create_task(rekey.rotate(engine, Opener(NEW, OLD)))

            await eventually(lambda: waiting(db), within_s=WITHIN_S, what="the rotation")
        assert work.result().boxes == BOXES - 1
        kept = await db.fetchval("SELECT password_sealed FROM broker_connections WHERE id = 3")
        assert kept == fresh
        assert await rekey.left(engine, Opener(NEW).head) == {}
    finally:
        await engine.dispose()
        await holder.close()


async def test_s7_what_no_key_opens_is_named_and_left(
    db: asyncpg.Connection[Any], fresh_database: DatabaseUrls
) -> None:
    await db.execute("UPDATE broker_connections SET password_sealed = 'no box' WHERE id = 2")
    status, said = await run(fresh_database)
    assert status == 1
    assert "Neither key opens broker_connections.password_sealed 2" in said
    assert await opened_by(db, Opener(NEW)) == BOXES - 1
    status, said = await run(fresh_database, previous="zz")
    assert status != 0
    assert NEW not in said
