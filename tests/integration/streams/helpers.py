"""An event of our own, a table of effects to count, and a way to wait for something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.envelope import Envelope
from shared.contracts.registry import EventBody, register
from shared.contracts.streams import EVENTS
from shared.db import outbox
from shared.db.inbox import Inbox
from shared.db.uow import unit_of_work
from shared.runtime.clock import SystemClock
from shared.streams.consumer import AfterCommit, Consumer, Handler, ManyHandler, Said

CLOCK = SystemClock()
NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)


@register
class Rang(EventBody):
    type: ClassVar[str] = "testing.rang.v1"
    stream: ClassVar[str] = EVENTS

    number: int


@register
class Ignored(EventBody):
    type: ClassVar[str] = "testing.ignored.v1"
    stream: ClassVar[str] = EVENTS


async def add(connection: AsyncConnection, number: int, event_id: UUID | None = None) -> Envelope:
    added = await outbox.add(
        connection,
        Rang(number=number),
        event_id=event_id or uuid4(),
        correlation_id=f"c{number}",
        user_id=None,
        aggregate=f"bell:{number}",
        occurred_at=NOON,
    )
    return added.envelope


async def say(engine: AsyncEngine, *numbers: int) -> list[Envelope]:
    """Commit these events; the bell is not rung."""
    async with unit_of_work(engine) as connection:
        return [await add(connection, number) for number in numbers]


async def make_effects(owner: AsyncEngine) -> None:
    async with unit_of_work(owner) as connection:
        await connection.execute(
            text("CREATE TABLE effects (id bigserial PRIMARY KEY, number int NOT NULL)")
        )
        await connection.execute(text("GRANT ALL ON effects TO PUBLIC"))
        await connection.execute(text("GRANT ALL ON SEQUENCE effects_id_seq TO PUBLIC"))


async def effect(connection: AsyncConnection, _envelope: Envelope, body: EventBody) -> None:
    assert isinstance(body, Rang)
    await connection.execute(
        text("INSERT INTO effects (number) VALUES (:number)"), {"number": body.number}
    )


async def effects(engine: AsyncEngine) -> list[int]:
    return await column(engine, "SELECT number FROM effects ORDER BY id")


async def column(engine: AsyncEngine, query: str) -> list[Any]:
    async with unit_of_work(engine) as connection:
        return list((await connection.execute(text(query))).scalars())


def consumer(
    engine: AsyncEngine,
    redis: Redis,
    handler: Handler = effect,
    *,
    name: str = "tests",
    together: ManyHandler | None = None,
    after_commit: AfterCommit | None = None,
) -> Consumer:
    return Consumer(
        name,
        streams=[EVENTS],
        types=[Rang.type],
        handler=handler,
        together=together,
        inbox=Inbox(engine, name),
        redis=redis,
        clock=CLOCK,
        after_commit=after_commit,
    )


def each_of(handler: Handler) -> ManyHandler:
    """What came together, one after the other in one transaction."""

    async def together(connection: AsyncConnection, said: Sequence[Said]) -> None:
        for envelope, body in said:
            await handler(connection, envelope, body)

    return together


@asynccontextmanager
async def running(*works: Callable[[], Awaitable[None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run these in the background; whatever one of them raised is raised here."""
    tasks = [asyncio.ensure_future(_run(work)) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def eventually(
    probe: Callable[[], Awaitable[bool]], what: str, within_s: float = 10.0
) -> None:
    try:
        async with asyncio.timeout(within_s):
            while not await probe():  # noqa: ASYNC110 - the thing waited for is in another process
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s: {what}") from None
