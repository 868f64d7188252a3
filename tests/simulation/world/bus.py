"""Streams in memory, as much of a client as publisher, relay and group ask of one; and lossy.

A bell may be lost, rung twice, or overtaken by the one before it; everything may be forgotten, and
the server may be away. None of it may cost a signal.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from random import Random
from typing import Any, Final, Self
from uuid import UUID

from redis.exceptions import ConnectionError as RedisAwayError
from redis.exceptions import ResponseError

from shared.contracts.envelope import Envelope
from shared.relay import BATCH_MAX, UNSENT_AFTER, Relay
from shared.streams.publisher import FIELD, xadd
from tests.simulation.store import Store

_Entry = tuple[bytes, dict[bytes, bytes]]
_MS: Final = 1_000


@dataclass(slots=True)
class _Group:
    next_index: int = 0
    pending: dict[str, dict[bytes, _Entry]] = field(default_factory=dict)


@dataclass(slots=True)
class Bells:
    """The server: it outlives every process. `told` counts what happened to bells."""

    rng: Random
    told: Counter[str] = field(default_factory=Counter)
    loss: float = 0.0
    doubling: float = 0.0
    overtaking: float = 0.0
    is_away: bool = False
    _streams: dict[str, list[_Entry]] = field(default_factory=dict)
    _groups: dict[tuple[str, str], _Group] = field(default_factory=dict)
    _rung: asyncio.Event = field(default_factory=asyncio.Event)
    _last: int = 0

    def add(self, stream: str, fields: dict[bytes, bytes]) -> None:
        entries = self._streams.setdefault(stream, [])
        if self.rng.random() < self.loss:
            self.told["bells lost"] += 1
            return
        times = 1
        if self.rng.random() < self.doubling:
            self.told["bells doubled"] += 1
            times = 2
        for _ in range(times):
            self._last += 1
            entries.append((b"%d-0" % self._last, fields))
        if len(entries) > 1 and self.rng.random() < self.overtaking:
            self.told["bells reordered"] += 1
            first, second = entries[-2], entries[-1]
            entries[-2:] = [(first[0], second[1]), (second[0], first[1])]
        self._rung.set()

    def forget(self) -> None:
        """Everything, the groups too."""
        self.told["bells forgotten"] += 1
        self._streams.clear()
        self._groups.clear()

    def create(self, stream: str, group: str) -> None:
        if (stream, group) in self._groups:
            raise ResponseError("BUSYGROUP")
        self._groups[stream, group] = _Group()

    def read(self, stream: str, group: str, member: str, after: str) -> list[_Entry]:
        """`>`: new ones, pending from now on; else the member's own that are pending."""
        known = self._groups.get((stream, group))
        if known is None:
            raise ResponseError("NOGROUP")
        mine = known.pending.setdefault(member, {})
        if after != ">":
            return []  # a member's own are rung again by the sweeps: nothing depends on them
        entries = self._streams.get(stream, [])
        new = entries[known.next_index :]
        known.next_index = len(entries)
        mine.update({entry_id: (entry_id, fields) for entry_id, fields in new})
        return new

    def ack(self, stream: str, group: str, entry_ids: Iterable[str]) -> None:
        known = self._groups.get((stream, group))
        for mine in [] if known is None else known.pending.values():
            for each in entry_ids:
                mine.pop(each.encode(), None)

    async def wait(self, limit_s: float) -> None:
        self._rung.clear()
        try:
            async with asyncio.timeout(limit_s):
                await self._rung.wait()
        except TimeoutError:
            pass


class _Pipe:
    def __init__(self, client: BellClient) -> None:
        self._client = client
        self._adds: list[tuple[str, Any]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def xadd(self, stream: str, fields: Mapping[bytes, bytes]) -> None:
        self._adds.append((stream, dict(fields)))

    async def execute(self) -> None:
        await self._client.reach("publish")
        for stream, fields in self._adds:
            self._client.bells.add(stream, fields)
        await self._client.reach("published")


class BellClient:
    """One process's connection. `reach` is told each publish, before and after."""

    def __init__(self, bells: Bells, reach: Callable[[str], Any]) -> None:
        self.bells = bells
        self._reach = reach

    async def reach(self, point: str) -> None:
        if self.bells.is_away:
            raise RedisAwayError("away")
        await self._reach(point)

    def pipeline(self, *, transaction: bool) -> _Pipe:
        assert not transaction
        return _Pipe(self)

    async def xgroup_create(self, stream: str, group: str, **_: object) -> None:
        self._answers()
        self.bells.create(stream, group)

    async def xreadgroup(
        self,
        group: str,
        member: str,
        streams: Mapping[str, str],
        *,
        count: int,
        block: int | None = None,
    ) -> list[tuple[bytes, list[_Entry]]]:
        self._answers()
        found = self._read(group, member, streams)
        if block is not None and not any(entries for _, entries in found):
            await self.bells.wait(block / _MS)
            self._answers()
            found = self._read(group, member, streams)
        return found

    def _read(
        self, group: str, member: str, streams: Mapping[str, str]
    ) -> list[tuple[bytes, list[_Entry]]]:
        found = [
            (stream.encode(), self.bells.read(stream, group, member, after))
            for stream, after in streams.items()
        ]
        return [(stream, entries) for stream, entries in found if entries]

    async def xack(self, stream: str, group: str, *entry_ids: str) -> None:
        self._answers()
        self.bells.ack(stream, group, entry_ids)

    async def xautoclaim(self, *_: object, **__: object) -> tuple[bytes, list[_Entry]]:
        self._answers()
        return b"0-0", []

    def _answers(self) -> None:
        if self.bells.is_away:
            raise RedisAwayError("away")


class TwinOutbox:
    """The outbox of the twin, with what has been published of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.published: set[UUID] = set()
        self._settled = 0  # so many of the oldest are published for certain

    async def mark_published(self, event_ids: Iterable[UUID]) -> None:
        self.published.update(event_ids)

    def unpublished(self, older_than: timedelta | None = None) -> list[Envelope]:
        """Oldest first."""
        now = self._store.clock.now()
        found: list[Envelope] = []
        rows = self._store.outbox.rows()
        for each in islice(rows, self._settled, None):
            if each.id in self.published:
                self._settled += not found
            elif older_than is None or each.occurred_at < now - older_than:
                found.append(each)
        return found[:BATCH_MAX]

    async def floor(self, streams: Sequence[str], lookback: timedelta) -> int:
        raise NotImplementedError

    async def since(
        self, streams: Sequence[str], floor: int, *, older_than: timedelta, limit: int
    ) -> Sequence[tuple[int, UUID, bool]]:
        raise NotImplementedError

    async def read(self, event_ids: Sequence[UUID]) -> Sequence[Envelope]:
        raise NotImplementedError

    def is_outage(self, error: BaseException) -> bool:
        return False


class TwinRelay(Relay):
    """The relay over the twin: only its two statements are others."""

    def __init__(self, outbox: TwinOutbox, client: BellClient, clock: Any) -> None:
        super().__init__(None, client, clock)  # type: ignore[arg-type] # no engine, our streams
        self._twin = outbox

    async def sweep(self) -> int:
        unsent = self._twin.unpublished(UNSENT_AFTER)
        if unsent:
            await xadd(self._redis, unsent)
            await self._twin.mark_published(each.id for each in unsent)
        return len(unsent)

    async def tidy(self) -> int:
        return 0


def bell(envelope: Envelope) -> dict[bytes, bytes]:
    return {FIELD: envelope.to_bytes()}
