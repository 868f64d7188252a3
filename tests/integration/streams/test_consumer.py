"""One effect per event, whatever way and however often it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.envelope import Envelope
from shared.contracts.registry import EventBody
from shared.contracts.streams import EVENTS, dlq
from shared.db.inbox import Inbox, Page
from shared.db.uow import unit_of_work
from shared.streams.consumer import ATTEMPTS_MAX, TOGETHER_MAX, Consumer, Said
from shared.streams.lag import group_lag
from shared.streams.publisher import xadd
from tests.integration.streams.helpers import (
    CLOCK,
    NOON,
    Rang,
    add,
    column,
    consumer,
    each_of,
    effect,
    effects,
    eventually,
    make_effects,
    running,
    say,
)
from tests.integration.streams.servers import Valkey


@pytest.fixture(autouse=True)
async def _effects(owner: AsyncEngine) -> None:
    await make_effects(owner)


async def _acknowledged(redis: Redis) -> bool:
    return await group_lag(redis, EVENTS, "tests") == 0


async def test_each_entry_acts_once_though_delivered_three_times(
    engine: AsyncEngine, redis: Redis
) -> None:
    said = await say(engine, 1, 2, 3)
    await xadd(redis, [*said, *said, *said])

    async with running(consumer(engine, redis).run):
        await eventually(lambda: _acknowledged(redis), "everything acknowledged")

    assert await effects(engine) == [1, 2, 3]


class _Counting(Inbox):
    """Counts the transactions that events cost."""

    asked = 0

    @asynccontextmanager
    async def once(self, envelope: Envelope) -> AsyncGenerator[AsyncConnection | None]:
        self.asked += 1
        async with super().once(envelope) as connection:
            yield connection


async def test_what_is_handled_costs_no_second_transaction(
    engine: AsyncEngine, redis: Redis
) -> None:
    """Behind by a second or more, the stream and the sweep bring the same events."""
    inbox = _Counting(engine, "tests")
    said = await say(engine, 1, 2, 3)
    await xadd(redis, [*said, *said, *said])
    reader = Consumer(
        "tests",
        streams=[EVENTS],
        types=[Rang.type],
        handler=effect,
        inbox=inbox,
        redis=redis,
        clock=CLOCK,
    )
    async with running(reader.run):
        await eventually(lambda: _acknowledged(redis), "everything acknowledged")
    assert await effects(engine) == [1, 2, 3]
    assert inbox.asked == 3


async def test_what_came_together_costs_one_transaction(engine: AsyncEngine, redis: Redis) -> None:
    runs: list[int] = []

    async def together(connection: AsyncConnection, said: Sequence[Said]) -> None:
        runs.append(len(said))
        for each in said:
            await effect(connection, *each)

    said = await say(engine, *range(2 * TOGETHER_MAX))
    await xadd(redis, [*said, *said])
    async with running(consumer(engine, redis, together=together).run):
        await eventually(lambda: _acknowledged(redis), "everything acknowledged")
    assert await effects(engine) == [*range(2 * TOGETHER_MAX)]
    assert runs == [TOGETHER_MAX, TOGETHER_MAX]


async def test_of_what_came_together_only_the_poisoned_dies(
    engine: AsyncEngine, redis: Redis
) -> None:
    async def poison(connection: AsyncConnection, envelope: Envelope, body: EventBody) -> None:
        if envelope.id == said[3].id:
            raise LookupError
        await effect(connection, envelope, body)

    said = await say(engine, *range(10))
    await xadd(redis, said)
    async with running(consumer(engine, redis, poison, together=each_of(poison)).run):
        await eventually(lambda: _acknowledged(redis), "everything acknowledged")
    assert await effects(engine) == [each for each in range(10) if each != 3]
    assert await column(engine, "SELECT event_id FROM dead_letters") == [said[3].id]


async def test_two_processes_share_one_inbox(engine: AsyncEngine, redis: Redis) -> None:
    said = await say(engine, *range(50))
    await xadd(redis, said)
    first, second = consumer(engine, redis), consumer(engine, redis, together=each_of(effect))

    async with running(first.run, second.run):
        await xadd(redis, said)
        await eventually(lambda: _acknowledged(redis), "everything acknowledged")

    assert sorted(await effects(engine)) == list(range(50))


async def test_a_crash_between_commit_and_acknowledgement_repeats_nothing(
    engine: AsyncEngine, redis: Redis
) -> None:
    await xadd(redis, await say(engine, 1))
    committed = asyncio.Event()

    async def never_returns(_envelope: Envelope) -> None:
        committed.set()
        await asyncio.Event().wait()

    async with running(consumer(engine, redis, after_commit=never_returns).run):
        await committed.wait()
    assert await group_lag(redis, EVENTS, "tests") == 1, "committed, and not acknowledged"

    async with running(consumer(engine, redis).run):
        await eventually(lambda: _acknowledged(redis), "the left entry acknowledged")

    assert await effects(engine) == [1]
    assert await column(engine, "SELECT attempts FROM message_attempts") == []


async def test_a_crash_before_commit_loses_nothing(engine: AsyncEngine, redis: Redis) -> None:
    await xadd(redis, await say(engine, 1))
    begun = asyncio.Event()

    async def hangs(connection: AsyncConnection, envelope: Envelope, body: EventBody) -> None:
        await effect(connection, envelope, body)
        begun.set()
        await asyncio.Event().wait()

    async with running(consumer(engine, redis, hangs).run):
        await begun.wait()
    assert await effects(engine) == []

    async with running(consumer(engine, redis).run):
        await eventually(lambda: _acknowledged(redis), "the left entry acknowledged")
    assert await effects(engine) == [1]


async def test_flushall_in_the_middle_loses_nothing(engine: AsyncEngine, redis: Redis) -> None:
    async with running(consumer(engine, redis).run):
        await xadd(redis, await say(engine, *range(20)))
        await redis.flushall()
        unheard = await say(engine, *range(20, 30))
        await redis.flushall()

        async def all_there() -> bool:
            return sorted(await effects(engine)) == list(range(30))

        await eventually(all_there, "all effects")
        # The group was made again, so the stream rings as before.
        await xadd(redis, [*unheard, *(await say(engine, 30))])
        await eventually(lambda: _acknowledged(redis), "the new group reads")
        await eventually(lambda: _has(engine, 30), "the newest effect")

    assert sorted(await effects(engine)) == list(range(31))


async def test_without_redis_the_sweep_brings_everything(
    engine: AsyncEngine, redis: Redis, valkey_server: Valkey
) -> None:
    async with running(consumer(engine, redis).run):
        await xadd(redis, await say(engine, 1))
        await eventually(lambda: _has(engine, 1), "the first effect")
        valkey_server.kill()
        try:
            await say(engine, 2)
            await eventually(lambda: _has(engine, 2), "the effect while Redis is away")
        finally:
            valkey_server.start()
        await xadd(redis, await say(engine, 3))
        await eventually(lambda: _has(engine, 3), "the effect after Redis came back")

    assert await effects(engine) == [1, 2, 3]


async def test_a_poisoned_message_dies_and_the_queue_moves_on(
    engine: AsyncEngine, redis: Redis
) -> None:
    poisoned, healthy = await say(engine, 13, 14)
    tries = 0

    async def refuses_13(connection: AsyncConnection, envelope: Envelope, body: EventBody) -> None:
        nonlocal tries
        await effect(connection, envelope, body)
        if body == Rang(number=13):
            tries += 1
            raise ValueError("password=hunter2 does not fit")

    await xadd(redis, [poisoned, healthy])
    async with running(consumer(engine, redis, refuses_13).run):
        await eventually(lambda: _has(engine, 14), "the healthy one")
        await eventually(lambda: _acknowledged(redis), "both acknowledged")

    assert tries == ATTEMPTS_MAX
    assert await effects(engine) == [14]
    assert await column(engine, "SELECT event_id FROM dead_letters") == [poisoned.id]
    assert await column(engine, "SELECT error FROM dead_letters") == ["password=*** does not fit"]
    assert await column(engine, "SELECT attempts FROM dead_letters") == [ATTEMPTS_MAX]
    assert await redis.xlen(dlq("tests")) == 1
    assert await Inbox(engine, "tests").dead_letter_count() == 1


async def test_a_message_that_kills_its_process_dies_too(engine: AsyncEngine, redis: Redis) -> None:
    await xadd(redis, await say(engine, 1))
    kills = 0

    for _ in range(ATTEMPTS_MAX + 3):
        begun = asyncio.Event()

        async def kills_us(*_: object, begun: asyncio.Event = begun) -> None:
            begun.set()
            await asyncio.Event().wait()

        async with running(consumer(engine, redis, kills_us).run):
            waiting = asyncio.ensure_future(begun.wait())
            buried = asyncio.ensure_future(
                eventually(lambda: _buried(engine), "buried", within_s=20)
            )
            await asyncio.wait({waiting, buried}, return_when=asyncio.FIRST_COMPLETED)
            kills += begun.is_set()
            waiting.cancel()
            buried.cancel()
            await asyncio.gather(waiting, buried, return_exceptions=True)

    assert kills == ATTEMPTS_MAX
    assert await column(engine, "SELECT error_class FROM dead_letters") == ["Abandoned"]


async def test_an_entry_that_is_no_envelope_is_passed_over(
    engine: AsyncEngine, redis: Redis
) -> None:
    await redis.xadd(EVENTS, {b"e": b"{not json"})
    await redis.xadd(EVENTS, {b"other": b"field"})
    await xadd(redis, await say(engine, 1))
    async with running(consumer(engine, redis).run):
        await eventually(lambda: _acknowledged(redis), "all acknowledged")
    assert await effects(engine) == [1]


async def test_a_late_commit_with_a_low_number_is_not_skipped(
    engine: AsyncEngine, redis: Redis
) -> None:
    """Row numbers are taken before commit: the sweep must not have passed the gap."""
    async with running(consumer(engine, redis).run):
        async with unit_of_work(engine) as late:
            await add(late, 1)
            await say(engine, 2)
            await eventually(lambda: _has(engine, 2), "the later row, committed first")
        await eventually(lambda: _has(engine, 1), "the earlier row, committed last")
    assert await effects(engine) == [2, 1]


async def test_a_late_commit_below_settled_rows_keeps_the_floor_down(
    engine: AsyncEngine, redis: Redis
) -> None:
    inbox = Inbox(engine, "tests")
    async with unit_of_work(engine) as late:
        await add(late, 1)
        (seen,) = await say(engine, 2)
        async with inbox.once(seen):
            pass
        await _age_all(engine, seconds=30)
        page = await inbox.unhandled([EVENTS], [Rang.type], 0, 10)
        assert page == Page([], 0), "a row half a minute old proves nothing about lower numbers"
    await _age_all(engine, seconds=30)
    page = await inbox.unhandled([EVENTS], [Rang.type], page.floor, 10)
    assert [envelope.body for envelope in page.envelopes] == [{"number": 1}]


async def test_the_floor_rises_over_settled_and_handled_rows(engine: AsyncEngine) -> None:
    inbox = Inbox(engine, "tests")
    handled, open_, _ = await say(engine, 1, 2, 3)
    async with inbox.once(handled):
        pass
    await _age_all(engine, seconds=120)
    page = await inbox.unhandled([EVENTS], [Rang.type], 0, 10)
    assert page.envelopes[0].id == open_.id
    assert page.floor == 1
    assert page.envelopes[0].occurred_at == NOON


async def _has(engine: AsyncEngine, number: int) -> bool:
    return number in await effects(engine)


async def _buried(engine: AsyncEngine) -> bool:
    return bool(await column(engine, "SELECT id FROM dead_letters"))


async def _age_all(engine: AsyncEngine, seconds: int) -> None:
    from sqlalchemy import text

    async with unit_of_work(engine) as connection:
        await connection.execute(
            text("UPDATE outbox SET created_at = created_at - make_interval(secs => :s)"),
            {"s": seconds},
        )
