"""Promises made on servers that may forget are no promises: refuse to start on such servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from sqlalchemy.ext.asyncio import AsyncEngine

    from shared.runtime.settings import Env

_POSTGRESQL: Final = ("fsync", "full_page_writes", "synchronous_commit")


class NotDurableError(RuntimeError):
    """A server is configured so that it may lose what it has confirmed."""


async def require_durable(env: Env, engine: AsyncEngine, redis: Redis | None = None) -> None:
    """Raises `NotDurableError` with everything that is wrong; in `test` nothing is."""
    if env == "test":
        return
    problems = await postgresql_problems(engine)
    if redis is not None:
        problems += await _redis_problems_if_there(redis)
    if problems:
        raise NotDurableError("; ".join(problems))


async def _redis_problems_if_there(redis: Redis) -> list[str]:
    """Nothing while Redis is away: services start without their doorbell."""
    from redis.exceptions import RedisError

    try:
        return await redis_problems(redis)
    except (RedisError, OSError):
        return []


async def postgresql_problems(engine: AsyncEngine) -> list[str]:
    """What this role's sessions get, which is what counts: a role may override the server."""
    from sqlalchemy import text

    query = text("SELECT name, setting FROM pg_settings WHERE name = ANY (:names)")
    async with engine.connect() as connection:
        rows = (await connection.execute(query, {"names": list(_POSTGRESQL)})).all()
    return [f"PostgreSQL runs with {name} off" for name, setting in rows if setting == "off"]


async def redis_problems(redis: Redis) -> list[str]:
    """From INFO rather than CONFIG, which managed servers often refuse."""
    persistence: Any = await redis.info("persistence")
    memory: Any = await redis.info("memory")
    problems = []
    if not persistence.get("aof_enabled"):
        problems.append("Redis runs with appendonly off")
    policy = memory.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        problems.append(f"Redis runs with maxmemory-policy {policy}, not noeviction")
    return problems
