"""A migrated database for each test, seen as a service sees it, and an empty Valkey."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import relay
from shared.db.engine import make_engine
from shared.streams import client, consumer, tail
from tests.fixtures.servers import DatabaseUrls
from tests.integration.streams.servers import Valkey, running_valkey


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture
async def owner(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    """For what a service may not do: make tables, turn back the time of a row."""
    made = make_engine(fresh_database.owner, "tests-owner")
    yield made
    await made.dispose()


@pytest.fixture
async def engine(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    """As the role of a service: neither owner nor superuser."""
    made = make_engine(fresh_database.execution, "tests", pool_size=10)
    yield made
    await made.dispose()


@pytest.fixture
async def redis(valkey_server: Valkey) -> AsyncIterator[Redis]:
    made = client.reading(valkey_server.url, "tests")
    await made.flushall()
    yield made
    await made.aclose()


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nets are cast ten times as often, so that a test waits for less."""
    monkeypatch.setattr(consumer, "SWEEP_EVERY_S", 0.1)
    monkeypatch.setattr(tail, "SWEEP_EVERY_S", 0.1)
    monkeypatch.setattr(relay, "EVERY_S", 0.1)
