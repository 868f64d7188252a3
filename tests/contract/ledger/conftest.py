"""Every test of this folder that asks for a world runs in both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.contract.ledger.postgres_world import make_database, postgres_world
from tests.contract.ledger.twin_world import TwinWorld
from tests.contract.ledger.world import World
from tests.fixtures.servers import DatabaseUrls, PostgresServer


@pytest.fixture(scope="session")
def ledger_database(postgres_server: PostgresServer, template_database: str) -> DatabaseUrls:
    urls = postgres_server.create("ledger", template_database)
    asyncio.run(make_database(urls))
    return urls


@pytest.fixture(params=["postgres", "twin"])
async def world(
    request: pytest.FixtureRequest, ledger_database: DatabaseUrls
) -> AsyncIterator[World]:
    if request.param == "twin":
        twin = TwinWorld()
        (twin.lease,) = await twin.ledger.renew_leases("me")
        yield twin
        return
    async with postgres_world(ledger_database) as world:
        (world.lease,) = await world.ledger.renew_leases("me")
        yield world
