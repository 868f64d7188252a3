"""Servers once per session, an empty database and an empty Valkey for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count

import asyncpg
import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import make_engine
from shared.db.tables import messaging
from shared.streams import client
from tests.integration.streams.servers import Valkey, running_postgres, running_valkey

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a database that holds the messaging tables and nothing else."""
    name = f"streams_{next(_numbers)}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    await admin.close()
    made = make_engine(postgres_url.replace("/postgres?", f"/{name}?"), "tests", pool_size=10)
    tables = [messaging.outbox, messaging.inbox, messaging.message_attempts, messaging.dead_letters]
    async with made.begin() as connection:
        await connection.run_sync(lambda sync: messaging.metadata.create_all(sync, tables=tables))
    yield made
    await made.dispose()


@pytest.fixture
async def redis(valkey_server: Valkey) -> AsyncIterator[Redis]:
    made = client.reading(valkey_server.url, "tests")
    await made.flushall()
    yield made
    await made.aclose()
