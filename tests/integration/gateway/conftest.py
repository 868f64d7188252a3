"""A running gateway on a free port, with a house around it to write events."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.app import start
from gateway.settings import GatewaySettings
from shared.db.engine import make_engine
from shared.runtime.clock import SystemClock
from shared.runtime.service import ExitCode, Service, live
from shared.streams import client
from tests.fixtures.servers import DatabaseUrls
from tests.integration.gateway.house import Account, House, User
from tests.integration.streams.servers import Valkey, running_valkey


@dataclass(slots=True)
class Running:
    """`url` is where sockets connect, `http` where health is."""

    url: str
    http: str
    service: Service
    task: asyncio.Task[ExitCode]

    async def stop(self) -> ExitCode:
        self.service.stopping.set()
        return await self.task


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
def settings(fresh_database: DatabaseUrls, valkey_server: Valkey) -> GatewaySettings:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return GatewaySettings(
        env="test",
        database_url=SecretStr(fresh_database.gateway),
        redis_url=SecretStr(valkey_server.url),
        gateway_port=port,
        public_url="https://trade.example",
        api_port=5001,
    )


@asynccontextmanager
async def running(settings: GatewaySettings, epoch: str = "e1") -> AsyncIterator[Running]:
    begun: asyncio.Future[Service] = asyncio.get_running_loop().create_future()

    async def begin(service: Service) -> None:
        await start(settings, epoch, service)
        begun.set_result(service)

    task = asyncio.create_task(live("gateway", begin, SystemClock()))
    task.add_done_callback(lambda _: begun.done() or begun.cancel())
    await begun
    address = f"127.0.0.1:{settings.gateway_port}"
    gateway = Running(f"ws://{address}", f"http://{address}", begun.result(), task)
    yield gateway
    assert await gateway.stop() is ExitCode.STOPPED


@pytest.fixture
async def gateway(settings: GatewaySettings, redis: Redis) -> AsyncIterator[Running]:
    async with running(settings) as made:
        yield made


@pytest.fixture
def house(owner: AsyncEngine, redis: Redis) -> House:
    return House(owner, redis)


@pytest.fixture
async def alice(house: House) -> User:
    return await house.add_user("Alice")


@pytest.fixture
async def account(house: House, alice: User) -> Account:
    return await house.add_account(alice)
