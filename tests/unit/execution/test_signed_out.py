"""A login that may not sign in for a while: look-ups and subscriptions wait and go on after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import cast
from uuid import uuid4

import pytest

from execution.login import Login
from execution.logins import Logins
from execution.prices import Prices
from execution.resolver import ASK_AFTER_S, Resolver
from shared.contracts.envelope import Envelope
from shared.domain.errors import CredentialsExpired
from shared.domain.ids import ConnectionId, IntentId, UserId
from shared.domain.order import Role
from shared.ports.broker import Broker, ContractInfo, FrontContract
from shared.ports.ledger import Lease, Ledger, LoginRow, Unresolved
from tests.unit.brokers.virtual_time import VirtualClock, run

HERE, LEASE = ConnectionId(1), Lease(ConnectionId(1), UserId(1), 1)
INTENT = IntentId(uuid4())
CONTRACT = "MESH6"
INFO = ContractInfo(77, CONTRACT, "MES", Decimal("0.25"), Decimal(5))
SIGNED_OUT_S = 60.0


class FakeBroker:
    """Nobody is signed in for a minute; then it answers."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.subscribed: list[str] = []
        self.asked = 0

    def _knock(self) -> None:
        self.asked += 1
        if self._clock.monotonic() < SIGNED_OUT_S:
            raise CredentialsExpired("broker.captcha", "Sign in there first.")

    async def lookup(self, client_ids: frozenset[str]) -> dict[str, int]:
        self._knock()
        return dict.fromkeys(client_ids, 4711)

    async def contract(self, name: str) -> ContractInfo:
        self._knock()
        return INFO

    async def front(self, root: str) -> FrontContract:
        self._knock()
        return FrontContract(INFO, None)

    async def subscribe(self, contract: str) -> None:
        self.subscribed.append(contract)


class FakeLedger:
    """One intent of unknown fate, and one contract to have quotes of."""

    def __init__(self, clock: VirtualClock) -> None:
        claimed_at = clock.now() - timedelta(seconds=ASK_AFTER_S)
        self.open = [Unresolved(INTENT, HERE, Role.ENTRY, claimed_at)]
        self.bound: list[tuple[IntentId, int]] = []
        self.saved: list[ContractInfo] = []

    async def unresolved(self, held: Collection[Lease]) -> list[Unresolved]:
        return list(self.open)

    async def unshown(
        self, held: Sequence[Lease], older_than_s: float
    ) -> list[tuple[ConnectionId, IntentId]]:
        return []

    async def found(self, intent: IntentId, broker_order_id: int) -> None:
        self.open.clear()
        self.bound.append((intent, broker_order_id))

    async def abandon(self, intent: IntentId) -> list[Envelope]:
        raise AssertionError("a question that failed proves nothing")

    async def wanted(self, login: ConnectionId) -> tuple[set[str], set[str]]:
        return {CONTRACT}, {"MES1!"}

    async def save_contract(self, environment: str, contract: ContractInfo) -> None:
        self.saved.append(contract)


class FakeLogins:
    def __init__(self, login: Login) -> None:
        self._login = login

    def leases(self) -> list[Lease]:
        return [LEASE]

    def get(self, connection: ConnectionId) -> Login:
        return self._login


def login_at(broker: FakeBroker, ledger: FakeLedger, clock: VirtualClock) -> Login:
    row = LoginRow(HERE, UserId(1), "tradovate", "demo", "ann", None, None, None, "device", None)
    return Login(
        LEASE,
        row,
        cast("Broker", broker),
        cast("Ledger", ledger),
        Prices(clock),
        lambda _: None,
        clock,
        changed=lambda: None,
    )


async def lives_on(
    task: Coroutine[None, None, None], broker: FakeBroker, is_over: Callable[[], bool]
) -> None:
    """It asks in vain for the minute, does not end, and is done soon after it."""
    running = asyncio.create_task(task)
    await asyncio.sleep(SIGNED_OUT_S - 1)
    assert not running.done()
    assert broker.asked > 10
    assert not is_over()
    await asyncio.sleep(5)
    assert not running.done()
    assert is_over()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def in_virtual_time(scene: Callable[[VirtualClock], Awaitable[None]]) -> None:
    async def told() -> None:
        await scene(VirtualClock())

    run(told())


def test_what_is_unknown_is_looked_up_once_somebody_is_signed_in() -> None:
    async def scene(clock: VirtualClock) -> None:
        broker, ledger = FakeBroker(clock), FakeLedger(clock)
        logins = cast("Logins", FakeLogins(login_at(broker, ledger, clock)))
        resolver = Resolver(cast("Ledger", ledger), logins, lambda _: None, clock)
        await lives_on(resolver.run(), broker, lambda: ledger.bound == [(INTENT, 4711)])

    in_virtual_time(scene)


def test_quotes_are_subscribed_to_once_somebody_is_signed_in() -> None:
    async def scene(clock: VirtualClock) -> None:
        broker, ledger = FakeBroker(clock), FakeLedger(clock)
        login = login_at(broker, ledger, clock)
        await lives_on(login._subscriptions(), broker, lambda: broker.subscribed == [CONTRACT])
        assert ledger.saved == [INFO]

    in_virtual_time(scene)


def test_a_stop_while_the_reason_is_said_is_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of a group it would pass for a failure, and the process would not end."""

    async def refused(_: Login) -> None:
        raise ExceptionGroup("a task", [CredentialsExpired("broker.captcha", "Sign in there.")])

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    async def story(clock: VirtualClock) -> None:
        monkeypatch.setattr(Login, "_hold", refused)
        monkeypatch.setattr(Login, "_say", never)
        broker = FakeBroker(clock)
        monkeypatch.setattr(broker, "health", None, raising=False)
        task = asyncio.create_task(login_at(broker, FakeLedger(clock), clock).run())
        await asyncio.sleep(0)
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError)

    in_virtual_time(story)
