"""A world per test, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.db.engine import make_engine
from tests.fixtures.servers import DatabaseUrls
from tests.integration.recorder.world import World


@pytest.fixture
async def world(fresh_database: DatabaseUrls) -> AsyncIterator[World]:
    made = World(
        owner=make_engine(fresh_database.owner, "tm-test"),
        execution=make_engine(fresh_database.execution, "tm-test"),
        recorder=make_engine(fresh_database.recorder, "tm-test"),
    )
    await made.build()
    yield made
    for engine in (made.owner, made.execution, made.recorder):
        await engine.dispose()
