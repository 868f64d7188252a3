"""`tm doctor`: what the running servers themselves say about durability."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.running import owner_url, redis_url

POSTGRES_WANTED = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "data_checksums": "on",
}
REDIS_WANTED = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
# Stricter than asked for is fine too.
ALSO_SAFE = {
    "synchronous_commit": {"remote_write", "remote_apply"},
    "appendfsync": {"always"},
}


@dataclass(frozen=True, slots=True)
class Finding:
    server: str
    setting: str
    found: str
    wanted: str

    @property
    def is_safe(self) -> bool:
        return self.found == self.wanted or self.found in ALSO_SAFE.get(self.setting, set())


def doctor(data: Path | None) -> int:
    """0 if everything is safe, 1 otherwise."""
    findings = asyncio.run(read(owner_url(data, os.environ), redis_url(data, os.environ)))
    for finding in findings:
        verdict = "ok" if finding.is_safe else f"UNSAFE, should be {finding.wanted}"
        print(f"{finding.server:<11}{finding.setting:<20}{finding.found:<12}{verdict}")
    return 0 if all(finding.is_safe for finding in findings) else 1


async def read(database_url: str, queue_url: str) -> list[Finding]:
    postgres = await _postgres(database_url)
    redis = await _redis(queue_url)
    return [
        Finding(server, setting, found.get(setting, "unknown"), wanted)
        for server, found, table in (
            ("PostgreSQL", postgres, POSTGRES_WANTED),
            ("Redis", redis, REDIS_WANTED),
        )
        for setting, wanted in table.items()
    ]


async def _postgres(url: str) -> Mapping[str, str]:
    import asyncpg

    connection = await asyncpg.connect(url.replace("+asyncpg", "", 1))
    try:
        return {name: await connection.fetchval(f"SHOW {name}") for name in POSTGRES_WANTED}
    finally:
        await connection.close()


async def _redis(url: str) -> Mapping[str, str]:
    from redis.asyncio import Redis

    client = Redis.from_url(url, decode_responses=True)
    try:
        found: Mapping[str, str] = await client.config_get(*REDIS_WANTED)
        return found
    finally:
        await client.aclose()
