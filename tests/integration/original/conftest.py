"""The API behind a real server, the gateway beside it, one user, one database and one Valkey."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from api.app import create_app
from api.resources import Resources
from api.security.captcha import NoCaptcha
from api.settings import ApiSettings
from gateway.settings import GatewaySettings
from shared.db.engine import POOL_TIMEOUT_API_S, make_engine
from shared.runtime.clock import SystemClock
from shared.runtime.readiness import Readiness
from shared.streams import client
from tests.fixtures.servers import DatabaseUrls
from tests.integration.api.desk import Account, Desk
from tests.integration.api.helpers import (
    Person,
    RecordingBell,
    Strategy,
    Town,
    cheap_passwords,
    serving,
)
from tests.integration.gateway.conftest import running
from tests.integration.original.client import FRONT, OriginalClient
from tests.integration.streams.servers import Valkey, running_valkey


@dataclass(frozen=True, slots=True)
class Installation:
    """Somebody with an account, a strategy, a trade won, one lost and one open."""

    api_url: str
    socket_url: str
    redis: Redis
    desk: Desk
    person: Person
    account: Account
    strategy: Strategy


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture
async def installation(
    fresh_database: DatabaseUrls, valkey_server: Valkey
) -> AsyncIterator[Installation]:
    owner = make_engine(fresh_database.owner, "tests-owner")
    engine = make_engine(
        fresh_database.api, "tests-api", pool_size=4, pool_timeout_s=POOL_TIMEOUT_API_S
    )
    redis = client.reading(valkey_server.url, "tests")
    await redis.flushall()
    settings = ApiSettings(
        env="test",
        database_url=SecretStr(fresh_database.api),
        redis_url=SecretStr(valkey_server.url),
        secret_key=SecretStr(secrets.token_urlsafe(32)),
        allowed_origins=(FRONT,),
    )
    clock, passwords = SystemClock(), cheap_passwords()
    resources = Resources(
        settings=settings,
        engine=engine,
        bell=RecordingBell(),
        clock=clock,
        random_bytes=secrets.token_bytes,
        passwords=passwords,
        captcha=NoCaptcha(),
        readiness=Readiness(clock),
    )
    town = Town(owner, settings, passwords)
    async with (
        serving(create_app(resources)) as port,
        running(_gateway(fresh_database, valkey_server)) as gateway,
    ):
        yield await _furnished(town, f"http://127.0.0.1:{port}", gateway.url, redis)
    await redis.aclose()
    await engine.dispose()
    await owner.dispose()


async def _furnished(town: Town, api_url: str, socket_url: str, redis: Redis) -> Installation:
    desk, person = Desk(town), await town.person("Ada")
    strategy = await town.strategy(person.id, "Opening Range", symbol="ES1!")
    account = await desk.account(person.id)
    await desk.balance(account, "50000")
    await desk.trade(strategy, account)
    await desk.trade(strategy, account, side="SELL", net="-54.20", minutes=15)
    await desk.record(strategy, account, stop_loss_price=4_990, take_profit_price=5_010)
    await desk.position(strategy, account, 2)
    return Installation(api_url, socket_url, redis, desk, person, account, strategy)


def _gateway(database: DatabaseUrls, valkey: Valkey) -> GatewaySettings:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return GatewaySettings(
        env="test",
        database_url=SecretStr(database.gateway),
        redis_url=SecretStr(valkey.url),
        gateway_port=port,
        allowed_origins=(FRONT,),
    )


@pytest.fixture(params=[True, False], ids=["slash", "bare"])
async def original(
    request: pytest.FixtureRequest, installation: Installation
) -> AsyncIterator[OriginalClient]:
    """Not signed in yet."""
    made = OriginalClient(installation.api_url, installation.socket_url, slash=request.param)
    yield made
    await made.close()
