"""A login that has just become ours: what it may do before its own stream tells anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast
from uuid import uuid4

import pytest

from execution.login import Login
from execution.logins import Logins
from execution.prices import Prices
from execution.reconcile import Reconcile
from execution.resolver import QUIET_S, Resolver
from shared.contracts.envelope import Envelope
from shared.domain.errors import BrokerUnavailable, CredentialsExpired, NotFound
from shared.domain.ids import ConnectionId, IntentId, UserId
from shared.domain.order import Role
from shared.ports.broker import (
    Broker,
    ContractInfo,
    Fact,
    FeedLost,
    FeeFact,
    LoginHealth,
    QuoteFact,
    Snapshot,
    Synced,
)
from shared.ports.ledger import Lease, Ledger, LoginRow, Unresolved
from tests.unit.brokers.virtual_time import VirtualClock, run

HERE = ConnectionId(1)
LEASE = Lease(HERE, UserId(1), 1)
FACT = FeeFact(1, Decimal(1))
INTENT = IntentId(uuid4())
READ_EVERY_S = 30.0
TAKES_S = 0.2


class FakeBroker:
    """Its stream tells what a test says; its lists are read, or refused as long as `refuses`."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.told: asyncio.Queue[Fact] = asyncio.Queue()
        self.ready = False
        self.refuses: Exception | None = None
        self.read_s: list[float] = []
        self.polled_s: list[float] = []
        self.asked_s: list[float] = []

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def facts(self) -> AsyncIterator[Fact]:
        while True:
            yield await self.told.get()

    async def healths(self) -> AsyncIterator[LoginHealth]:
        await asyncio.Event().wait()
        yield  # type: ignore[misc]  # never: only so that it is a generator

    async def quotes(self) -> AsyncIterator[QuoteFact]:
        await asyncio.Event().wait()
        yield  # type: ignore[misc]  # never: only so that it is a generator

    async def snapshot(self, *, urgent: bool = False) -> Snapshot:
        self.read_s.append(self._clock.monotonic())
        await self._clock.sleep(TAKES_S)
        if self.refuses is not None:
            raise self.refuses
        return Snapshot((FACT,), self._clock.now())

    async def news(self) -> Snapshot | None:
        self.polled_s.append(self._clock.monotonic())
        return None

    async def contract(self, name: str) -> ContractInfo:
        raise NotFound("broker.not_found", "It lists none.")

    async def lookup(self, client_ids: frozenset[str]) -> dict[str, int]:
        self.asked_s.append(self._clock.monotonic())
        return {}


class FakeLedger:
    """One intent of unknown fate, as long as nobody has given it up; `open_now` is at risk."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.claimed_at: datetime | None = None
        self.open_now: set[str] = set()
        self.applied: list[Fact] = []
        self.abandoned_s: list[float] = []

    async def apply(self, login: ConnectionId, told: Sequence[Fact]) -> list[Envelope]:
        self.applied += told
        return []

    async def wanted(self, login: ConnectionId) -> tuple[set[str], set[str]]:
        return set(self.open_now), set()

    async def unresolved(self, held: Collection[Lease]) -> list[Unresolved]:
        if self.claimed_at is None or self.abandoned_s:
            return []
        return [Unresolved(INTENT, HERE, Role.ENTRY, self.claimed_at)]

    async def unshown(self, held: Collection[Lease], older_than_s: float) -> list[object]:
        return []

    async def abandon(self, intent: IntentId) -> list[Envelope]:
        self.abandoned_s.append(self._clock.monotonic())
        return []

    async def drifted(self, login: ConnectionId, told: object) -> tuple[list[int], list[int]]:
        return [], []

    async def stuck_exits(self, held: object, older_than_s: float) -> list[int]:
        return []


class House:
    """One login of ours, and the parts that look at it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.broker, self.ledger = FakeBroker(self.clock), FakeLedger(self.clock)
        row = LoginRow(
            HERE, UserId(1), "tradovate", "demo", "ann", None, None, None, "device", None
        )
        self.login = Login(
            LEASE,
            row,
            cast("Broker", self.broker),
            cast("Ledger", self.ledger),
            Prices(self.clock),
            lambda _: None,
            self.clock,
            changed=lambda: None,
        )
        ledger, logins = cast("Ledger", self.ledger), cast("Logins", self)
        self.reconcile = Reconcile(
            ledger, logins, lambda _: None, self.clock, read_every_s=READ_EVERY_S
        )
        self.resolver = Resolver(ledger, logins, lambda _: None, self.clock)

    def leases(self) -> list[Lease]:
        return [LEASE]

    def get(self, connection: ConnectionId) -> Login:
        return self.login

    def all(self) -> list[Login]:
        return [self.login] if self.login.sendable else []

    @asynccontextmanager
    async def running(
        self, *parts: Callable[[], Coroutine[None, None, None]]
    ) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(part()) for part in (self.login.run, *parts)]
        try:
            yield
        finally:
            ended = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert not ended, results


