"""What keeps the desks true: events, snapshots, missing events, prices and the beat.

One tail for the whole process brings the events; its net is the outbox, so an emptied or absent
Redis delays frames by about a second and loses none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway import snapshot
from gateway.desk import Desk
from gateway.hub import Hub
from shared.contracts.controls import ControlSaid
from shared.contracts.envelope import Envelope
from shared.contracts.streams import EVENTS, RECORDS
from shared.contracts.ws import FrameType
from shared.db.failures import is_outage
from shared.db.outbox import Outbox
from shared.domain.ids import UserId
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger
from shared.runtime.metrics import counter
from shared.streams.outage import Outage
from shared.streams.quotes import Quote, QuoteStream
from shared.streams.tail import Tail

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = get_logger(__name__)
T = TypeVar("T")

HEARTBEAT_EVERY_S: Final = 2.0
FLUSH_EVERY_S: Final = 0.25
# An event that only took another way is here by then, and nothing has to be fetched.
MEND_AFTER_S: Final = 0.05
READERS: Final = 4  # snapshots read at once: a thousand clients at once must not take the database

_snapshots = counter("tm_gateway_snapshots_total", "snapshots read from the database")
_mended = counter("tm_gateway_mended_total", "events fetched because they did not arrive")


class Feed:
    """Spawn `tasks()` after `start()`. `is_started` once sockets may be let in."""

    def __init__(self, engine: AsyncEngine, redis: Redis, clock: Clock, epoch: str) -> None:
        self._engine = engine
        self._clock = clock
        self.hub = Hub(epoch, clock, self._ask_snapshot, self._ask_mending)
        self.is_started = False
        self._tail = Tail(
            [EVENTS, RECORDS],
            outbox=Outbox(engine),
            redis=redis,
            clock=clock,
            on_event=self._on_event,
        )
        self._quotes = QuoteStream(redis, clock)
        self._prices: dict[str, Quote] = {}
        # One entry per desk at most, so as bounded as the desks are.
        self._wanted: asyncio.Queue[Desk] = asyncio.Queue()
        self._torn: set[Desk] = set()
        self._tear = asyncio.Event()
        self._outage = Outage("postgresql (snapshots)", clock)

    async def start(self) -> None:
        """Remember where the streams end: every later snapshot overlaps. Raises while it cannot."""
        await self._tail.start()
        self.is_started = True

    def tasks(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """Name and body of every task, each of which runs for ever."""
        return {
            **{f"snapshots-{number}": self._read_for_ever for number in range(READERS)},
            "tail": self._tail.run,
            "mend": self._mend_for_ever,
            "quotes": self._follow_quotes,
            "flush": self._flush_for_ever,
            "heartbeat": self._beat_for_ever,
        }

    def _on_event(self, envelope: Envelope) -> None:
        if envelope.user_id is None:
            if envelope.type == ControlSaid.type:  # said to the system, it is everybody's
                for each in self.hub.desks():
                    each.take(envelope)
            return
        desk = self.hub.desk(UserId(envelope.user_id))
        if desk is not None:
            desk.take(envelope)

    # --- snapshots --------------------------------------------------------------------------

    def _ask_snapshot(self, desk: Desk) -> None:
        self._wanted.put_nowait(desk)

    async def _read_for_ever(self) -> None:
        while True:
            desk = await self._wanted.get()
            if not desk.clients:
                continue
            user_id = desk.user_id
            mirror = await self._insist(lambda: snapshot.read_mirror(self._engine, user_id))  # noqa: B023 - awaited in this turn
            _snapshots.inc()
            desk.install(mirror)

    # --- events that did not come -----------------------------------------------------------

    def _ask_mending(self, desk: Desk) -> None:
        self._torn.add(desk)
        self._tear.set()

    async def _mend_for_ever(self) -> None:
        while True:
            await self._tear.wait()
            self._tear.clear()
            await self._clock.sleep(MEND_AFTER_S)
            torn, self._torn = self._torn, set()
            for desk in torn:
                await self._mend(desk)

    async def _mend(self, desk: Desk) -> None:
        for hole in desk.holes():
            found = await self._insist(lambda: snapshot.read_missed(self._engine, hole))  # noqa: B023 - awaited in this turn
            _mended.inc(len(found))
            desk.fill(hole, found)

    async def _insist(self, read: Callable[[], Awaitable[T]]) -> T:
        """Until the database answers; clients wait for nothing else meanwhile."""
        while True:
            try:
                result = await read()
            except Exception as error:
                if not (is_outage(error) or isinstance(error, TimeoutError)):
                    raise
                self._outage.failed(error)
                await self._outage.pause()
            else:
                self._outage.worked()
                return result

    # --- prices and the beat ----------------------------------------------------------------

    async def _follow_quotes(self) -> None:
        async for newest in self._quotes.follow():
            fresh = [name for name, quote in newest.items() if self._is_newer(quote)]
            for name in fresh:
                self._prices[name] = newest[name]
            for desk in self.hub.desks():
                desk.priced(fresh)

    def _is_newer(self, quote: Quote) -> bool:
        known = self._prices.get(quote.contract)
        return known is None or quote.at >= known.at

    async def _flush_for_ever(self) -> None:
        while True:
            await self._clock.sleep(FLUSH_EVERY_S)
            for desk in self.hub.desks():
                desk.flush(self._prices)

    async def _beat_for_ever(self) -> None:
        """A quiet market differs from a dead socket, and a lost last frame is noticed."""
        while True:
            await self._clock.sleep(HEARTBEAT_EVERY_S)
            for desk in self.hub.desks():
                desk.tell_value(FrameType.HEARTBEAT, {})
