"""The relay: rings the bell for what the fast path did not publish, and keeps the house tidy.

It runs in every process that writes the outbox. One at a time sweeps (a transaction-level advisory
lock); if two ever did, the worst is that a bell rings twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.streams import INBOX_KEPT, OUTBOX_KEPT, RECORDED
from shared.db import inbox, outbox
from shared.db.failures import is_outage
from shared.db.uow import unit_of_work
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger
from shared.runtime.metrics import counter
from shared.streams.outage import Outage
from shared.streams.publisher import xadd
from shared.streams.trim import trim

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = get_logger(__name__)

EVERY_S: Final = 1.0
BATCH_MAX: Final = 500
# Long enough for the fast path to have published and marked its own rows.
UNSENT_AFTER: Final = timedelta(milliseconds=200)
TIDY_EVERY_S: Final = 60.0
DELETE_BATCH_MAX: Final = 5_000
DELETE_BATCHES_MAX: Final = 20  # in one round; the next round continues

# Any constant will do as long as nobody else uses it: "tmrelay" in ASCII.
_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(32769288420221305)")

_relayed = counter("tm_relay_published_total", "events the fast path left to the relay")


class Relay:
    """Sweeps each second, or sooner after `wake`; trims and deletes once a minute."""

    def __init__(self, engine: AsyncEngine, redis: Redis, clock: Clock) -> None:
        self._engine = engine
        self._redis = redis
        self._clock = clock
        self._wake = asyncio.Event()
        self._redis_outage = Outage("redis (relay)", clock)
        self._db_outage = Outage("postgresql (relay)", clock)

    def wake(self) -> None:
        """Look soon: something was committed that nobody published."""
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        tidy_at_s = self._clock.monotonic()
        while True:
            worked = await self._guarded(self.sweep)
            if worked and self._clock.monotonic() >= tidy_at_s:
                await self._guarded(self.tidy)
                tidy_at_s = self._clock.monotonic() + TIDY_EVERY_S
            await self._wait()

    async def sweep(self) -> int:
        """Publish everything unsent, oldest first; returns how many."""
        total = 0
        while True:
            async with unit_of_work(self._engine) as connection:
                count = await self._sweep_once(connection)
            total += count
            if count < BATCH_MAX:
                return total

    async def tidy(self) -> int:
        """Trim the streams, delete what is past its time; returns deleted rows."""
        await trim(self._redis, RECORDED)
        deleted = 0
        for delete, kept in (
            (outbox.delete_expired, OUTBOX_KEPT),
            (inbox.delete_expired, INBOX_KEPT),
        ):
            for _ in range(DELETE_BATCHES_MAX):
                count = await delete(self._engine, kept, limit=DELETE_BATCH_MAX)
                deleted += count
                if count < DELETE_BATCH_MAX:
                    break
        return deleted

    async def _sweep_once(self, connection: AsyncConnection) -> int:
        if not (await connection.execute(_LOCK)).scalar_one():
            return 0
        unsent = await outbox.take_unpublished(connection, older_than=UNSENT_AFTER, limit=BATCH_MAX)
        if unsent:
            await xadd(self._redis, unsent)
            await outbox.mark_published(connection, [envelope.id for envelope in unsent])
            _relayed.inc(len(unsent))
        return len(unsent)

    async def _guarded(self, work: Callable[[], Awaitable[int]]) -> bool:
        """Do one piece of work; False when something it needs is away."""
        try:
            await work()
        except RedisError as error:
            self._redis_outage.failed(error)
            await self._redis_outage.pause()
            return False
        except Exception as error:
            if not (is_outage(error) or isinstance(error, OSError)):
                raise
            self._db_outage.failed(error)
            await self._db_outage.pause()
            return False
        self._redis_outage.worked()
        self._db_outage.worked()
        return True

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(EVERY_S):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()
