"""A live view sees every event, whatever happens to Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.envelope import Envelope
from shared.contracts.streams import EVENTS
from shared.db.outbox import Outbox
from shared.db.uow import unit_of_work
from shared.streams import tail as tail_module
from shared.streams.publisher import xadd
from shared.streams.tail import Tail
from tests.integration.streams.helpers import CLOCK, add, eventually, running, say
from tests.integration.streams.servers import Valkey


class View:
    def __init__(self, engine: AsyncEngine, redis: Redis) -> None:
        self.seen: list[object] = []
        self.tail = Tail(
            [EVENTS], outbox=Outbox(engine), redis=redis, clock=CLOCK, on_event=self._show
        )

    def _show(self, envelope: Envelope) -> None:
        self.seen.append(envelope.body["number"])

    async def has(self, number: int) -> bool:
        return number in self.seen

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        await self.tail.start()
        async with running(self.tail.run):
            yield


@pytest.fixture
def view(engine: AsyncEngine, redis: Redis) -> View:
    return View(engine, redis)


async def test_what_was_said_before_the_start_is_the_snapshots(
    engine: AsyncEngine, redis: Redis, view: View
) -> None:
    await xadd(redis, await say(engine, 1, 2))
    async with view.open():
        await xadd(redis, await say(engine, 3))
        await eventually(lambda: view.has(3), "the new event")
        await say(engine, 4)
        await eventually(lambda: view.has(4), "a sweep has passed")
    assert view.seen == [3, 4]


async def test_what_is_said_between_start_and_run_is_seen(
    engine: AsyncEngine, redis: Redis, view: View
) -> None:
    await view.tail.start()
    await xadd(redis, await say(engine, 1))
    async with running(view.tail.run):
        await eventually(lambda: view.has(1), "the event of the gap")


async def test_an_event_whose_bell_never_rang_is_caught_once(
    engine: AsyncEngine, redis: Redis, view: View
) -> None:
    async with view.open():
        (unheard,) = await say(engine, 1)
        await eventually(lambda: view.has(1), "caught by the net")
        await xadd(redis, [unheard, *(await say(engine, 2))])
        await eventually(lambda: view.has(2), "the stream goes on")
    assert view.seen == [1, 2]


async def test_flushall_neither_loses_nor_repeats(
    engine: AsyncEngine, redis: Redis, view: View
) -> None:
    async with view.open():
        await xadd(redis, await say(engine, 1))
        await eventually(lambda: view.has(1), "the first")
        await redis.flushall()
        await xadd(redis, await say(engine, 2))
        await redis.flushall()
        await say(engine, 3)
        await eventually(lambda: view.has(2), "the second")
        await eventually(lambda: view.has(3), "the third")
    assert sorted(view.seen, key=str) == [1, 2, 3]


async def test_a_stream_that_begins_again_below_the_remembered_id_is_read_again(
    engine: AsyncEngine, redis: Redis, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a fail-over to a server whose clock is behind."""
    # Without the net, so that only the stream can bring it.
    monkeypatch.setattr(tail_module, "SWEEP_EVERY_S", 600.0)
    await redis.xadd(EVENTS, {b"e": b"{}"}, id="99999999999999-0")
    async with view.open():
        await redis.flushall()
        await xadd(redis, await say(engine, 1))
        await eventually(lambda: view.has(1), "the rewound stream")


async def test_a_restart_of_redis_is_survived(
    engine: AsyncEngine, redis: Redis, view: View, valkey_server: Valkey
) -> None:
    async with view.open():
        valkey_server.kill()
        try:
            await say(engine, 1)
            await eventually(lambda: view.has(1), "the net while Redis is away")
        finally:
            valkey_server.start()
        await xadd(redis, await say(engine, 2))
        await eventually(lambda: view.has(2), "the stream afterwards")
    assert view.seen == [1, 2]


async def test_a_start_without_redis_works(
    engine: AsyncEngine, view: View, valkey_server: Valkey
) -> None:
    await say(engine, 1)
    valkey_server.kill()
    try:
        async with view.open():
            await say(engine, 2)
            await eventually(lambda: view.has(2), "the net")
    finally:
        valkey_server.start()
    assert view.seen == [2]


async def test_a_late_commit_is_caught(engine: AsyncEngine, view: View) -> None:
    async with view.open():
        async with unit_of_work(engine) as late:
            await add(late, 1)
            await say(engine, 2)
            await eventually(lambda: view.has(2), "the later row")
        await eventually(lambda: view.has(1), "the earlier row, committed last")
    assert view.seen == [2, 1]


async def test_more_than_a_page_at_start_is_taken_as_seen(engine: AsyncEngine, view: View) -> None:
    await say(engine, *range(tail_module.BATCH_MAX + 20))
    async with view.open():
        await say(engine, 5_000)
        await eventually(lambda: view.has(5_000), "the new one")
    assert view.seen == [5_000]


async def test_an_error_in_a_view_is_loud(engine: AsyncEngine, redis: Redis) -> None:
    def broken(_envelope: Envelope) -> None:
        raise LookupError("no such socket")

    tail = Tail([EVENTS], outbox=Outbox(engine), redis=redis, clock=CLOCK, on_event=broken)
    await tail.start()
    await xadd(redis, await say(engine, 1))
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.timeout(10):
            await tail.run()
    assert caught.group_contains(LookupError)
