"""A notifier between a real database, a real Valkey and a strict Discord."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from notifier import delivery, store
from notifier.app import start
from notifier.settings import NotifierSettings
from shared.contracts.envelope import Envelope
from shared.contracts.registry import EventBody
from shared.db.engine import make_engine
from shared.db.outbox import add_many, envelope_of
from shared.db.uow import unit_of_work
from shared.runtime.clock import SystemClock
from shared.runtime.service import ExitCode, Service, live
from shared.streams import client, consumer
from shared.streams.publisher import xadd
from tests.fixtures.discord import DiscordServer
from tests.fixtures.servers import DatabaseUrls
from tests.integration.streams.servers import Valkey, running_valkey
from tests.unit.notifier.bodies import NOON

_numbers = itertools.count(1)


class House:
    """Users with their wishes, and the recorder's events. `rings` False: only the outbox knows."""

    def __init__(self, owner: AsyncEngine, redis: Redis) -> None:
        self.owner = owner
        self.redis = redis
        self.rings = True

    async def add_user(self, *, discord: str | None = "", dms: bool = True) -> tuple[int, str]:
        """Its id and its Discord id."""
        number = next(_numbers)
        discord_id = f"{200_000_000_000_000_000 + number}" if discord == "" else discord
        async with unit_of_work(self.owner) as connection:
            statement = text(
                "INSERT INTO users (username, password_hash, discord_user_id, discord_dms_enabled)"
                " VALUES (:n, '', :d, :e) RETURNING id"
            )
            values = {"n": f"user-{number}", "d": discord_id, "e": dms}
            user_id: int = (await connection.execute(statement, values)).scalar_one()
        return user_id, discord_id or ""

    async def say_to_all(self, body: EventBody) -> Envelope:
        """An event that belongs to nobody."""
        return await self.say(None, body)

    async def say(
        self, user_id: int | None, body: EventBody, *, event_id: UUID | None = None
    ) -> Envelope:
        event = envelope_of(
            body,
            event_id=event_id or uuid4(),
            correlation_id="test",
            user_id=user_id,
            aggregate="recorded_position:7",
            occurred_at=NOON,
        )
        async with unit_of_work(self.owner) as connection:
            await add_many(connection, [event])
        if self.rings:
            await xadd(self.redis, [event])
        return event

    async def execute(self, statement: str, **values: object) -> None:
        async with unit_of_work(self.owner) as connection:
            await connection.execute(text(statement), values)

    async def deliveries(self) -> list[dict[str, Any]]:
        async with unit_of_work(self.owner) as connection:
            rows = await connection.execute(text("SELECT * FROM deliveries ORDER BY id"))
            return [dict(row) for row in rows.mappings()]

    async def states(self) -> list[tuple[str, str | None]]:
        return [(row["state"], row["code"]) for row in await self.deliveries()]

    async def are(self, *wanted: tuple[str, str | None]) -> bool:
        return await self.states() == list(wanted)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture
async def owner(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    made = make_engine(fresh_database.owner, "tests-owner", pool_size=10)
    yield made
    await made.dispose()


@pytest.fixture
async def redis(valkey_server: Valkey) -> AsyncIterator[Redis]:
    made = client.reading(valkey_server.url, "tests")
    await made.flushall()
    yield made
    await made.aclose()


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as server:
        yield server
        assert server.problems == [], "the notifier asked for what Discord refuses"


@pytest.fixture
def house(owner: AsyncEngine, redis: Redis) -> House:
    return House(owner, redis)


@pytest.fixture
def settings(
    fresh_database: DatabaseUrls, valkey_server: Valkey, discord: DiscordServer
) -> NotifierSettings:
    return NotifierSettings(
        env="test",
        database_url=SecretStr(fresh_database.notifier),
        redis_url=SecretStr(valkey_server.url),
        discord_bot_token=SecretStr("test-bot"),
        discord_api_url=discord.url,
    )


@asynccontextmanager
async def running(settings: NotifierSettings) -> AsyncIterator[Service]:
    begun: asyncio.Future[Service] = asyncio.get_running_loop().create_future()

    async def begin(service: Service) -> None:
        await start(settings, service)
        begun.set_result(service)

    task = asyncio.create_task(live("notifier", begin, SystemClock()))
    task.add_done_callback(lambda _: begun.done() or begun.cancel())
    service = await begun
    yield service
    service.stopping.set()
    assert await task is ExitCode.STOPPED


@pytest.fixture
async def notifier(settings: NotifierSettings, redis: Redis) -> AsyncIterator[Service]:
    async with running(settings) as service:
        yield service


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are a tenth, so that a test waits for less."""
    monkeypatch.setattr(consumer, "SWEEP_EVERY_S", 0.1)
    monkeypatch.setattr(delivery, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(delivery, "BACKOFF_FIRST_S", 0.1)
    monkeypatch.setattr(delivery, "SEND_TIMEOUT_S", 1.0)
    monkeypatch.setattr(store, "CLAIM_S", 3.0)
