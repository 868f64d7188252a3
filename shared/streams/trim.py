"""Trimming by what was read, never by length: MAXLEN silently drops unread and pending entries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import ResponseError

from shared.contracts.streams import STREAM_KEPT_MAX, STREAM_KEPT_MIN
from shared.streams.entry_ids import numbers

if TYPE_CHECKING:
    from redis.asyncio import Redis

_MS: Final = 1_000


async def trim(redis: Redis, streams: Iterable[str]) -> int:
    """Drop what every group has acknowledged; returns how many entries went.

    Entries of the last `STREAM_KEPT_MIN` stay for live views, those older than `STREAM_KEPT_MAX` go
    in any case. Ids are Redis' own time, and so is the "now" used here.
    """
    seconds, _ = await redis.time()
    now_ms = int(seconds) * _MS
    youngest = (now_ms - int(STREAM_KEPT_MIN.total_seconds() * _MS), 0)
    oldest = (now_ms - int(STREAM_KEPT_MAX.total_seconds() * _MS), 0)
    dropped = 0
    for stream in streams:
        try:
            needed = await _lowest_needed(redis, stream)
        except ResponseError as error:
            if "no such key" in str(error):
                continue
            raise
        below = max(oldest, min([youngest, *needed]))
        dropped += await redis.xtrim(stream, minid=f"{below[0]}-{below[1]}", approximate=False)
    return dropped


async def _lowest_needed(redis: Redis, stream: str) -> list[tuple[int, int]]:
    """For each group the first id it still needs: its oldest pending, or the next it will read."""
    groups: Any = await redis.xinfo_groups(stream)
    needed: list[tuple[int, int]] = []
    for group in groups:
        milliseconds, number = numbers(group["last-delivered-id"].decode())
        needed.append((milliseconds, number + 1))
        if group["pending"]:
            pending: Any = await redis.xpending(stream, group["name"])
            if pending["min"] is not None:
                needed.append(numbers(pending["min"].decode()))
    return needed
