"""What was kept of those who left goes after its time, and the audit log's chain still holds."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from api.audit_linker import AuditLinker
from api.settings import ApiSettings
from cli.app import app
from shared.db import retention
from shared.db.engine import make_engine
from shared.db.tables import metadata
from shared.db.uow import read_only
from shared.runtime.clock import SystemClock
from tests.fixtures.servers import DatabaseUrls
from tests.integration.api.desk import Desk
from tests.integration.api.helpers import Person, Town, cheap_passwords


@dataclass(frozen=True, slots=True)
class Archive:
    """Ann left long ago, Carl too, and Bob is here; each has traded."""

    town: Town
    linker: AuditLinker
    ann: Person
    bob: Person
    carl: Person

    async def rows_of(self, person: Person) -> dict[str, int]:
        """How many rows each table has of somebody; only those that have some."""
        found = {}
        async with read_only(self.town.owner) as connection:
            for table in metadata.sorted_tables:
                if "user_id" in table.c:
                    query = select(table.c.user_id).where(table.c.user_id == person.id)
                    found[table.name] = len((await connection.execute(query)).all())
        return {name: count for name, count in found.items() if count}

    async def note(self, person: Person, action: str, years: int) -> None:
        await self.town.sql(
            "INSERT INTO audit_log (user_id, actor, action, detail, created_at)"
            " VALUES (:u, :a, :d, '{}', now() - make_interval(years => :y))",
            u=person.id, a=person.username, d=action, y=years,
        )  # fmt: skip


@pytest.fixture
async def archive(
    fresh_database: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Archive]:
    monkeypatch.setenv("DATABASE_URL", fresh_database.owner)
    owner = make_engine(fresh_database.owner, "tests-owner")
    api = make_engine(fresh_database.api, "tests-api", pool_size=2)
    settings = ApiSettings(
        env="test",
        database_url=SecretStr(fresh_database.api),
        redis_url=SecretStr("redis://127.0.0.1:1/0"),
        secret_key=SecretStr(secrets.token_urlsafe(32)),
    )
    town = Town(owner, settings, cheap_passwords())
    people = [await town.person(name) for name in ("Ann", "Bob", "Carl")]
    made = Archive(town, AuditLinker(api, SystemClock()), *people)
    for person in people:
        await _has_traded(town, person)
    for person in (made.ann, made.carl):
        await made.note(person, "strategy.created", years=8)
        await town.sql(
            "UPDATE users SET username = 'deleted-' || id, email = NULL, disabled_at = now(),"
            " deleted_at = now() - interval '8 years' WHERE id = :u",
            u=person.id,
        )
    await made.note(made.bob, "strategy.created", years=0)
    await made.note(made.carl, "user.deleted", years=0)
    await made.linker.link()
    yield made
    await api.dispose()
    await owner.dispose()


async def _has_traded(town: Town, person: Person) -> None:
    desk = Desk(town)
    strategy, account = await town.strategy(person.id), await desk.account(person.id)
    await desk.balance(account, "50000")
    await desk.trade(strategy, account)
    await desk.record(strategy, account)
    await desk.position(strategy, account, 0)
    await desk.intent(strategy, account)
    await desk.fill(strategy, account)
    await desk.add(
        "strategy_accounts", None, user_id=person.id, strategy_id=strategy.id,
        account_id=account.id,
    )  # fmt: skip


async def tm(*arguments: str) -> tuple[int, str]:
    """In a thread: the command has an event loop of its own."""
    found = await asyncio.to_thread(CliRunner().invoke, app, [*arguments])
    return found.exit_code, found.output


async def test_m180_what_was_kept_of_those_who_left_goes_after_its_time(archive: Archive) -> None:
    kept = await archive.rows_of(archive.bob)
    assert len(kept) > 8
    status, said = await tm("retention", "--check")
    assert (status, said.split()[0]) == (0, "2")
    assert await archive.rows_of(archive.ann)
    status, said = await tm("retention")
    assert status == 0, said
    assert await archive.rows_of(archive.ann) == {}
    assert await archive.rows_of(archive.bob) == kept
    # A young audit row names Carl's number still.
    assert await archive.rows_of(archive.carl) == {"audit_log": 1}
    names = {row.username for row in await archive.town.rows(select(metadata.tables["users"]))}
    assert names == {"Bob", f"deleted-{archive.carl.id}"}
    assert (await tm("retention"))[0] == 0  # once more: nothing is left to do
    assert await archive.rows_of(archive.bob) == kept


async def test_m180_the_chain_holds_without_its_oldest_rows(archive: Archive) -> None:
    noted = (await tm("audit", "verify"))[1].split()[-1]
    await tm("retention")
    status, said = await tm("audit", "verify")
    assert (status, "2 rows before them were removed" in said) == (0, True)
    await archive.linker.link()  # with the rows that say what was removed
    for arguments in ((), ("--head", noted)):
        status, said = await tm("audit", "verify", *arguments)
        assert (status, "not linked" in said) == (0, False), said
    await archive.town.sql(
        "DELETE FROM audit_log WHERE chain_seq = (SELECT min(chain_seq) FROM audit_log)"
    )
    status, said = await tm("audit", "verify")
    assert (status, said.split()[0]) == (1, "BROKEN")


async def test_m180_nothing_goes_from_a_chain_that_does_not_hold(archive: Archive) -> None:
    await archive.town.sql("UPDATE audit_log SET actor = 'bob' WHERE chain_seq = 1")
    status, said = await tm("retention")
    assert status == 1
    assert "Nothing was removed" in said
    assert await archive.rows_of(archive.ann)


async def test_m180_a_removal_that_was_cut_short_goes_on(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies after some tables are empty and another is half so."""
    monkeypatch.setattr(retention, "DELETED_AT_ONCE_MAX", 1)
    empty, emptied = retention._empty, []

    async def cut(engine: AsyncEngine, table: Any, user_id: int) -> int:
        if table.name == "trades":
            raise OSError("cut")
        emptied.append(table.name)
        return await empty(engine, table, user_id)

    monkeypatch.setattr(retention, "_empty", cut)
    status, _ = await tm("retention")
    assert status != 0
    assert emptied
    assert "trades" in await archive.rows_of(archive.ann)
    monkeypatch.setattr(retention, "_empty", empty)
    assert (await tm("retention"))[0] == 0
    assert await archive.rows_of(archive.ann) == {}
    assert (await tm("audit", "verify"))[0] == 0
