"""Every test of this folder that asks for a world runs in both."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.ledger.postgres_world import postgres_world
from tests.contract.ledger.twin_world import TwinWorld
from tests.contract.ledger.world import World
from tests.fixtures.servers import PostgresServer


@pytest.fixture(params=["postgres", "twin"])
async def world(
    request: pytest.FixtureRequest, postgres_server: PostgresServer, template_database: str
) -> AsyncIterator[World]:
    if request.param == "twin":
        twin = TwinWorld()
        (twin.lease,) = await twin.ledger.renew_leases("me")
        yield twin
        return
    async with postgres_world(postgres_server, template_database) as world:
        (world.lease,) = await world.ledger.renew_leases("me")
        yield world
