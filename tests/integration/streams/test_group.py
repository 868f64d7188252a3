"""A member reads its own leftovers, then new entries, then what dead members left."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from shared.contracts.streams import EVENTS, RECORDS
from shared.streams import group as module
from shared.streams.group import Delivery, Group
from shared.streams.lag import group_lag

BOTH = (EVENTS, RECORDS)


async def _ring(redis: Redis, *bodies: bytes, stream: str = EVENTS) -> None:
    for body in bodies:
        await redis.xadd(stream, {b"e": body})


async def _until_some(group: Group) -> list[Delivery]:
    for _ in range(module.CLAIM_EVERY_READS + 5):
        if found := await group.next():
            return found
    raise AssertionError("nothing was delivered")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_MS", 5)


async def test_own_pending_entries_come_first_and_are_marked(redis: Redis) -> None:
    await _ring(redis, b"1", b"2")
    await _ring(redis, b"3", stream=RECORDS)
    before = await _until_some(Group(redis, "g", "a", BOTH))
    assert [(d.raw, d.is_repeated) for d in before] == [
        (b"1", False), (b"2", False), (b"3", False),
    ]  # fmt: skip
    await _ring(redis, b"4")

    again = Group(redis, "g", "a", BOTH)
    assert [(d.raw, d.is_repeated) for d in await _until_some(again)] == [
        (b"1", True), (b"2", True), (b"3", True),
    ]  # fmt: skip
    assert [(d.raw, d.is_repeated) for d in await _until_some(again)] == [(b"4", False)]


async def test_more_own_entries_than_a_batch_are_all_read(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _ring(redis, *(b"%d" % n for n in range(7)))
    await _until_some(Group(redis, "g", "a", BOTH))
    monkeypatch.setattr(module, "BATCH_MAX", 3)
    again = Group(redis, "g", "a", BOTH)
    found = [delivery.raw for _ in range(3) for delivery in await again.next()]
    found += [d.raw for _ in range(2) for d in await again.next()]
    assert found == [b"%d" % n for n in range(7)]


async def test_a_dead_members_entries_are_claimed(redis: Redis) -> None:
    await _ring(redis, b"1")
    await _until_some(Group(redis, "g", "dead", BOTH))
    heir = Group(redis, "g", "heir", BOTH, min_idle_ms=0)
    (claimed,) = await _until_some(heir)
    assert (claimed.raw, claimed.is_repeated) == (b"1", True)
    assert await group_lag(redis, EVENTS, "g") == 1
    await heir.ack([claimed])
    assert await group_lag(redis, EVENTS, "g") == 0


async def test_a_living_members_entries_are_left_alone(redis: Redis) -> None:
    await _ring(redis, b"1")
    await _until_some(Group(redis, "g", "busy", BOTH))
    other = Group(redis, "g", "other", BOTH)
    for _ in range(module.CLAIM_EVERY_READS + 2):
        assert await other.next() == []


async def test_an_entry_whose_body_is_gone_is_let_go(redis: Redis) -> None:
    await _ring(redis, b"1")
    (delivery,) = await _until_some(Group(redis, "g", "a", BOTH))
    await redis.xdel(EVENTS, delivery.entry_id)
    assert await Group(redis, "g", "a", BOTH).next() == []
    assert await group_lag(redis, EVENTS, "g") == 0


async def test_a_group_that_vanished_is_made_again_from_the_beginning(redis: Redis) -> None:
    group = Group(redis, "g", "a", BOTH)
    await _ring(redis, b"1")
    await _until_some(group)
    await redis.flushall()
    await _ring(redis, b"2")
    assert await group_lag(redis, EVENTS, "g") == 1, "all of it, as nobody reads yet"
    (delivery,) = await _until_some(group)
    assert (delivery.raw, delivery.is_repeated) == (b"2", False)
