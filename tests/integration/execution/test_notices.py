"""A word that was committed is heard by whoever listens, also after its line was cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from execution.notices import Notices
from shared.db.controls import CHANNEL, say
from shared.db.engine import make_engine
from shared.db.uow import unit_of_work
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.runtime.clock import SystemClock
from tests.fixtures.servers import DatabaseUrls

_PATIENCE_S = 30.0


class Ear:
    def __init__(self) -> None:
        self.heard = asyncio.Event()

    async def hears(self) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            await self.heard.wait()
        self.heard.clear()


@pytest.fixture
async def owner(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(fresh_database.owner, "test")
    yield engine
    await engine.dispose()


async def speak(engine: AsyncEngine) -> None:
    async with unit_of_work(engine) as connection:
        await say(connection, None, Scope.SYSTEM, 0, Word.PAUSE, reason="r", by="test")


async def test_a_word_is_heard_and_heard_again_after_the_line_was_cut(
    fresh_database: DatabaseUrls, owner: AsyncEngine
) -> None:
    ear = Ear()
    url = make_url(fresh_database.execution)
    listening = asyncio.create_task(Notices(url, CHANNEL, [ear.heard.set], SystemClock()).run())
    await ear.hears()  # it listens
    await speak(owner)
    await ear.hears()
    async with unit_of_work(owner) as connection:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        assert (await connection.execute(text(cut))).scalars().all() == [True]
    await ear.hears()  # it listens again: whatever was said meanwhile is looked for
    await speak(owner)
    await ear.hears()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
