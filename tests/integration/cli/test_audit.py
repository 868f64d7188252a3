"""The audit log's chain in PostgreSQL: linked by the API, checked by the command line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from api.audit_linker import AuditLinker
from cli.app import app
from shared.db import audit, audit_chain
from shared.db.engine import make_engine
from shared.db.uow import unit_of_work
from shared.domain.ids import UserId
from shared.runtime.clock import SystemClock
from tests.fixtures.servers import DatabaseUrls

RUN = CliRunner()
ROWS = 6


@pytest.fixture
async def db(
    fresh_database: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[asyncpg.Connection[Any]]:
    monkeypatch.setenv("DATABASE_URL", fresh_database.owner)
    owner = await asyncpg.connect(fresh_database.owner.replace("+asyncpg", ""))
    await owner.execute("INSERT INTO users (username, password_hash) VALUES ('ann', 'x')")
    yield owner
    await owner.close()


@pytest.fixture
async def api(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    made = make_engine(fresh_database.api, "tests-api", pool_size=3)
    yield made
    await made.dispose()


async def note(api: AsyncEngine, action: str, **detail: object) -> None:
    async with unit_of_work(api, 1) as connection:
        await audit.note(connection, UserId(1), "ann", action, detail)


@pytest.fixture
async def linked(db: asyncpg.Connection[Any], api: AsyncEngine) -> AuditLinker:
    """Six rows of Ann's, words of all alphabets in them, linked."""
    for number in range(ROWS):
        await note(api, "control.kill", reason='ä"\\\n\u2028€𝄞', number=number, price="1.50")
    linker = AuditLinker(api, SystemClock())
    assert await linker.link() == ROWS
    assert await linker.link() == 0
    return linker


async def verify(*arguments: str) -> tuple[int, str]:
    """In a thread: the command has an event loop of its own."""
    found = await asyncio.to_thread(RUN.invoke, app, ["audit", "verify", *arguments])
    return found.exit_code, found.output


async def test_s7_an_empty_and_an_untouched_log_are_whole(
    db: asyncpg.Connection[Any], api: AsyncEngine
) -> None:
    assert await verify() == (0, f"Whole: 0 rows. Head 0:{'0' * 64}\n")
    await note(api, "user.password")
    status, told = await verify()
    assert (status, told.splitlines()[1]) == (0, "1 newer rows are not linked yet.")


async def test_s7_the_command_counts_the_same_hashes_as_the_database(
    linked: AuditLinker, db: asyncpg.Connection[Any]
) -> None:
    status, told = await verify()
    head = await db.fetchval("SELECT encode(hash, 'hex') FROM audit_log WHERE chain_seq = 6")
    assert (status, told) == (0, f"Whole: {ROWS} rows. Head {ROWS}:{head}\n")


DOCTORED = {
    "actor": "UPDATE audit_log SET actor = 'bob' WHERE id = 3",
    "detail": "UPDATE audit_log SET detail = detail || '{\"number\": 9}' WHERE id = 3",
    "action": "UPDATE audit_log SET action = 'control.resume' WHERE id = 3",
    "time": "UPDATE audit_log SET created_at = created_at - interval '1 microsecond' WHERE id = 3",
    "user": "UPDATE audit_log SET user_id = NULL WHERE id = 3",
    "forgotten": "UPDATE audit_log SET actor = 'deleted-1', salt = NULL WHERE id = 3",
    "hash": "UPDATE audit_log SET hash = sha256('x') WHERE id = 3",
    "removed": "DELETE FROM audit_log WHERE id = 2",
    "swapped": "UPDATE audit_log SET chain_seq = -1 WHERE id = 3;"
    " UPDATE audit_log SET chain_seq = 3 WHERE id = 4;"
    " UPDATE audit_log SET chain_seq = 4 WHERE id = 3",
}


@pytest.mark.parametrize("how", DOCTORED)
async def test_s7_a_doctored_row_is_named(
    linked: AuditLinker, db: asyncpg.Connection[Any], how: str
) -> None:
    await db.execute(DOCTORED[how])
    status, told = await verify()
    assert status == 1
    first = 4 if how == "swapped" else 3
    assert told.startswith(f"BROKEN at row {first} (link 3): ")


async def test_s7_rows_taken_off_the_end_are_found_by_a_noted_head(
    linked: AuditLinker, db: asyncpg.Connection[Any], api: AsyncEngine
) -> None:
    _, told = await verify()
    noted = told.split()[-1]
    await note(api, "user.password")
    await linked.link()
    assert (await verify("--head", noted))[0] == 0
    await db.execute("DELETE FROM audit_log WHERE chain_seq >= 6")
    assert (await verify())[0] == 0  # nothing left says that there was more
    status, told = await verify("--head", noted)
    assert (status, told.split(":")[0]) == (1, "BROKEN")
    refused = await asyncio.to_thread(RUN.invoke, app, ["audit", "verify", "--head", "six"])
    assert refused.exit_code == 1


ADD = (
    "INSERT INTO audit_log (user_id, actor, action, detail, {}) VALUES (1, 'ann', 'x', '{{}}', {})"
)
FORBIDDEN = (
    "UPDATE audit_log SET actor = 'bob'",
    "DELETE FROM audit_log",
    ADD.format("chain_seq", 7),
    ADD.format("created_at", "now()"),
)


async def test_s7_a_service_adds_rows_and_touches_no_link(
    linked: AuditLinker, db: asyncpg.Connection[Any], fresh_database: DatabaseUrls
) -> None:
    for url in (fresh_database.api, fresh_database.execution, fresh_database.sentinel):
        service = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            await service.execute("SELECT set_config('app.user_id', '1', false)")
            for forbidden in FORBIDDEN:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await service.execute(forbidden)
        finally:
            await service.close()
    assert (await verify())[0] == 0


async def test_s7_who_writes_waits_for_nobody_who_links(
    linked: AuditLinker, db: asyncpg.Connection[Any], api: AsyncEngine
) -> None:
    """A linker that stands still with everything in its hands stops no word."""
    await note(api, "user.password")
    async with unit_of_work(api) as standing:
        assert await audit_chain.link(standing) == 1
        await note(api, "control.kill")
        assert await linked.link() == 0  # it finds the work taken, and does not wait either
    assert await linked.link() == 1
    assert (await verify())[0] == 0


async def test_s7_nobody_but_the_api_links(fresh_database: DatabaseUrls) -> None:
    engine = make_engine(fresh_database.execution, "tests", pool_size=1)
    try:
        with pytest.raises(DBAPIError, match="permission denied"):
            async with unit_of_work(engine) as connection:
                await audit_chain.link(connection)
    finally:
        await engine.dispose()


async def test_m180_who_leaves_is_forgotten_and_the_chain_holds(
    linked: AuditLinker, db: asyncpg.Connection[Any], api: AsyncEngine
) -> None:
    await note(api, "user.renamed", before="ann's old name")
    await linked.link()
    await note(api, "user.deleted")  # this one is linked after she left
    await db.execute("UPDATE users SET deleted_at = now()")
    async with unit_of_work(api, 1) as connection:
        await connection.exec_driver_sql("SELECT tm_forget_person('deleted-1')")
    await linked.link()
    assert await verify() == (0, (await verify())[1])
    kept = await db.fetch("SELECT actor, detail::text FROM audit_log")
    assert {row["actor"] for row in kept} == {"deleted-1"}
    assert "old name" not in str(kept)
