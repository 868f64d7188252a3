"""Last prices are exact and newest wins; forgetful servers are refused."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.streams import QUOTES, QUOTES_MAXLEN
from shared.runtime.durability import NotDurableError, redis_problems, require_durable
from shared.streams import client
from shared.streams.quotes import Quote, QuoteStream
from tests.integration.streams.helpers import CLOCK
from tests.integration.streams.servers import Valkey

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)


def _quote(contract: str, price: str) -> Quote:
    return Quote(contract, Decimal(price), NOON, "md")


async def test_the_newest_price_of_each_contract(redis: Redis) -> None:
    writer, reader = QuoteStream(redis, CLOCK), QuoteStream(redis, CLOCK)
    quotes = [_quote("MESU6", "5312.25"), _quote("MNQU6", "18000.50"), _quote("MESU6", "5312.50")]
    assert await writer.publish(quotes)
    newest = {"MESU6": quotes[2], "MNQU6": quotes[1]}
    assert await reader.latest() == newest
    follower = reader.follow()
    assert await anext(follower) == newest

    await follower.aclose()


async def test_an_older_quote_that_comes_late_is_no_news(redis: Redis) -> None:
    stream = QuoteStream(redis, CLOCK)
    late = _quote("MESU6", "1")
    fresh = Quote("MESU6", Decimal("5312.25"), late.at + timedelta(seconds=1), "md")
    await stream.publish([fresh, late])
    assert await stream.latest() == {"MESU6": fresh}
    follower = stream.follow()
    assert await anext(follower) == {"MESU6": fresh}
    await follower.aclose()


async def test_a_stream_that_began_again_below_is_followed(redis: Redis) -> None:
    """Within the millisecond of a FLUSHALL, or after a fail-over to a slower clock."""
    await redis.xadd(QUOTES, {b"c": b"x"}, id="99999999999999-0")
    stream = QuoteStream(redis, CLOCK)
    follower = stream.follow()
    await stream.publish([_quote("MESU6", "5299.75")])
    assert (await anext(follower))["MESU6"].price == Decimal("5299.75")
    await redis.flushall()
    await stream.publish([_quote("MESU6", "5300.00")])
    async with asyncio.timeout(10):
        assert (await anext(follower))["MESU6"].price == Decimal("5300.00")
    await follower.aclose()


async def test_the_stream_is_trimmed_hard(redis: Redis) -> None:
    writer = QuoteStream(redis, CLOCK)
    for _ in range(4):
        await writer.publish([_quote("MESU6", "1")] * QUOTES_MAXLEN)
    assert await redis.xlen(QUOTES) < 2 * QUOTES_MAXLEN


async def test_an_unreadable_quote_is_passed_over(redis: Redis) -> None:
    await redis.xadd(QUOTES, {b"c": b"MESU6", b"p": b"much"})
    assert await QuoteStream(redis, CLOCK).latest() == {}


async def test_publishing_without_redis_says_so(valkey_server: Valkey) -> None:
    publishing = client.publishing(valkey_server.url, "quotes")
    valkey_server.kill()
    try:
        assert not await QuoteStream(publishing, CLOCK).publish([_quote("MESU6", "1")])
    finally:
        valkey_server.start()
    await publishing.aclose()


async def test_a_throwaway_postgresql_is_refused_outside_tests(engine: AsyncEngine) -> None:
    await require_durable("test", engine)
    with pytest.raises(NotDurableError, match="fsync off"):
        await require_durable("local", engine)


async def test_redis_is_asked_for_aof_and_eviction(redis: Redis) -> None:
    assert await redis_problems(redis) == []
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert await redis_problems(redis) == [
            "Redis runs with maxmemory-policy allkeys-lru, not noeviction"
        ]
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")


async def test_an_evicting_redis_is_refused_and_an_absent_one_is_not(
    engine: AsyncEngine, redis: Redis, valkey_server: Valkey
) -> None:
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(NotDurableError, match="allkeys-lru"):
            await require_durable("local", engine, redis)
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")
    valkey_server.kill()
    try:
        with pytest.raises(NotDurableError) as refused:
            await require_durable("local", engine, redis)
    finally:
        valkey_server.start()
    assert "Redis" not in str(refused.value)
