"""The paper venue as a process of its own on loopback, and a broker that is held against it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
from pydantic import SecretStr

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.login import Environment, Login, urls_for
from shared.ports.broker import Fact, Synced, Token
from shared.runtime.clock import SystemClock

ROOT = Path(__file__).parents[3]
USER, PASSWORD = "tester", "not-a-secret"
START_LIMIT_S = 30.0
WAIT_LIMIT_S = 30.0


@dataclass
class PaperVenue:
    """`start` and `stop` as often as a test wants; the journal stays."""

    data: Path
    port: int
    control_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "TM_ENV": "test",
            "TM_PAPER_PORT": str(self.port),
            "TM_PAPER_CONTROL_PORT": str(self.control_port),
            "TM_PAPER_USER": USER,
            "TM_PAPER_PASSWORD": PASSWORD,
            "TM_PAPER_DATA": str(self.data),
            "TM_PAPER_SPEED": "0",
        }
        command = [sys.executable, "-m", "paper"]
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - returns at once, and is killed below
                command, cwd=ROOT, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        async with asyncio.timeout(START_LIMIT_S):
            while not await _listens(self.port) or not await _listens(self.control_port):
                assert self.process.poll() is None, (self.data / "log").read_text()

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    async def control(self, path: str, **body: object) -> object:
        async with httpx.AsyncClient(trust_env=False) as client:
            url = f"http://127.0.0.1:{self.control_port}/{path}"
            response = await client.post(url, json=body)
            response.raise_for_status()
            return response.json() if response.content else None


class Tokens:
    """A token store in memory."""

    def __init__(self) -> None:
        self.token: Token | None = None

    async def load(self) -> Token | None:
        return self.token

    async def save(self, token: Token) -> None:
        self.token = token


@dataclass
class Held:
    """A running broker and everything it has told so far."""

    broker: TradovateBroker
    seen: list[Fact] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> None:
        async for fact in self.broker.facts():
            self.seen.append(fact)
            self._more.set()

    async def until(self, enough: Callable[[list[Fact]], bool]) -> None:
        async with asyncio.timeout(WAIT_LIMIT_S):
            while not enough(self.seen):
                self._more.clear()
                await self._more.wait()

    async def synced(self, times: int = 1) -> None:
        await self.until(lambda seen: sum(isinstance(fact, Synced) for fact in seen) >= times)


def broker_for(
    venue: PaperVenue, tokens: Tokens | None = None, password: str = PASSWORD
) -> TradovateBroker:
    login = Login(USER, SecretStr(password), "trade-manager", "1.0", "device-1")
    urls = urls_for(Environment.PAPER, venue.url)
    rng = Random(5)  # noqa: S311 - jitter, no secret
    return TradovateBroker(login, urls, SystemClock(), tokens or Tokens(), rng)


@asynccontextmanager
async def held(venue: PaperVenue, tokens: Tokens | None = None) -> AsyncIterator[Held]:
    held = Held(broker_for(venue, tokens))
    tasks = [asyncio.create_task(held.broker.run()), asyncio.create_task(held.read())]
    try:
        await held.synced()
        yield held
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await held.broker.aclose()


@asynccontextmanager
async def running() -> AsyncIterator[PaperVenue]:
    with tempfile.TemporaryDirectory() as folder:
        venue = PaperVenue(Path(folder), _free_port(), _free_port())
        try:
            await venue.start()
            yield venue
        finally:
            venue.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        await asyncio.get_running_loop().run_in_executor(None, _breathe)
        return False
    writer.close()
    return True


def _breathe() -> None:
    """A turn for the other process while the port is closed."""
    os.sched_yield()
