"""No limit is passed and no halted scope entered, whatever happens in whatever order (O10, O11)."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.contract.ledger.postgres_world import postgres_world
from tests.contract.ledger.street import Street
from tests.contract.ledger.twin_world import TwinWorld
from tests.fixtures.servers import DatabaseUrls

FULL = os.environ.get("TM_FULL") == "1"
# In the gate as many as fit into seconds; the full run explores.
HISTORIES = 5_000 if FULL else 60
STEPS = 120
REAL_HISTORIES = 60 if FULL else 1


@pytest.mark.timeout(3_600 if FULL else 120)
def test_no_history_passes_a_limit_in_memory() -> None:
    entered = sum(asyncio.run(_twin(seed)) for seed in range(HISTORIES))
    assert entered > 5 * HISTORIES  # it was tried


async def _twin(seed: int) -> int:
    world = TwinWorld()
    (world.lease,) = await world.ledger.renew_leases("me")
    street = Street(world, seed)
    await street.live(STEPS)
    return street.entered


@pytest.mark.timeout(3_600 if FULL else 120)
async def test_no_history_passes_a_limit_in_postgresql(
    ledger_database: DatabaseUrls,
) -> None:
    entered = 0
    async with postgres_world(ledger_database) as world:
        for seed in range(REAL_HISTORIES):
            await world.begin_anew()
            (world.lease,) = await world.ledger.renew_leases("me")
            street = Street(world, 100_000 + seed)
            await street.live(STEPS)
            entered += street.entered
    # Not in each of them: whoever says stop at the outset means it.
    assert entered > 3 * REAL_HISTORIES
