"""The API over a migrated database of each test's own, as its own role."""

from __future__ import annotations

import io
import secrets
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.resources import Resources
from api.security.captcha import NoCaptcha
from api.security.passwords import Passwords
from api.settings import ApiSettings
from shared.db.engine import POOL_TIMEOUT_API_S, make_engine
from shared.runtime.clock import SystemClock
from shared.runtime.logging import configure_logging
from shared.runtime.readiness import Readiness
from tests.fixtures.servers import DatabaseUrls
from tests.integration.api.desk import Browser, Desk, signed_in
from tests.integration.api.helpers import BASE_URL, RecordingBell, Town, cheap_passwords


@pytest.fixture(autouse=True)
def log() -> io.StringIO:
    """Everything that was logged, as production would write it."""
    stream = io.StringIO()
    configure_logging("api", level="DEBUG", stream=stream)
    return stream


@pytest.fixture
def settings(fresh_database: DatabaseUrls) -> ApiSettings:
    return ApiSettings(
        env="test",
        database_url=SecretStr(fresh_database.api),
        redis_url=SecretStr("redis://127.0.0.1:1/0"),
        secret_key=SecretStr(secrets.token_urlsafe(32)),
    )


@pytest.fixture
async def owner(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    """For what the API may not do: look behind row security, turn back the time of a row."""
    made = make_engine(fresh_database.owner, "tests-owner")
    yield made
    await made.dispose()


@pytest.fixture
async def engine(fresh_database: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    made = make_engine(
        fresh_database.api, "tests-api", pool_size=4, pool_timeout_s=POOL_TIMEOUT_API_S
    )
    yield made
    await made.dispose()


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    return cheap_passwords()


@pytest.fixture
def bell() -> RecordingBell:
    return RecordingBell()


@pytest.fixture
def resources(
    settings: ApiSettings, engine: AsyncEngine, bell: RecordingBell, passwords: Passwords
) -> Resources:
    clock = SystemClock()
    return Resources(
        settings=settings,
        engine=engine,
        bell=bell,
        clock=clock,
        random_bytes=secrets.token_bytes,
        passwords=passwords,
        captcha=NoCaptcha(),
        readiness=Readiness(clock),
    )


@pytest.fixture
def app(resources: Resources) -> FastAPI:
    return create_app(resources)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without cookies yet."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as made:
        yield made


@pytest.fixture
def town(owner: AsyncEngine, settings: ApiSettings, passwords: Passwords) -> Town:
    return Town(owner, settings, passwords)


@pytest.fixture
async def ada(app: FastAPI, town: Town) -> AsyncIterator[Browser]:
    """Signed in."""
    async with signed_in(app, town, "Ada") as browser:
        yield browser


@pytest.fixture
def desk(town: Town) -> Desk:
    return Desk(town)
