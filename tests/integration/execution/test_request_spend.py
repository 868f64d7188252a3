"""The hour's requests over processes, restarts and hand-overs, on one table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.brokers.tradovate.budget import REQUESTS_PER_HOUR, SLOT_S, RequestBudget
from shared.brokers.tradovate.login import Environment, urls_for
from shared.brokers.tradovate.spend import Spending
from shared.db.engine import make_engine
from shared.db.request_spend import RequestSpend
from shared.db.uow import unit_of_work
from shared.ports.broker import Priority
from shared.ports.spending import Spent
from shared.runtime.clock import SystemClock
from tests.fixtures.servers import DatabaseUrls
from tests.unit.brokers.fake_clock import FakeClock

DEMO = urls_for(Environment.DEMO)


@pytest.fixture
async def execution(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(fresh_database.execution, "execution", pool_size=8)
    yield engine
    await engine.dispose()


@pytest.fixture
async def recorder(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(fresh_database.recorder, "recorder", pool_size=2)
    yield engine
    await engine.dispose()


def process(engine: AsyncEngine, clock: FakeClock | None = None) -> tuple[Spending, RequestBudget]:
    spending = Spending(clock or SystemClock(), RequestSpend(engine))
    return spending, spending.budget(DEMO, "ann")


async def test_a_restart_does_not_forget_what_was_spent(execution: AsyncEngine) -> None:
    clock = FakeClock()
    first, budget = process(execution, clock)
    entries = 0
    while budget.hour_spent() < REQUESTS_PER_HOUR * 0.7:  # what entries may see spent
        entries += budget.draw(Priority.ENTRY) == 0
        clock.advance(0.1)
    assert budget.draw(Priority.ENTRY) == SLOT_S
    await first.sync()
    second, after = process(execution, clock)
    assert after.draw(Priority.ENTRY) == 0  # it has not looked yet
    await second.sync()
    assert after.hour_spent() == entries + 1
    assert after.draw(Priority.ENTRY) == SLOT_S
    assert after.draw(Priority.PROTECTION) == 0
    assert after.draw(Priority.EXIT) == 0


async def test_two_processes_spend_one_hour(execution: AsyncEngine, recorder: AsyncEngine) -> None:
    (ours, mine), (theirs, other) = process(execution), process(recorder)
    for _ in range(30):
        assert mine.draw(Priority.ENTRY) == 0
    assert other.draw(Priority.RECORDING, 3) == 0
    await asyncio.gather(ours.sync(), theirs.sync())
    await asyncio.gather(ours.sync(), theirs.sync())
    assert mine.hour_spent() == other.hour_spent() == 33


async def test_batches_at_once_are_added_up(execution: AsyncEngine) -> None:
    scopes = [f"x/{number}" for number in range(20)]
    record = RequestSpend(execution)
    batches = ([Spent(scope, 0, 2) for scope in some] for some in (scopes, scopes[::-1]) * 4)
    await asyncio.gather(*(record.add(batch, scopes) for batch in batches))
    assert await record.add([], scopes) == dict.fromkeys(scopes, 16)


async def test_room_comes_back_after_an_hour_and_old_rows_go(execution: AsyncEngine) -> None:
    record = RequestSpend(execution)
    old = [Spent("x/a", 3_780, 7), Spent("x/a", 3_000, 5), Spent("x/a", 9_000, 9)]
    assert await record.add(old, ["x/a"]) == {"x/a": 5}
    await record.add([Spent("x/a", 0, 1)], ["x/a"])
    async with unit_of_work(execution) as connection:
        left = await connection.execute(text("SELECT sum(requests) FROM broker_requests"))
        assert left.scalar_one() == 13


async def test_a_record_that_is_away_is_no_error() -> None:
    nowhere = make_engine("postgresql+asyncpg://tm_execution@/none?host=/nowhere", "execution")
    spending, budget = process(nowhere)
    assert budget.draw(Priority.ENTRY) == 0
    await spending.sync()
    assert sum(budget.unsaved().values()) == 1
    await nowhere.dispose()


async def test_recorder_may_add_and_nothing_else(recorder: AsyncEngine) -> None:
    await RequestSpend(recorder).add([Spent("x/a", 0, 1)], ["x/a"])
    with pytest.raises(DBAPIError, match="permission denied"):
        async with unit_of_work(recorder) as connection:
            await connection.execute(text("DELETE FROM broker_requests"))
