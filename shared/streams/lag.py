"""How far a group is behind, for readiness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from redis.asyncio import Redis


async def group_lag(redis: Redis, stream: str, group: str) -> int:
    """Entries not yet read plus entries read and not acknowledged; 0 for a stream nobody made."""
    try:
        groups: Any = await redis.xinfo_groups(stream)
    except ResponseError as error:
        if "no such key" in str(error):
            return 0
        raise
    for found in groups:
        if found["name"].decode() == group:
            # Redis cannot tell the lag after some trims; then pending is what is known.
            return int(found["pending"]) + int(found.get("lag") or 0)
    return int(await redis.xlen(stream))  # a group that is not there has everything before it
