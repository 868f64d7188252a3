"""The whole process, as the supervisor starts it: bells from a stream, and none; kill -9."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.paths import ROOT
from shared.contracts.envelope import Envelope
from shared.db import outbox
from shared.db.uow import unit_of_work
from shared.streams.client import publishing
from shared.streams.publisher import xadd
from shared.vault import generate_keypair
from tests.fixtures.servers import DatabaseUrls
from tests.integration.recorder.world import World

LIMIT_S = 30.0
LOOK_EVERY_S = 0.02


@contextmanager
def recorder(
    database: DatabaseUrls, redis_url: str, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TM_ENV": "test",
        "TM_DATABASE_URL": database.recorder,
        "TM_REDIS_URL": redis_url,
        "TM_VAULT_PRIVATE_KEY": generate_keypair()[0],
    }
    with log.open("ab") as messages:
        process = subprocess.Popen(
            (sys.executable, "-P", "-m", "recorder"), cwd=ROOT, env=environ, stderr=messages
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


async def eventually(condition: Callable[[], Awaitable[bool]], explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not await condition():
        assert time.monotonic() < deadline, explain()
        await asyncio.sleep(LOOK_EVERY_S)


async def say(world: World, *envelopes: Envelope) -> None:
    """Execution's outbox rows, without a bell."""
    async with unit_of_work(world.execution) as connection:
        await outbox.add_many(connection, envelopes)


async def test_bells_sweep_and_sudden_death(
    world: World, fresh_database: DatabaseUrls, redis_url: str, tmp_path: Path
) -> None:
    log = tmp_path / "recorder.log"
    redis = publishing(redis_url, "test")

    async def status(expected: str) -> bool:
        return [row["status"] for row in await world.records()] == [expected]

    with recorder(fresh_database, redis_url, log) as process:
        await world.fill(1, "Buy", 1, "5000")
        bell = world.recorded(1)
        await say(world, bell)
        await xadd(redis, [bell])
        await eventually(lambda: status("open"), log.read_text)
        # Its own news goes out too.
        await eventually(lambda: _length(redis, "tm.records", 1), log.read_text)
        process.send_signal(signal.SIGKILL)

    await world.fill(2, "Sell", 1, "5001")
    await say(world, world.recorded(2))  # nobody ever rings for it
    with recorder(fresh_database, redis_url, log) as process:
        await eventually(lambda: status("closed"), log.read_text)
        await eventually(lambda: _length(redis, "tm.records", 2), log.read_text)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, LIMIT_S) == 0
    assert [kind for kind, _ in await world.said()] == ["record.opened.v1", "record.closed.v1"]
    await redis.aclose()


async def _length(redis: object, stream: str, at_least: int) -> bool:
    length: int = await redis.xlen(stream)  # type: ignore[attr-defined] # redis' client, untyped here
    return length >= at_least
