"""What the fast path leaves, the relay publishes; what every group has read, it trims."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.envelope import Envelope
from shared.contracts.registry import UnregisteredEventError
from shared.contracts.streams import EVENTS
from shared.db import inbox, outbox
from shared.db.outbox import Outbox
from shared.db.uow import unit_of_work
from shared.relay import Relay
from shared.streams import client
from shared.streams.publisher import Publisher, xadd
from shared.streams.trim import trim
from tests.integration.streams.helpers import (
    CLOCK,
    NOON,
    Rang,
    add,
    column,
    eventually,
    running,
    say,
)
from tests.integration.streams.servers import Valkey

_UNPUBLISHED = "SELECT count(*) FROM outbox WHERE published_at IS NULL"


async def _published(redis: Redis) -> list[Envelope]:
    return [Envelope.from_bytes(fields[b"e"]) for _, fields in await redis.xrange(EVENTS)]


async def _all_marked(engine: AsyncEngine) -> bool:
    return await column(engine, _UNPUBLISHED) == [0]


async def test_an_event_travels_unchanged(engine: AsyncEngine, redis: Redis) -> None:
    said = await say(engine, 1)
    async with running(Relay(engine, redis, CLOCK).run):
        await eventually(lambda: _all_marked(engine), "published and marked")
    assert await _published(redis) == said


async def test_the_same_event_twice_is_one(engine: AsyncEngine) -> None:
    event_id = uuid4()
    async with unit_of_work(engine) as connection:
        first = await _add(connection, event_id)
        second = await _add(connection, event_id)
    assert (first.is_new, second.is_new) == (True, False)
    assert await column(engine, "SELECT count(*) FROM outbox") == [1]


async def test_an_unregistered_event_cannot_be_said(engine: AsyncEngine) -> None:
    class Stray(Rang):
        pass

    async with unit_of_work(engine) as connection:
        with pytest.raises(UnregisteredEventError):
            await outbox.add(
                connection,
                Stray(number=1),
                event_id=uuid4(),
                correlation_id="c",
                user_id=None,
                aggregate="bell:1",
                occurred_at=NOON,
            )


async def test_two_relays_publish_everything_once(engine: AsyncEngine, redis: Redis) -> None:
    said = await say(engine, *range(1_200))
    relays = [Relay(engine, redis, CLOCK), Relay(engine, redis, CLOCK)]
    async with running(*(relay.run for relay in relays)):
        await eventually(lambda: _all_marked(engine), "all marked")
    assert [envelope.id for envelope in await _published(redis)] == [e.id for e in said]


async def test_an_uncommitted_row_is_not_skipped(engine: AsyncEngine, redis: Redis) -> None:
    async with running(Relay(engine, redis, CLOCK).run):
        async with unit_of_work(engine) as late:
            await add(late, 1)
            await say(engine, 2)
            await eventually(lambda: _all_marked(engine), "the later row, committed first")
        await eventually(lambda: _is_published(redis, 1), "the earlier row, committed last")
    assert [e.body["number"] for e in await _published(redis)] == [2, 1]


async def test_a_row_being_marked_at_this_moment_is_left_alone(engine: AsyncEngine) -> None:
    (said,) = await say(engine, 1)
    at_once = timedelta(0)
    async with unit_of_work(engine) as marking:
        await outbox.mark_published(marking, [said.id])
        async with unit_of_work(engine) as sweeping:
            assert await outbox.take_unpublished(sweeping, older_than=at_once, limit=10) == []


async def test_redis_away_delays_and_loses_nothing(
    engine: AsyncEngine, redis: Redis, valkey_server: Valkey
) -> None:
    publishing = client.publishing(valkey_server.url, "relay")
    async with running(Relay(engine, publishing, CLOCK).run):
        valkey_server.kill()
        try:
            await say(engine, 1)
            await asyncio.wait_for(_failed_once(engine), 10)
        finally:
            valkey_server.start()
        await eventually(lambda: _all_marked(engine), "published when Redis is back")
    await publishing.aclose()
    assert len(await _published(redis)) == 1


async def test_a_crash_between_publishing_and_marking_only_repeats(
    engine: AsyncEngine, redis: Redis
) -> None:
    said = await say(engine, 1)
    await xadd(redis, said)  # and then the process died
    async with running(Relay(engine, redis, CLOCK).run):
        await eventually(lambda: _all_marked(engine), "marked")
    assert [e.id for e in await _published(redis)] == [said[0].id, said[0].id]


async def test_the_fast_path_publishes_in_order_and_marks_later(
    engine: AsyncEngine, redis: Redis
) -> None:
    publisher = Publisher(redis, Outbox(engine), CLOCK)
    said = await say(engine, *range(10))
    publisher.offer(said)
    async with running(publisher.run):
        await eventually(lambda: _all_marked(engine), "marked")
    assert [e.id for e in await _published(redis)] == [e.id for e in said]
    assert await Relay(engine, redis, CLOCK).sweep() == 0


async def test_the_fast_path_neither_raises_nor_waits_when_redis_is_away(
    engine: AsyncEngine, valkey_server: Valkey
) -> None:
    publishing = client.publishing(valkey_server.url, "fast")
    publisher = Publisher(publishing, Outbox(engine), CLOCK)
    said = await say(engine, 1)
    valkey_server.kill()
    try:
        assert not await publisher.flush(said)
        quickest_s = float("inf")
        for _ in range(20):
            began_s = CLOCK.monotonic()
            assert not await publisher.flush(said)
            quickest_s = min(quickest_s, CLOCK.monotonic() - began_s)
        assert quickest_s < client.PUBLISH_TIMEOUT_S / 20
    finally:
        valkey_server.start()
    await publishing.aclose()
    assert await column(engine, _UNPUBLISHED) == [1]


async def test_trimming_spares_what_a_group_still_needs(redis: Redis) -> None:
    seconds, _ = await redis.time()
    hour_ago_ms = int(seconds) * 1_000 - 3_600_000
    for number in range(10):
        await redis.xadd(EVENTS, {b"e": b"x"}, id=f"{hour_ago_ms + number}-0")
    await redis.xadd(EVENTS, {b"e": b"young"})
    await redis.xgroup_create(EVENTS, "slow", id="0")
    await redis.xgroup_create(EVENTS, "fast", id="0")
    await redis.xreadgroup("fast", "1", {EVENTS: ">"})
    await redis.xreadgroup("slow", "1", {EVENTS: ">"}, count=6)
    # Of six delivered, the fourth was never acknowledged.
    await redis.xack(EVENTS, "slow", *(f"{hour_ago_ms + n}-0" for n in (0, 1, 2, 4, 5)))
    await redis.xack(EVENTS, "fast", *(f"{hour_ago_ms + n}-0" for n in range(10)))

    assert await trim(redis, [EVENTS, "tm.nobody"]) == 3
    assert (await redis.xrange(EVENTS))[0][0] == f"{hour_ago_ms + 3}-0".encode()

    await redis.xack(EVENTS, "slow", f"{hour_ago_ms + 3}-0")
    assert await trim(redis, [EVENTS]) == 3, "up to the last delivered; four were never read"
    await redis.xreadgroup("slow", "1", {EVENTS: ">"})
    pending = await redis.xpending_range(EVENTS, "slow", "-", "+", 100)
    await redis.xack(EVENTS, "slow", *(entry["message_id"] for entry in pending))
    assert await trim(redis, [EVENTS]) == 4
    assert [fields for _, fields in await redis.xrange(EVENTS)] == [{b"e": b"young"}]


async def test_a_group_nobody_reads_any_more_cannot_fill_the_memory(redis: Redis) -> None:
    seconds, _ = await redis.time()
    two_days_ago_ms = (int(seconds) - 2 * 86_400) * 1_000
    await redis.xadd(EVENTS, {b"e": b"x"}, id=f"{two_days_ago_ms}-0")
    await redis.xgroup_create(EVENTS, "retired", id="0")
    assert await trim(redis, [EVENTS]) == 1


async def test_retention_deletes_old_published_rows_only(engine: AsyncEngine) -> None:
    old_sent, old_unsent, young_sent = await say(engine, 1, 2, 3)
    box = Outbox(engine)
    await box.mark_published([old_sent.id, young_sent.id])
    async with unit_of_work(engine) as connection:
        await connection.execute(
            text(
                "UPDATE outbox SET created_at = now() - interval '8 days' WHERE event_id = ANY(:i)"
            ),
            {"i": [old_sent.id, old_unsent.id]},
        )
    assert await outbox.delete_expired(engine, timedelta(days=7), limit=10) == 1
    assert await column(engine, "SELECT event_id FROM outbox ORDER BY id") == [
        old_unsent.id,
        young_sent.id,
    ]
    assert await box.oldest_unpublished_age_s() > timedelta(days=7).total_seconds()


async def test_retention_deletes_old_inbox_marks(engine: AsyncEngine) -> None:
    old, young = await say(engine, 1, 2)
    box = inbox.Inbox(engine, "tests")
    for envelope in (old, young):
        async with box.once(envelope):
            pass
    async with unit_of_work(engine) as connection:
        await connection.execute(
            text("UPDATE inbox SET handled_at = now() - interval '9 days' WHERE event_id = :i"),
            {"i": old.id},
        )
    assert await inbox.delete_expired(engine, timedelta(days=8), limit=10) == 1
    assert await column(engine, "SELECT event_id FROM inbox") == [young.id]


async def _is_published(redis: Redis, number: int) -> bool:
    return any(e.body["number"] == number for e in await _published(redis))


async def _failed_once(engine: AsyncEngine) -> None:
    """The row is old enough for a sweep to have tried it."""

    async def tried() -> bool:
        return await Outbox(engine).oldest_unpublished_age_s() > 1.5

    await eventually(tried, "a sweep tried in vain")


async def _add(connection: AsyncConnection, event_id: UUID) -> outbox.Added:
    return await outbox.add(
        connection,
        Rang(number=1),
        event_id=event_id,
        correlation_id="c",
        user_id=None,
        aggregate="bell:1",
        occurred_at=NOON,
    )
