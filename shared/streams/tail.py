"""Live views: every new event of some streams, without a group to leave behind.

Like a consumer it has a fast way (XREAD from a remembered id) and a sure one (the outbox), but it
keeps what it has seen in memory: a view that restarts begins with a snapshot. Events may repeat
after a fault, and one found by the net comes late; views go by versions and sequence numbers.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from pydantic import ValidationError
from redis.exceptions import RedisError

from shared.contracts.envelope import Envelope
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger
from shared.runtime.metrics import counter
from shared.streams.client import BLOCK_MS, positions
from shared.streams.entry_ids import FIRST, began_again, last_id
from shared.streams.outage import Outage
from shared.streams.publisher import FIELD
from shared.streams.record import OutboxPort

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = get_logger(__name__)

BATCH_MAX: Final = 500
SEEN_MAX: Final = 100_000
SWEEP_EVERY_S: Final = 1.0
MISSED_AFTER: Final = timedelta(seconds=1)
# The net starts this far back and takes what it finds as seen: the snapshot contains it.
LOOKBACK: Final = timedelta(seconds=60)

OnEvent = Callable[[Envelope], Awaitable[None] | None]

_caught = counter("tm_streams_tail_caught_total", "events a tail found in the outbox only")


class Tail:
    """Calls `on_event` for each event that becomes visible after `start`.

    A view awaits `start`, then takes its snapshot, then runs `run`: overlap is possible, a gap is
    not. `on_event` must be quick and must not raise; an exception ends the tail, loudly.
    """

    def __init__(
        self,
        streams: Sequence[str],
        *,
        outbox: OutboxPort,
        redis: Redis,
        clock: Clock,
        on_event: OnEvent,
    ) -> None:
        self._streams = tuple(streams)
        self._outbox = outbox
        self._redis = redis
        self._clock = clock
        self._on_event = on_event
        self._ids: dict[str, str] = {}
        self._floor = 0
        self._seen = _Seen(SEEN_MAX)
        self._redis_outage = Outage("redis (tail)", clock)
        self._db_outage = Outage("postgresql (tail)", clock)

    async def start(self) -> None:
        """Remember where the streams end now. Raises when PostgreSQL is away; Redis may be."""
        try:
            self._ids = {stream: await last_id(self._redis, stream) for stream in self._streams}
        except (RedisError, OSError) as error:
            # Reading from the first entry repeats some; the seen ones are dropped.
            self._redis_outage.failed(error)
            self._ids = dict.fromkeys(self._streams, FIRST)
        self._floor = await self._outbox.floor(self._streams, LOOKBACK)
        floor = self._floor
        while rows := await self._rows(timedelta(0), floor):
            for _, event_id, _ in rows:
                self._seen.add(event_id)
            floor = rows[-1][0]

    async def run(self) -> None:
        """For ever, after `start`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._sweep_for_ever())

    async def _follow(self) -> None:
        while True:
            try:
                # Never "$": after a reconnect that means "from now" and skips what came between.
                reply = await self._redis.xread(
                    positions(self._ids), count=BATCH_MAX, block=BLOCK_MS
                )
                if not reply:
                    await self._rewind()
                self._redis_outage.worked()
            except (RedisError, OSError) as error:
                self._redis_outage.failed(error)
                await self._redis_outage.pause()
                continue
            for name, entries in reply or ():
                for entry_id, fields in entries:
                    await self._entry(fields)
                    self._ids[name.decode()] = entry_id.decode()

    async def _entry(self, fields: Any) -> None:
        try:
            envelope = Envelope.from_bytes(fields.get(FIELD, b""))
        except ValidationError as error:
            _log.error("entry_unreadable", problems=error.error_count())
            return
        await self._show(envelope)

    async def _show(self, envelope: Envelope) -> None:
        if self._seen.add(envelope.id):
            shown = self._on_event(envelope)
            if shown is not None:
                await shown

    async def _rewind(self) -> None:
        for stream, remembered in self._ids.items():
            if await began_again(self._redis, stream, remembered):
                _log.warning("stream_rewound", stream=stream)
                self._ids[stream] = FIRST

    async def _sweep_for_ever(self) -> None:
        while True:
            await self._clock.sleep(SWEEP_EVERY_S)
            try:
                await self._sweep()
                self._db_outage.worked()
            except Exception as error:
                if not (self._outbox.is_outage(error) or isinstance(error, TimeoutError)):
                    raise
                self._db_outage.failed(error)
                await self._db_outage.pause()

    async def _sweep(self) -> None:
        floor = self._floor
        while rows := await self._rows(MISSED_AFTER, floor):
            missed = [event_id for _, event_id, _ in rows if event_id not in self._seen]
            for envelope in await self._outbox.read(missed) if missed else ():
                _caught.inc()
                await self._show(envelope)
            # Never look again below a row so old that no open transaction can add one there.
            self._floor = max([self._floor, *(number for number, _, settled in rows if settled)])
            floor = rows[-1][0]
            if len(rows) < BATCH_MAX:
                return

    async def _rows(self, older_than: timedelta, floor: int) -> Sequence[tuple[int, UUID, bool]]:
        return await self._outbox.since(
            self._streams, floor, older_than=older_than, limit=BATCH_MAX
        )


class _Seen:
    """The last so many event ids; the oldest is forgotten first."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._ids: OrderedDict[UUID, None] = OrderedDict()

    def __contains__(self, event_id: UUID) -> bool:
        return event_id in self._ids

    def add(self, event_id: UUID) -> bool:
        """True when it is new."""
        if event_id in self._ids:
            return False
        self._ids[event_id] = None
        if len(self._ids) > self._size_max:
            self._ids.popitem(last=False)
        return True
