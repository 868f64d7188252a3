"""One member of a consumer group: what to read next, and when to look after others' leftovers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from redis.exceptions import ResponseError

from shared.runtime.logging import get_logger
from shared.streams.client import BLOCK_MS, positions
from shared.streams.publisher import FIELD

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = get_logger(__name__)

BATCH_MAX: Final = 100
# Three times the longest a handler may take: an entry idle for longer has lost its reader.
MIN_IDLE_MS: Final = 60_000
CLAIM_EVERY_READS: Final = 10  # with BLOCK 1 s: each 10 s when quiet
_FIRST: Final = "0"
# The group or its stream went away (FLUSHALL, a fail-over) before, or while, we were reading.
_GONE: Final = ("NOGROUP", "UNBLOCKED")


class Delivery(NamedTuple):
    """An entry handed to us. `is_repeated`: somebody, perhaps we, began with it before."""

    stream: str
    entry_id: str
    raw: bytes
    is_repeated: bool


class Group:
    """Reads as `member` of `name`.

    First what it had pending, then new entries, and now and then what dead members left. The
    group starts at the stream's beginning, so one made late, or made
    again after FLUSHALL, misses nothing.
    """

    def __init__(
        self,
        redis: Redis,
        name: str,
        member: str,
        streams: Sequence[str],
        *,
        min_idle_ms: int = MIN_IDLE_MS,
    ) -> None:
        self._redis = redis
        self._name = name
        self._member = member
        self._streams = tuple(streams)
        self._min_idle_ms = min_idle_ms
        self._exists = False
        self._own: dict[str, str] = {}
        self._claim_from = dict.fromkeys(self._streams, "0-0")
        self._reads = 0
        self.forget_position()

    def forget_position(self) -> None:
        """Look at the own pending entries again, from the first."""
        self._own = dict.fromkeys(self._streams, _FIRST)

    async def next(self) -> list[Delivery]:
        """The next entries, perhaps none. Raises `RedisError` or `OSError` when Redis is away."""
        try:
            if not self._exists:
                await self._create()
            if self._own:
                return await self._read_own()
            self._reads += 1
            if self._reads % CLAIM_EVERY_READS == 0 and (claimed := await self._claim()):
                return claimed
            return await self._read_new()
        except ResponseError as error:
            if not str(error).startswith(_GONE):
                raise
            _log.warning("group_gone", group=self._name)
            self._exists = False
            self.forget_position()
            return []

    async def ack(self, deliveries: Iterable[Delivery]) -> None:
        by_stream: dict[str, list[str]] = {}
        for delivery in deliveries:
            by_stream.setdefault(delivery.stream, []).append(delivery.entry_id)
        for stream, entry_ids in by_stream.items():
            await self._redis.xack(stream, self._name, *entry_ids)

    async def _create(self) -> None:
        for stream in self._streams:
            try:
                await self._redis.xgroup_create(stream, self._name, id=_FIRST, mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise
        self._exists = True

    async def _read_own(self) -> list[Delivery]:
        reply = await self._redis.xreadgroup(
            self._name, self._member, positions(self._own), count=BATCH_MAX
        )
        found: list[Delivery] = []
        left: dict[str, str] = {}
        for stream, entries in _streams_of(reply):
            found += await self._deliver(stream, entries, is_repeated=True)
            if entries:
                left[stream] = entries[-1][0].decode()
        self._own = left
        return found

    async def _read_new(self) -> list[Delivery]:
        reply = await self._redis.xreadgroup(
            self._name,
            self._member,
            dict.fromkeys(self._streams, ">"),
            count=BATCH_MAX,
            block=BLOCK_MS,
        )
        found: list[Delivery] = []
        for stream, entries in _streams_of(reply):
            found += await self._deliver(stream, entries, is_repeated=False)
        return found

    async def _claim(self) -> list[Delivery]:
        found: list[Delivery] = []
        for stream in self._streams:
            reply: Any = await self._redis.xautoclaim(
                stream,
                self._name,
                self._member,
                self._min_idle_ms,
                start_id=self._claim_from[stream],
                count=BATCH_MAX,
            )
            self._claim_from[stream] = reply[0].decode()
            found += await self._deliver(stream, reply[1], is_repeated=True)
        return found

    async def _deliver(
        self, stream: str, entries: Sequence[Any], *, is_repeated: bool
    ) -> list[Delivery]:
        """Entries with a body; one whose body is gone is acknowledged, the sweep has its event."""
        found: list[Delivery] = []
        gone: list[bytes] = []
        for entry_id, fields in entries:
            if not fields:
                gone.append(entry_id)
                continue
            found.append(Delivery(stream, entry_id.decode(), fields.get(FIELD, b""), is_repeated))
        if gone:
            _log.warning("entries_trimmed", stream=stream, entries=len(gone))
            await self._redis.xack(stream, self._name, *gone)
        return found


def _streams_of(reply: Any) -> list[tuple[str, list[Any]]]:
    """Protocol 2's list of [stream, entries]; nothing at all after a time-out."""
    return [(stream.decode(), entries) for stream, entries in reply or ()]
