"""The servers that tests run on, and what each test may rely on."""

import asyncpg
import pytest
from redis.asyncio import Redis

from tests.fixtures.servers import DatabaseUrls


def plain(url: str) -> str:
    return url.replace("+asyncpg", "", 1)


async def test_a_fresh_database_is_migrated_and_empty(fresh_database: DatabaseUrls) -> None:
    connection = await asyncpg.connect(plain(fresh_database.owner))
    try:
        assert await connection.fetchval("SELECT count(*) FROM users") == 0
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    finally:
        await connection.close()


@pytest.mark.parametrize("service", ["api", "gateway", "execution", "recorder", "notifier"])
async def test_each_service_signs_in_as_itself(fresh_database: DatabaseUrls, service: str) -> None:
    connection = await asyncpg.connect(plain(getattr(fresh_database, service)))
    try:
        assert await connection.fetchval("SELECT session_user") == f"tm_{service}"
        assert await connection.fetchval("SHOW is_superuser") == "off"
    finally:
        await connection.close()


@pytest.mark.parametrize("attempt", [1, 2])
async def test_redis_is_empty_at_the_start_of_each_test(redis_url: str, attempt: int) -> None:
    client = Redis.from_url(redis_url)
    try:
        assert await client.keys() == []
        await client.set(f"left-by-{attempt}", "1")
    finally:
        await client.aclose()
