"""The real venue under the virtual clock, its controls called directly, and brokers held at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any, Final

import httpx
from pydantic import SecretStr

from paper.control import Control
from paper.feed import Feed
from paper.journal import NoJournal
from paper.rest import Application
from paper.settings import PaperSettings
from paper.venue import Venue
from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.login import Environment, Login, urls_for
from shared.ports.broker import Token
from tests.simulation.virtual_loop import VirtualClock
from tests.simulation.wire import Link, LinkTransport, Wire

USER, PASSWORD = "tester", "not-a-secret"
URL: Final = "http://127.0.0.1:5010/v1"
START: Final = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)  # a Tuesday, 09:00 in Chicago


class Tokens:
    """A token store in memory."""

    def __init__(self) -> None:
        self.token: Token | None = None

    async def load(self) -> Token | None:
        return self.token

    async def save(self, token: Token) -> None:
        self.token = token


class _Observed(NoJournal):
    """Keeps nothing, and calls whoever looks on at every change, once the sockets are told."""

    def __init__(self) -> None:
        self.onlookers: list[Callable[[], None]] = []

    def after(self, tell: Callable[[], None]) -> None:
        tell()
        for look in self.onlookers:
            look()


@dataclass(slots=True)
class World:
    """One venue, one network and one clock, in the loop that runs now."""

    venue: Venue
    clock: VirtualClock
    link: Link
    app: Application
    onlookers: list[Callable[[], None]]  # called at every change of the venue
    _control: httpx.AsyncClient

    async def control(self, path: str, **body: object) -> Any:
        """A call of the control port, without the port; asserts that the venue took it."""
        answer = await self._control.post(f"/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ledger(self) -> dict[str, Any]:
        """The whole ledger by account name; figures as text."""
        answer = await self._control.get("/ledger")
        told: dict[str, Any] = answer.json()
        return told

    async def price(self, root: str, price: Decimal) -> None:
        await self.control("price", root=root, price=str(price))

    @asynccontextmanager
    async def broker(self, seed: int, *, run: bool = True) -> AsyncIterator[TradovateBroker]:
        """A real adapter, run until the block ends, or left to whoever runs it."""
        wire = Wire(self.link, self.app)
        login = Login(USER, SecretStr(PASSWORD), "trade-manager", "1.0", "device-1")
        broker = TradovateBroker(
            login,
            urls_for(Environment.PAPER, URL),
            self.clock,
            Tokens(),
            Random(seed),  # noqa: S311 - jitter, no secret
            transport=LinkTransport(self.link, self.app),
            connect=wire.connect,
        )
        task = asyncio.create_task(broker.run()) if run else None
        try:
            yield broker
        finally:
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await broker.aclose()
            await wire.aclose()


@asynccontextmanager
async def world(seed: int = 1, start: datetime = START, **settings: object) -> AsyncIterator[World]:
    """The venue with one login; `settings` as of `PaperSettings`, prices stand still."""
    clock = VirtualClock(asyncio.get_running_loop(), start)
    options: dict[str, Any] = {
        "env": "test",
        "paper_user": USER,
        "paper_password": PASSWORD,
        "paper_speed": 0.0,
        "paper_seed": seed,
    }
    venue = Venue(PaperSettings(**(options | settings)), clock)
    venue.begin()
    venue.journal = observed = _Observed()
    feed = Feed(venue)
    link = Link(Random(seed))  # noqa: S311 - reproducible on purpose
    time = asyncio.create_task(feed.keep_time())
    transport = httpx.ASGITransport(Control(venue, feed))
    async with httpx.AsyncClient(transport=transport, base_url="http://control") as control:
        try:
            yield World(venue, clock, link, Application(venue), observed.onlookers, control)
        finally:
            time.cancel()
            with suppress(asyncio.CancelledError):
                await time
