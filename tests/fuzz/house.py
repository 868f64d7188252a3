"""The API behind a real server on the loopback, over a database of its own, for one user."""

from __future__ import annotations

import asyncio
import io
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import uvicorn
from fastapi import FastAPI
from passlib.context import CryptContext
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app
from api.commands import service as commands
from api.jobs.worker import Worker
from api.resources import Resources
from api.security import cookies, csrf, sessions
from api.security.captcha import NoCaptcha
from api.security.passwords import Passwords
from api.security.sessions import Place
from api.settings import ApiSettings
from cli.up import postgres
from cli.up.account import give, server_account
from shared.db.engine import POOL_TIMEOUT_API_S, make_engine
from shared.db.migrate import upgrade
from shared.db.uow import unit_of_work
from shared.domain.ids import UserId
from shared.runtime.clock import SystemClock
from shared.runtime.logging import configure_logging
from shared.runtime.readiness import Readiness
from shared.vault import generate_keypair
from tests.fixtures.servers import THROWAWAY_SETTINGS, PostgresServer, private_folder, running
from tests.fuzz.belongings import fill

T = TypeVar("T")
# As in production, at a cost that suits fifty thousand requests.
_CHEAP: Final = CryptContext(
    schemes=["argon2"], argon2__type="ID", argon2__time_cost=1, argon2__memory_cost=64,
    argon2__parallelism=1,
)  # fmt: skip

DATABASE: Final = "fuzz"
PASSWORD: Final = "correct horse battery"
_WAIT_LIMIT_S: Final = 60.0


class _NoBell:
    def offer(self, envelopes: object) -> None:
        """Nobody listens; the relay would find everything."""


@dataclass(slots=True)
class House:
    """`headers` are those of a signed-in browser; `sign_in` makes new ones."""

    url: str
    app: FastAPI
    server: PostgresServer
    headers: dict[str, str]
    objects: dict[str, int]
    _loop: asyncio.AbstractEventLoop
    _resources: Resources
    _owner: AsyncEngine

    def sign_in(self) -> None:
        """A session of Ada's, whatever became of the one before."""
        self.headers = self._run(_session(self._owner, self._resources))

    def work(self) -> None:
        """Do the jobs that were asked for."""
        self._run(_jobs(self._resources))

    def restart_database(self) -> None:
        """Every connection is cut, as by a restart."""
        self._run(_cut(self._owner))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_LIMIT_S)


@contextmanager
def house() -> Iterator[House]:
    """Up to the end of the block."""
    configure_logging("api", level="CRITICAL", stream=io.StringIO())
    commands.WAIT_S = 0.0  # type: ignore[misc] # nobody carries commands out here
    with _database() as server, _loop() as loop:
        urls = server.urls(DATABASE)
        opened = _open(server, urls.owner, urls.api, loop)
        made = asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result(_WAIT_LIMIT_S)
        try:
            yield made
        finally:
            closing = opened.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(closing, loop).result(_WAIT_LIMIT_S)


@contextmanager
def _database() -> Iterator[PostgresServer]:
    install = postgres.locate(server_account())
    with private_folder() as folder:
        cluster, log = folder / "pgdata", Path(folder) / "postgres.log"
        postgres.initialise(install, cluster, durable=False)
        give(server_account(), folder)
        program = postgres.server(install, cluster, folder, log, THROWAWAY_SETTINGS)
        with running(program, lambda process: postgres.is_ready(cluster, process)):
            server = PostgresServer(install, folder)
            upgrade(server.create(DATABASE).owner)
            yield server


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_WAIT_LIMIT_S)


@asynccontextmanager
async def _open(
    server: PostgresServer, owner_url: str, api_url: str, loop: asyncio.AbstractEventLoop
) -> AsyncIterator[House]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    owner = make_engine(owner_url, "fuzz-owner", pool_size=2)
    engine = make_engine(api_url, "fuzz", pool_size=8, pool_timeout_s=POOL_TIMEOUT_API_S)
    resources = _resources(engine, port)
    app = create_app(resources)
    web = uvicorn.Server(
        uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_config=None)
    )
    serving = asyncio.create_task(web.serve([listener]))
    try:
        user_id = await _ada(owner, resources)
        yield House(
            url=f"http://127.0.0.1:{port}",
            app=app,
            server=server,
            headers=await _session(owner, resources),
            objects=await fill(owner, user_id, resources.settings.secret),
            _loop=loop,
            _resources=resources,
            _owner=owner,
        )
    finally:
        web.should_exit = True
        await serving
        await engine.dispose()
        await owner.dispose()


def _resources(engine: AsyncEngine, port: int) -> Resources:
    clock = SystemClock()
    settings = ApiSettings(
        env="test",
        database_url=SecretStr("postgresql://nobody@127.0.0.1/nothing"),
        redis_url=SecretStr("redis://127.0.0.1:1/0"),
        secret_key=SecretStr(secrets.token_urlsafe(32)),
        api_port=port,
        public_url=f"http://127.0.0.1:{port}",
        vault_public_key=generate_keypair()[1],
    )
    return Resources(
        settings=settings,
        engine=engine,
        bell=_NoBell(),
        clock=clock,
        random_bytes=secrets.token_bytes,
        passwords=Passwords(1, _CHEAP),
        captcha=NoCaptcha(),
        readiness=Readiness(clock),
    )


async def _ada(owner: AsyncEngine, resources: Resources) -> int:
    """An administrator: every route is open to her."""
    insert = text(
        "INSERT INTO users (username, email, password_hash, admin)"
        " VALUES ('ada', 'ada@example.org', :hash, true) RETURNING id"
    )
    values = {"hash": await resources.passwords.hash(PASSWORD)}
    async with unit_of_work(owner) as connection:
        return int((await connection.execute(insert, values)).scalar_one())


async def _session(owner: AsyncEngine, resources: Resources) -> dict[str, str]:
    async with unit_of_work(owner) as connection:
        # Whatever the last requests did to her: she may come in again.
        restored = text("UPDATE users SET disabled_at = NULL, admin = true WHERE id = 1")
        await connection.execute(restored)
        await connection.execute(text("DELETE FROM login_attempts"))
        place = Place("127.0.0.1", "fuzz")
        made = await sessions.start(
            connection, UserId(1), resources.settings, resources.random_bytes, place
        )
    binding = csrf.session_binding(made.session_id, made.csrf_secret)
    token = csrf.issue(resources.settings.secret, binding, resources.random_bytes)
    return {
        "Cookie": f"{cookies.SESSION}={made.token}",
        cookies.CSRF_HEADER: token,
        "Origin": resources.settings.public_url,
    }


async def _jobs(resources: Resources) -> None:
    while await Worker(resources).once():
        pass


async def _cut(owner: AsyncEngine) -> None:
    cut = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with unit_of_work(owner) as connection:
        await connection.execute(cut)
