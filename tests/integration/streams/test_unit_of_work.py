"""One transaction, one owner of it, and a connection that never carries anything over."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import make_engine
from shared.db.failures import DatabaseAway, is_contention, is_outage
from shared.db.uow import read_only, unit_of_work
from tests.fixtures.servers import DatabaseUrls
from tests.integration.streams.helpers import column, eventually, say

_PID = text("SELECT pg_backend_pid()")
_USER = text("SELECT NULLIF(current_setting('app.user_id', true), '')")
_COUNT = "SELECT count(*) FROM outbox"


@pytest.fixture
async def single(fresh_database: DatabaseUrls) -> AsyncEngine:
    """A pool of one, so that the next user gets the same connection or a new one."""
    return make_engine(
        fresh_database.execution, "tests-single", pool_size=1, pool_timeout_s=0.2,
        statement_timeout_s=1.0,
    )  # fmt: skip


@pytest.fixture(autouse=True)
async def _close(single: AsyncEngine) -> object:
    yield
    await single.dispose()


async def _pid(engine: AsyncEngine) -> int:
    async with read_only(engine) as connection:
        pid: int = (await connection.execute(_PID)).scalar_one()
        return pid


async def _user(engine: AsyncEngine) -> object:
    async with read_only(engine) as connection:
        return (await connection.execute(_USER)).scalar_one()


async def test_success_commits(engine: AsyncEngine) -> None:
    await say(engine, 1)
    assert await column(engine, _COUNT) == [1]


async def test_an_exception_rolls_back(single: AsyncEngine) -> None:
    with pytest.raises(LookupError):  # noqa: PT012 - the block is what is tested
        async with unit_of_work(single) as connection:
            await connection.execute(text("INSERT INTO inbox VALUES ('t', gen_random_uuid())"))
            raise LookupError
    assert await column(single, "SELECT count(*) FROM inbox") == [0]


async def test_a_cancel_rolls_back_and_throws_the_connection_away(
    single: AsyncEngine, owner: AsyncEngine
) -> None:
    pid = await _pid(single)

    async def sleeps() -> bool:
        query = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        return await column(owner, query) == [pid]

    async def slow() -> None:
        async with unit_of_work(single, user_id=7) as connection:
            await connection.execute(text("INSERT INTO inbox VALUES ('t', gen_random_uuid())"))
            await connection.execute(text("SELECT pg_sleep(0.9)"))

    task = asyncio.create_task(slow())
    await eventually(sleeps, "the statement is running, its reply in flight")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await _pid(single) != pid
    assert await _user(single) is None
    assert await column(single, "SELECT count(*) FROM inbox") == [0]


@pytest.mark.parametrize(
    ("error", "seen"),
    [(TimeoutError, DatabaseAway), (asyncio.CancelledError, asyncio.CancelledError)],
)
async def test_whoever_gave_up_waiting_leaves_no_connection_behind(
    single: AsyncEngine, error: type[BaseException], seen: type[BaseException]
) -> None:
    """And a driver that had no answer in time means that the database is away."""
    pid = await _pid(single)
    with pytest.raises(seen):
        async with unit_of_work(single):
            raise error
    assert await _pid(single) != pid


async def test_the_user_ends_with_the_transaction(single: AsyncEngine) -> None:
    pid = await _pid(single)
    async with unit_of_work(single, user_id=7) as connection:
        assert (await connection.execute(_USER)).scalar_one() == "7"
    assert await _user(single) is None
    with pytest.raises(DBAPIError):
        async with unit_of_work(single, user_id=7) as connection:
            await connection.execute(text("SELECT 1/0"))
    assert await _user(single) is None
    assert await _pid(single) == pid, "an ordinary error costs no connection"


async def test_read_only_cannot_write(single: AsyncEngine) -> None:
    with pytest.raises(DBAPIError, match="read-only"):
        async with read_only(single) as connection:
            await connection.execute(text("INSERT INTO inbox VALUES ('t', gen_random_uuid())"))


async def test_a_connection_that_died_while_idle_is_replaced(
    single: AsyncEngine, owner: AsyncEngine
) -> None:
    await _terminate(owner, await _pid(single))
    async with unit_of_work(single, user_id=7) as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1


async def test_a_cut_in_the_middle_is_an_outage(single: AsyncEngine, owner: AsyncEngine) -> None:
    with pytest.raises(DBAPIError) as caught:  # noqa: PT012 - the block is what is tested
        async with unit_of_work(single) as connection:
            await _terminate(owner, (await connection.execute(_PID)).scalar_one())
            await connection.execute(text("SELECT 1"))
    assert is_outage(caught.value)
    assert await _pid(single) > 0


async def test_a_process_that_stands_still_keeps_no_lock(
    fresh_database: DatabaseUrls, owner: AsyncEngine
) -> None:
    """Not even one that stopped after it had a statement described and before it ran it.

    To PostgreSQL such a session is at work, and the limit for idle transactions passes it by.
    """
    stopped = make_engine(fresh_database.execution, "tests-stopped", transaction_timeout_s=1.0)

    async def is_free() -> bool:
        return await column(owner, "SELECT pg_try_advisory_lock(1234)") == [True]

    with pytest.raises(DBAPIError) as caught:  # noqa: PT012 - the block is what is tested
        async with unit_of_work(stopped) as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(1234)"))
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            await raw.prepare("SELECT 1")
            state = "SELECT state FROM pg_stat_activity WHERE application_name = 'tests-stopped'"
            assert await column(owner, state) == ["active"]
            await eventually(is_free, "the lock is free")
            await connection.execute(text("SELECT 1"))
    assert is_outage(caught.value)
    await stopped.dispose()


async def test_what_was_read_is_not_lost_with_the_connection(
    single: AsyncEngine, owner: AsyncEngine
) -> None:
    """Nothing depends on the rollback that gives the connection back."""
    async with read_only(single) as connection:
        pid = (await connection.execute(_PID)).scalar_one()
        await _terminate(owner, pid)
    async with unit_of_work(single) as connection:
        assert (await connection.execute(_PID)).scalar_one() != pid


async def test_what_was_read_does_not_wait_for_the_rollback(single: AsyncEngine) -> None:
    """A server process that stands still, or a link gone dead: no answer ever comes."""
    pid = await _pid(single)
    try:
        async with read_only(single) as connection:
            assert (await connection.execute(_PID)).scalar_one() == pid
            os.kill(pid, signal.SIGSTOP)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await _pid(single) != pid


async def test_a_slow_statement_is_ended_and_is_no_outage(single: AsyncEngine) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with unit_of_work(single) as connection:
            await connection.execute(text("SELECT pg_sleep(30)"))
    assert not is_outage(caught.value)
    assert not is_contention(caught.value)


async def test_a_full_pool_says_so_in_time(single: AsyncEngine) -> None:
    async with unit_of_work(single):
        with pytest.raises(DatabaseAway) as caught:
            await _pid(single)
    assert caught.value.code == "db.pool_exhausted"


async def test_no_server_says_so_in_time() -> None:
    nowhere = make_engine("postgresql://nobody@/nothing?host=/nonexistent", "tests")
    with pytest.raises(DatabaseAway) as caught:
        await _pid(nowhere)
    assert caught.value.code == "db.unreachable"
    await nowhere.dispose()


async def test_a_lock_held_by_another_passes_like_an_outage(
    engine: AsyncEngine, single: AsyncEngine
) -> None:
    (said,) = await say(engine, 1)
    take = text("SELECT id FROM outbox WHERE event_id = :id FOR UPDATE NOWAIT")
    async with unit_of_work(engine) as holder:
        await holder.execute(take, {"id": said.id})
        with pytest.raises(DBAPIError) as caught:
            async with unit_of_work(single) as connection:
                await connection.execute(take, {"id": said.id})
    assert is_contention(caught.value)
    assert is_outage(caught.value)


async def test_a_fraction_in_json_is_read_exactly(engine: AsyncEngine) -> None:
    from decimal import Decimal

    (value,) = await column(engine, """SELECT '{"p": 0.1}'::jsonb""")
    assert value == {"p": Decimal("0.1")}


async def _terminate(owner: AsyncEngine, pid: int) -> None:
    async with unit_of_work(owner) as connection:
        query = text("SELECT pg_terminate_backend(:pid, 2000)")
        assert (await connection.execute(query, {"pid": pid})).scalar_one()
