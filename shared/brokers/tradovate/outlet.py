"""Where facts leave the adapter: bounded, and never with a hole in it.

A snapshot is not queued but told from the store when the reader is ready for it, so its size
needs no room. Whatever overflows the queue is dropped for a new snapshot: the store knows it all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from shared.brokers.tradovate.limits import FACTS_QUEUED_MAX
from shared.ports.broker import Fact, FeedLost, QuoteFact, Synced
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

log = get_logger(__name__)


class FactOutlet:
    """Facts for one reader at a time."""

    def __init__(
        self,
        everything: Callable[[], Sequence[Fact]],
        clock: Clock,
        queued_max: int = FACTS_QUEUED_MAX,
    ) -> None:
        self._everything = everything
        self._clock = clock
        self._queued_max = queued_max
        self._queue: deque[Fact] = deque()
        self._wake = asyncio.Event()
        self._in_sync = False
        self._start_over = False
        self._told_lost = False

    @property
    def in_sync(self) -> bool:
        return self._in_sync

    def push(self, facts: Sequence[Fact]) -> None:
        """Facts of the live feed; before the feed is in sync the snapshot will tell them."""
        if not self._in_sync or not facts:
            return
        if len(self._queue) + len(facts) > self._queued_max:
            log.error("broker_facts_overflow", queued=len(self._queue))
            self._queue.clear()
            self._start_over = True
        else:
            self._queue.extend(facts)
        self._wake.set()

    def synced(self) -> None:
        """The store holds a complete snapshot: it is told next, instead of what is queued."""
        self._in_sync, self._start_over, self._told_lost = True, True, False
        self._queue.clear()
        self._wake.set()

    def lost(self, reason: str) -> None:
        if self._told_lost:
            return
        self._in_sync, self._told_lost = False, True
        self._queue.append(FeedLost(reason))
        self._wake.set()

    async def stream(self) -> AsyncIterator[Fact]:
        """The facts, from a snapshot on; a new reader begins with a snapshot of its own."""
        self._start_over = True
        while True:
            while self._queue or (self._start_over and self._in_sync):
                if self._start_over and self._in_sync:
                    self._start_over = False
                    self._queue.clear()
                    synced = Synced(self._clock.now())
                    for fact in self._everything():
                        yield fact
                    yield synced
                else:
                    yield self._queue.popleft()
            self._wake.clear()
            await self._wake.wait()


class QuoteOutlet:
    """The newest quote of each contract; a slow reader misses the ones between."""

    def __init__(self) -> None:
        self._newest: dict[str, QuoteFact] = {}
        self._wake = asyncio.Event()

    def push(self, quote: QuoteFact) -> None:
        self._newest[quote.contract] = quote
        self._wake.set()

    async def stream(self) -> AsyncIterator[QuoteFact]:
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._newest = self._newest, {}
            for quote in batch.values():
                yield quote
