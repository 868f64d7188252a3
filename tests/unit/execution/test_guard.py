"""The guard of a bare position asks at once, and ever more rarely when it asks in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from execution.logins import Logins
from execution.prices import Prices
from execution.protector import Protector
from shared.contracts.envelope import Envelope
from shared.domain.ids import AccountId, ConnectionId, StrategyId, UserId
from shared.domain.order import Role
from shared.ports.ledger import Lease, Ledger, LegOffset, LegResize, Naked, Riding
from tests.unit.domain.test_claim import ENTRY
from tests.unit.execution.fakes import FakeClock

ROUND_S = 0.5
BARE = Naked(AccountId(1), StrategyId(1), "NQZ6", ENTRY.id)


class _Ledger:
    """A position that stays bare, whatever the guard asks for."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.asked_s: list[float] = []

    async def guard_exit(self, found: Naked) -> list[Envelope]:
        assert found == BARE
        self.asked_s.append(self.clock.now_s)
        return []


async def test_what_is_refused_again_and_again_is_asked_for_more_rarely() -> None:
    clock = FakeClock()
    began_s, ledger = clock.now_s, _Ledger(clock)
    no_login = cast("Logins", None)
    protector = Protector(cast("Ledger", ledger), no_login, Prices(clock), lambda _: None, clock)
    for _ in range(240):
        await protector._guard(BARE)
        await clock.sleep(ROUND_S)
    assert [at_s - began_s for at_s in ledger.asked_s] == [0, 1, 3, 7, 15, 31, 61, 91]
    await clock.sleep(60)
    await protector._guard(BARE)
    await clock.sleep(1)
    await protector._guard(BARE)
    assert [at_s - began_s for at_s in ledger.asked_s[-2:]] == [180, 181]


class _Busy(_Ledger):
    """One leg stands wrong, one position is bare and one account's exit does not get through."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.moves = 0
        self.rounds = 0
        self.enough = asyncio.Event()

    async def legs_off(self, held: Sequence[Lease]) -> list[LegOffset]:
        leg = LegOffset(ENTRY.id, ConnectionId(1), 7, Role.STOP_LOSS, 1, Decimal(5000))
        return [leg] if held else []

    async def uneven(self, held: Sequence[Lease]) -> list[tuple[LegResize, ...]]:
        return []

    async def riding(self, held: Sequence[Lease]) -> list[Riding]:
        return []

    async def move_leg(self, leg: LegOffset) -> None:
        self.moves += 1

    async def naked(self, held: Sequence[Lease], older_than_s: float) -> list[Naked]:
        self.rounds += 1
        await self.clock.sleep(ROUND_S)
        if self.rounds == 10:
            self.enough.set()
        return [BARE]

    async def stuck_exits(self, held: Sequence[Lease], older_than_s: float) -> list[AccountId]:
        return []

    async def lift_stuck(self, held: Sequence[Lease], older_than_s: float) -> list[Envelope]:
        return []


class _Silent:
    """A broker that answers nothing, a login that has it, and the logins that hold the login."""

    def __init__(self) -> None:
        self.asked = 0

    async def modify(self, request: object) -> Any:
        self.asked += 1
        await asyncio.Event().wait()

    def leases(self) -> list[Lease]:
        return [Lease(ConnectionId(1), UserId(1), 1)]

    sendable = leases

    def get(self, _: ConnectionId) -> object:
        return SimpleNamespace(broker=self, row=SimpleNamespace(environment="paper"))


async def test_a_broker_that_does_not_answer_holds_nobody_up() -> None:
    clock = FakeClock()
    ledger, silent = _Busy(clock), _Silent()
    logins, prices = cast("Logins", silent), Prices(clock)
    protector = Protector(cast("Ledger", ledger), logins, prices, lambda _: None, clock)
    task = asyncio.create_task(protector.run())

    def again() -> None:
        protector.rounds.wake()
        if not ledger.enough.is_set():
            asyncio.get_running_loop().call_soon(again)

    again()
    async with asyncio.timeout(30):
        await ledger.enough.wait()
    assert silent.asked == ledger.moves == 1, "a move that is not answered is not repeated"
    assert len(ledger.asked_s) > 1
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
