"""Connections to Redis: protocol pinned, every wait bounded, retries only where they are safe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from redis.asyncio import Redis

Key = bytes | str | memoryview
EntryId = int | bytes | str | memoryview

CONNECT_TIMEOUT_S: Final = 2.0
# For publishing: a dead Redis must not hold up whoever has just committed.
PUBLISH_TIMEOUT_S: Final = 0.5
# For reading: longer than the longest BLOCK, or a quiet stream would look like a dead server.
READ_TIMEOUT_S: Final = 5.0
BLOCK_MS: Final = 1_000
_POOL_SIZE: Final = 16


# One entry twice is harmless, so a connection that a restarted server dropped is tried again.
_PUBLISH_TRIES: Final = 1


def publishing(url: str, client_name: str) -> Redis:
    """For short writes. What fails here is published by the relay, which has time."""
    return _client(url, client_name, timeout_s=PUBLISH_TIMEOUT_S, retries=_PUBLISH_TRIES)


def reading(url: str, client_name: str) -> Redis:
    """For blocking reads. Never repeats by itself.

    A reply that got lost on the way has moved entries to the reader's pending list, so the reader
    must learn of the loss and look there.
    """
    return _client(url, client_name, timeout_s=READ_TIMEOUT_S, retries=0)


def _client(url: str, client_name: str, *, timeout_s: float, retries: int) -> Redis:
    # Imported late: it costs 0.2 s, and the tools that only look at settings never need it.
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialBackoff
    from redis.exceptions import ConnectionError as RedisConnectionError

    backoff = ExponentialBackoff(cap=0.1, base=0.01)
    client: Redis = Redis.from_url(
        url,
        protocol=2,
        decode_responses=False,
        client_name=client_name,
        max_connections=_POOL_SIZE,
        socket_timeout=timeout_s,
        socket_connect_timeout=min(CONNECT_TIMEOUT_S, timeout_s),
        health_check_interval=0,
        retry=Retry(backoff, retries, supported_errors=(RedisConnectionError,)),
    )
    return client


def positions(ids: Mapping[str, str]) -> dict[Key, EntryId]:
    """Stream names and ids as the client's invariant types want them."""
    return {**ids}  # type: ignore[dict-item] # str is one of both unions; mypy cannot widen a splat
