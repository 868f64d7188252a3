"""People, strategies and browsers for the API's tests."""

from __future__ import annotations

import asyncio
import base64
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from passlib.context import CryptContext
from sqlalchemy import Row, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.security import totp
from api.security.passwords import Passwords
from api.settings import ApiSettings
from shared.contracts.envelope import Envelope
from shared.db.tables.messaging import outbox
from shared.db.tables.people import users
from shared.db.tables.signals import alerts, signals
from shared.db.tables.strategies import strategies
from shared.db.uow import read_only, unit_of_work
from shared.domain.names import name_key
from shared.domain.webhook_key import key_hash, webhook_key
from shared.runtime.clock import SystemClock

BASE_URL = "http://127.0.0.1:5001"
PASSWORD = "correct horse battery"
WAIT_LIMIT_S = 30.0
LOOK_EVERY_S = 0.01

_numbers = itertools.count(1)


class RecordingBell:
    def __init__(self) -> None:
        self.rung: list[Envelope] = []

    def offer(self, envelopes: Iterable[Envelope]) -> None:
        self.rung.extend(envelopes)


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    username: str


@dataclass(frozen=True, slots=True)
class Strategy:
    id: int
    user_id: int
    name: str
    key: str

    @property
    def url(self) -> str:
        return f"/webhook/{self.key}"


class Town:
    """Puts people and strategies straight into the tables, and looks at everything."""

    def __init__(self, owner: AsyncEngine, settings: ApiSettings, passwords: Passwords) -> None:
        self.owner = owner
        self._settings = settings
        self._passwords = passwords

    async def person(self, username: str | None = None, **values: Any) -> Person:
        username = username or f"Person{next(_numbers)}"
        values.setdefault("password_hash", await self._passwords.hash(PASSWORD))
        values.setdefault("email", f"{username.lower()}@example.org")
        statement = insert(users).values(username=username, **values).returning(users.c.id)
        return Person(await self.write(statement), username)

    async def strategy(
        self, user_id: int | None = None, name: str = "Opening Range", **values: Any
    ) -> Strategy:
        user_id = user_id or (await self.person()).id
        number = next(_numbers)
        statement = insert(strategies).values(
            user_id=user_id,
            name=name,
            name_key=name_key(name),
            webhook_key_hash=str(number).encode(),
            **values,
        )
        strategy_id = await self.write(statement.returning(strategies.c.id))
        key = webhook_key(self._settings.secret, strategy_id, 1)
        await self.write(
            strategies.update()
            .where(strategies.c.id == strategy_id)
            .values(webhook_key_hash=key_hash(key))
        )
        return Strategy(strategy_id, user_id, name, key)

    async def write(self, statement: Any) -> Any:
        async with unit_of_work(self.owner) as connection:
            result = await connection.execute(statement)
            return result.scalar_one() if result.returns_rows else None

    async def sql(self, statement: str, **values: Any) -> None:
        await self.write(text(statement).bindparams(**values))

    async def rows(self, query: Any) -> list[Row[Any]]:
        async with read_only(self.owner) as connection:
            return list((await connection.execute(query)).all())

    async def signals(self) -> list[Row[Any]]:
        return await self.rows(select(signals).order_by(signals.c.id))

    async def alerts(self) -> list[Row[Any]]:
        return await self.rows(select(alerts).order_by(alerts.c.id))

    async def events(self) -> list[Row[Any]]:
        return await self.rows(select(outbox).order_by(outbox.c.id))


def cheap_passwords() -> Passwords:
    """As in production, at a cost that suits a thousand sign-ins."""
    context = CryptContext(
        schemes=["argon2"], argon2__type="ID", argon2__time_cost=1, argon2__memory_cost=64,
        argon2__parallelism=1,
    )  # fmt: skip
    return Passwords(2, context)


async def csrf(client: httpx.AsyncClient) -> dict[str, str]:
    """The header that an unsafe request needs now."""
    answer = await client.get("/api/system/csrf-token/")
    return {"X-CSRFToken": answer.json()["csrfToken"]}


async def sign_in(
    client: httpx.AsyncClient, username: str, password: str = PASSWORD
) -> httpx.Response:
    return await client.post(
        "/api/auth/login/",
        json={"username": username, "password": password},
        headers=await csrf(client),
    )


async def eventually(probe: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds; fail after ten seconds."""
    async with asyncio.timeout(WAIT_LIMIT_S):
        while not await probe():  # noqa: ASYNC110 - what is waited for stands in another process
            await asyncio.sleep(LOOK_EVERY_S)


class StillClock(SystemClock):
    """No half minute ends between two requests, however slow the machine."""

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 15, 30, 10, tzinfo=UTC)


def code(secret: str, steps: int = 0) -> str:
    raw = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return totp.code_of(raw, totp.step_at(StillClock().now()) + steps)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[int]:
    """The application behind a real server on a free port of the loopback."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_config=None)
    )
    task = asyncio.create_task(server.serve([listener]))
    try:
        async with asyncio.timeout(WAIT_LIMIT_S):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(LOOK_EVERY_S)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()
