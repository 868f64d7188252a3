"""Entry ids: where a stream ends, and whether it began again below what we remember."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from redis.asyncio import Redis

FIRST: Final = "0-0"


async def last_id(redis: Redis, stream: str) -> str:
    """The newest id the stream ever gave; `FIRST` for a stream that is not there."""
    try:
        info: Any = await redis.xinfo_stream(stream)
    except ResponseError as error:
        if "no such key" in str(error):
            return FIRST
        raise
    last: bytes = info["last-generated-id"]
    return last.decode()


async def began_again(redis: Redis, stream: str, remembered: str) -> bool:
    """After FLUSHALL or a fail-over a stream's ids may start below the one we remember."""
    return numbers(await last_id(redis, stream)) < numbers(remembered)


def numbers(entry_id: str) -> tuple[int, int]:
    """For comparing: as text, 10-0 would stand before 9-0."""
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)
