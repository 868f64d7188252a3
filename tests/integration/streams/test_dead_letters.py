"""A dead letter is seen, and can be given a second life or none."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.envelope import Envelope
from shared.db import dead_letters
from shared.db.inbox import Inbox
from tests.integration.streams.helpers import (
    consumer,
    effects,
    eventually,
    make_effects,
    running,
    say,
)


@pytest.fixture
async def dead(engine: AsyncEngine, owner: AsyncEngine) -> Envelope:
    await make_effects(owner)
    (said,) = await say(engine, 1)
    inbox = Inbox(engine, "tests")
    await inbox.count_attempt(said, "ValueError: no")
    assert await inbox.bury(said, "ValueError", "no")
    return said


async def test_a_letter_tells_its_story(engine: AsyncEngine, dead: Envelope) -> None:
    (letter,) = await dead_letters.waiting(engine)
    assert letter.envelope == dead
    assert (letter.consumer, letter.error_class, letter.error) == ("tests", "ValueError", "no")
    assert letter.attempts == 1
    assert letter.first_seen_at <= letter.died_at
    assert await dead_letters.waiting(engine, "others") == []
    assert await dead_letters.count(engine) == 1


async def test_a_burial_is_done_once(engine: AsyncEngine, dead: Envelope) -> None:
    assert not await Inbox(engine, "tests").bury(dead, "ValueError", "again")
    assert await dead_letters.count(engine, "tests") == 1


async def test_a_replayed_letter_acts(engine: AsyncEngine, redis: Redis, dead: Envelope) -> None:
    async with running(consumer(engine, redis).run):
        await say(engine, 2)
        await eventually(lambda: _are(engine, [2]), "the sweep has passed the dead letter")
        (letter,) = await dead_letters.waiting(engine)
        assert await dead_letters.replay(engine, letter.letter_id)
        await eventually(lambda: _are(engine, [2, 1]), "the second life")
    assert not await dead_letters.replay(engine, letter.letter_id)
    assert await dead_letters.count(engine) == 0


async def test_a_replay_finds_the_event_even_after_its_row_is_gone(
    engine: AsyncEngine, dead: Envelope
) -> None:
    from datetime import timedelta

    from shared.db import outbox

    await outbox.Outbox(engine).mark_published([dead.id])
    assert await outbox.delete_expired(engine, timedelta(0), limit=10) == 1
    (letter,) = await dead_letters.waiting(engine)
    assert await dead_letters.replay(engine, letter.letter_id)
    assert await outbox.Outbox(engine).read([dead.id]) == [dead]


async def test_a_dropped_letter_stays_dead(engine: AsyncEngine, dead: Envelope) -> None:
    (letter,) = await dead_letters.waiting(engine)
    assert await dead_letters.drop(engine, letter.letter_id) == dead.id
    assert await dead_letters.drop(engine, letter.letter_id) is None
    async with Inbox(engine, "tests").once(dead) as connection:
        assert connection is None


async def _are(engine: AsyncEngine, numbers: list[int]) -> bool:
    return await effects(engine) == numbers