def test_it_may_send_as_soon_as_its_lists_are_in_the_record() -> None:
    async def scene() -> None:
        house = House()
        async with house.running():
            await house.clock.sleep(TAKES_S / 2)
            assert not house.login.sendable
            await house.clock.sleep(TAKES_S)
            assert house.login.sendable
            assert house.ledger.applied == [FACT]
            await house.broker.told.put(FeedLost("not yet"))
            await house.clock.sleep(1)
            assert house.login.sendable

    run(scene())


def test_the_stream_may_be_first() -> None:
    async def scene() -> None:
        house = House()
        house.broker.refuses = BrokerUnavailable("broker.read_failed", "No.")
        async with house.running():
            await house.broker.told.put(Synced(house.clock.now()))
            await house.clock.sleep(TAKES_S / 2)
            assert house.login.sendable
            await house.clock.sleep(10)
            assert len(house.broker.read_s) == 1

    run(scene())


@pytest.mark.parametrize(
    "error",
    [
        BrokerUnavailable("broker.no_accounts", "Lists of another environment are empty."),
        CredentialsExpired("broker.sign_in_paused", "Nobody is signed in."),
    ],
)
def test_a_read_that_fails_opens_nothing_and_is_tried_again(error: Exception) -> None:
    async def scene() -> None:
        house = House()
        house.broker.refuses = error
        async with house.running(house.reconcile.run):
            await house.clock.sleep(20)
            assert not house.login.sendable
            assert not house.ledger.applied
            assert 10 <= len(house.broker.read_s) <= 20
            house.broker.refuses = None
            await house.clock.sleep(2)
            assert house.login.sendable

    run(scene())


def test_it_is_polled_each_second_while_risk_is_open_and_nothing_streams() -> None:
    async def scene() -> None:
        house = House()
        house.ledger.open_now = {"MESH6"}
        async with house.running(house.reconcile.run):
            await house.clock.sleep(READ_EVERY_S - 1)
            assert len(house.broker.read_s) == 1, "it has just been read"
            assert len(house.broker.polled_s) >= READ_EVERY_S - 3
            await house.clock.sleep(2)
            assert len(house.broker.read_s) == 2, "the timer goes on"
            house.broker.ready = True
            polled = len(house.broker.polled_s)
            await house.clock.sleep(10)
            assert len(house.broker.polled_s) <= polled + 1
            house.broker.ready, house.ledger.open_now = False, set()
            await house.clock.sleep(10)
            assert len(house.broker.polled_s) <= polled + 1

    run(scene())


def test_who_noticed_a_difference_need_not_wait_for_the_timer() -> None:
    async def scene() -> None:
        house = House()
        async with house.running(house.reconcile.run):
            await house.clock.sleep(5)
            house.reconcile.read_now()
            await house.clock.sleep(3)
            assert len(house.broker.read_s) == 2

    run(scene())


def test_without_a_stream_absence_needs_a_full_read_of_a_quiet_time() -> None:
    """That of the first moment was too early: what was on its way might have come after it."""

    async def scene() -> None:
        house = House()
        house.ledger.claimed_at = house.clock.now()
        began_s = house.clock.monotonic()
        async with house.running(house.resolver.run):
            await house.clock.sleep(QUIET_S - 0.5)
            assert house.broker.asked_s
            assert len(house.broker.read_s) == 1
            await house.clock.sleep(4)
            assert house.ledger.abandoned_s
            assert house.broker.read_s[1] - began_s >= QUIET_S
            assert house.ledger.abandoned_s[0] >= house.broker.read_s[1]

    run(scene())


@pytest.mark.parametrize("code", ["broker.no_accounts", "broker.read_failed"])
def test_a_read_that_fails_proves_no_absence(code: str) -> None:
    async def scene() -> None:
        house = House()
        house.ledger.claimed_at = house.clock.now()
        async with house.running(house.resolver.run):
            await house.clock.sleep(2)
            assert house.login.sendable
            house.broker.refuses = BrokerUnavailable(code, "No.")
            await house.clock.sleep(3 * QUIET_S)
            assert house.ledger.abandoned_s == []

    run(scene())


def test_a_stream_that_came_since_is_proof_by_itself() -> None:
    async def scene() -> None:
        house = House()
        house.ledger.claimed_at = house.clock.now() - timedelta(seconds=QUIET_S)
        async with house.running(house.resolver.run):
            await house.broker.told.put(Synced(house.clock.now()))
            await house.clock.sleep(2)
            assert house.ledger.abandoned_s
            assert len(house.broker.read_s) == 1

    run(scene())
