"""What PostgreSQL itself promises of a control: the fence, the order of words, and who sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.db.controls import FENCE, say
from shared.db.engine import make_engine
from shared.db.uow import read_only, unit_of_work
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.ids import UserId
from tests.fixtures.servers import DatabaseUrls

_SHARE = text(f"SELECT {FENCE}")
_INSERT = "INSERT INTO controls (user_id, scope, scope_id, word, reason, said_by) VALUES "
_WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
_WORDS = text("SELECT word FROM controls ORDER BY id")


@pytest.fixture
async def people(fresh_database: DatabaseUrls) -> AsyncIterator[tuple[UserId, UserId]]:
    """Ann, and Bob who is an administrator."""
    owner = await asyncpg.connect(fresh_database.owner.replace("+asyncpg", ""))
    added = "INSERT INTO users (username, password_hash, admin) VALUES ($1, 'x', $2) RETURNING id"
    ann = await owner.fetchval(added, "ann", False)
    bob = await owner.fetchval(added, "bob", True)
    yield UserId(ann), UserId(bob)
    await owner.close()


async def test_a_word_waits_for_claims_and_no_claim_waits_for_a_word(
    fresh_database: DatabaseUrls, people: tuple[UserId, UserId]
) -> None:
    ann, _ = people
    engine = make_engine(fresh_database.execution, "test")
    api = make_engine(fresh_database.api, "test")

    async def kill() -> None:
        async with unit_of_work(api, ann) as connection:
            await say(connection, ann, Scope.USER, ann, Word.KILL, reason="r", by="ann")

    async with unit_of_work(engine) as claiming:
        assert (await claiming.execute(_SHARE)).scalar_one() is True
        killing = asyncio.create_task(kill())
        async with read_only(engine) as watching:
            while not (await watching.execute(text(_WAITING))).scalar_one():  # noqa: ASYNC110 - another transaction's lock, which nobody tells of
                await asyncio.sleep(0.01)
        async with unit_of_work(engine) as another:  # it is told at once, and waits for nothing
            assert (await another.execute(_SHARE)).scalar_one() is False
        assert (await claiming.execute(_WORDS)).all() == []
    await killing
    async with unit_of_work(engine) as connection:
        assert (await connection.execute(_SHARE)).scalar_one() is True
        assert (await connection.execute(_WORDS)).scalars().all() == ["kill"]
        closes = await connection.execute(text("SELECT user_id, kind, detail FROM commands"))
        assert closes.all() == [(ann, "close", {"every_owner": True})]
    await api.dispose()
    await engine.dispose()


async def test_a_word_is_seen_by_its_user_and_one_to_the_system_by_all(
    fresh_database: DatabaseUrls, people: tuple[UserId, UserId]
) -> None:
    ann, bob = people
    api = make_engine(fresh_database.api, "test")
    async with unit_of_work(api, ann) as connection:
        await say(connection, ann, Scope.USER, ann, Word.PAUSE, reason="r", by="ann")
    async with unit_of_work(api, bob) as connection:
        await say(connection, None, Scope.SYSTEM, 0, Word.PAUSE, reason="r", by="bob")
    async with read_only(api, ann) as connection:
        assert len((await connection.execute(_WORDS)).all()) == 2
    async with read_only(api, bob) as connection:
        assert len((await connection.execute(_WORDS)).all()) == 1
    await api.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE controls SET word = 'resume'",
        "DELETE FROM controls",
        _INSERT + "(NULL, 'system', 0, 'kill', '', '')",
        _INSERT + "(2, 'user', 2, 'kill', '', '')",
    ],
)
async def test_nobody_takes_a_word_back_or_speaks_for_another(
    fresh_database: DatabaseUrls, people: tuple[UserId, UserId], statement: str
) -> None:
    ann, _ = people
    api = make_engine(fresh_database.api, "test")
    with pytest.raises(DBAPIError):
        async with unit_of_work(api, ann) as connection:
            await connection.execute(text(statement))
    await api.dispose()
