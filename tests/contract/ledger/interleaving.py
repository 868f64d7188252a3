"""Two clients of one database, of which one does one statement at a time, in a drawn order.

Before each statement and each commit a client stands still until it is told to go on, so every
await of a ledger's operation is a place where the other one may come in between. Who waits for a
lock of the other is found by asking PostgreSQL, never by time alone: the same draws give the same
interleaving on any machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only

Call = Callable[[], Awaitable[Any]]
Said = tuple[Any, Exception | None]

_LOOK_EVERY_S: Final = 0.002
_GIVE_UP_S: Final = 120.0
_BLOCKED: Final = "SELECT cardinality(pg_blocking_pids($1)) > 0"
COMMIT: Final = "COMMIT"


@dataclass(slots=True, eq=False)
class Client:
    """One call, and where it stands."""

    name: str
    trace: list[str]
    pid: int = 0
    gate: asyncio.Future[None] | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # at a gate, or done
    said: Said | None = None

    async def live(self, call: Call) -> None:
        _me.set(self)
        await self.stand("begin")
        try:
            self.said = await call(), None
        except Exception as error:  # noqa: BLE001 - whatever it refuses is compared
            self.said = None, error
        self.settled.set()

    async def stand(self, what: str) -> None:
        self.gate = asyncio.get_running_loop().create_future()
        self.settled.set()
        await self.gate
        self.trace.append(f"{self.name} {what}")

    def go_on(self) -> None:
        assert self.gate is not None
        gate, self.gate = self.gate, None
        self.settled.clear()
        gate.set_result(None)


_me: ContextVar[Client | None] = ContextVar("client", default=None)


@contextmanager
def gates(engine: AsyncEngine) -> Iterator[None]:
    """Whoever runs as a client stands still before each statement and commit of this engine."""

    def statement(connection: Connection, _: object, text: str, *__: object) -> None:
        _stand(connection, " ".join(text.split())[:80])

    def commit(connection: Connection) -> None:
        _stand(connection, COMMIT)

    event.listen(engine.sync_engine, "before_cursor_execute", statement)
    event.listen(engine.sync_engine, "commit", commit)
    try:
        yield
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", statement)
        event.remove(engine.sync_engine, "commit", commit)


def _stand(connection: Connection, what: str) -> None:
    client = _me.get()
    if client is not None:
        driver: Any = connection.connection.driver_connection
        client.pid = driver.get_server_pid()
        await_only(client.stand(what))


async def interleaved(
    owner: asyncpg.Connection[Any], rng: Random, calls: tuple[Call, Call]
) -> tuple[tuple[Said, Said], list[str]]:
    """What each call said, and whose statement came when. `owner` looks at locks meanwhile."""
    trace: list[str] = []
    clients = [Client("A", trace), Client("B", trace)]
    tasks = [asyncio.create_task(c.live(call)) for c, call in zip(clients, calls, strict=True)]
    try:
        async with asyncio.timeout(_GIVE_UP_S):
            while any(client.said is None for client in clients):
                await _step(owner, rng, clients)
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    first, second = (client.said for client in clients)
    assert first is not None
    assert second is not None
    return (first, second), trace


async def _step(owner: asyncpg.Connection[Any], rng: Random, clients: list[Client]) -> None:
    """One client goes to its next statement; whoever waited for its locks may follow."""
    await _settle(owner, clients)
    ready = [client for client in clients if client.gate is not None]
    if ready:
        rng.choice(ready).go_on()


async def _settle(owner: asyncpg.Connection[Any], clients: list[Client]) -> None:
    """Until each is at a gate, done, or waits for a lock. Two in a deadlock: the server ends it."""
    for client in clients:
        while not client.settled.is_set():
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await client.settled.wait()
            except TimeoutError:
                if await owner.fetchval(_BLOCKED, client.pid):
                    break
