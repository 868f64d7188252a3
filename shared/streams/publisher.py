"""The fast path: ring the bell right after the commit.

Nothing here is needed for safety. What is dropped, fails or dies half-way is still unpublished in
the outbox, and the relay rings for it within a second.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

from redis.exceptions import RedisError

from shared.contracts.envelope import Envelope
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger
from shared.runtime.metrics import counter
from shared.streams.outage import Outage
from shared.streams.record import OutboxPort

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = get_logger(__name__)

FIELD: Final = b"e"
# As the client's types want it.
Fields = dict[
    bytes | bytearray | memoryview | str | int | float,
    bytes | bytearray | memoryview | str | int | float,
]
WAITING_MAX: Final = 10_000
BATCH_MAX: Final = 500
T = TypeVar("T")
# While Redis is away nobody waits for it: it is tried once in this time.
RETRY_AFTER_S: Final = 0.5
# Marks are gathered this long: a mark per event would double the commits of the hot path.
MARK_EVERY_S: Final = 0.1

_published = counter("tm_streams_published_total", "entries added to a stream", ("stream",))
_left = counter("tm_streams_left_to_relay_total", "events the fast path did not publish")


async def xadd(redis: Redis, envelopes: Sequence[Envelope]) -> None:
    """Add entries in one round trip, in order. Raises `RedisError` or `OSError`."""
    async with redis.pipeline(transaction=False) as pipe:
        for envelope in envelopes:
            pipe.xadd(envelope.stream, {FIELD: envelope.to_bytes()})
        await pipe.execute()
    for stream, many in Counter(envelope.stream for envelope in envelopes).items():
        _published.labels(stream).inc(many)


class Publisher:
    """Publishes the events of this process.

    `offer` costs the caller nothing, `run` does the work; `flush` is for who wants it done now.
    """

    def __init__(self, redis: Redis, outbox: OutboxPort, clock: Clock) -> None:
        self._redis = redis
        self._outbox = outbox
        self._clock = clock
        self._waiting: asyncio.Queue[Envelope] = asyncio.Queue(WAITING_MAX)
        self._unmarked: asyncio.Queue[UUID] = asyncio.Queue(WAITING_MAX)
        self._redis_outage = Outage("redis (publishing)", clock)
        self._mark_outage = Outage("postgresql (marking)", clock)
        self._quiet_until_s = 0.0

    def offer(self, envelopes: Iterable[Envelope]) -> None:
        """Publish soon, in this order. Call it after the commit, never before."""
        for envelope in envelopes:
            try:
                self._waiting.put_nowait(envelope)
            except asyncio.QueueFull:
                _left.inc()

    async def flush(self, envelopes: Sequence[Envelope]) -> bool:
        """Publish now; False (and no exception) when Redis is away. Marks follow in `run`."""
        if not envelopes:
            return True
        if self._clock.monotonic() < self._quiet_until_s:
            _left.inc(len(envelopes))
            return False
        try:
            await xadd(self._redis, envelopes)
        except (RedisError, OSError) as error:
            self._redis_outage.failed(error)
            self._quiet_until_s = self._clock.monotonic() + RETRY_AFTER_S
            _left.inc(len(envelopes))
            return False
        self._redis_outage.worked()
        for envelope in envelopes:
            if not self._unmarked.full():
                self._unmarked.put_nowait(envelope.id)
        return True

    async def run(self) -> None:
        """For ever: publish what was offered, mark what was published."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish_offered())
            tasks.create_task(self._mark())

    async def _publish_offered(self) -> None:
        while True:
            await self.flush(await _take(self._waiting))

    async def _mark(self) -> None:
        while True:
            event_ids = await _take(self._unmarked)
            try:
                await self._outbox.mark_published(event_ids)
                self._mark_outage.worked()
            except Exception as error:
                if not self._outbox.is_outage(error):
                    raise
                self._mark_outage.failed(error)
                await self._mark_outage.pause()
            await self._clock.sleep(MARK_EVERY_S)


async def _take(queue: asyncio.Queue[T]) -> list[T]:
    """Everything that waits now, at least one, at most a batch."""
    batch = [await queue.get()]
    while len(batch) < BATCH_MAX and not queue.empty():
        batch.append(queue.get_nowait())
    return batch
