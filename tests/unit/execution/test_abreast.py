"""Logins beside each other: one that hangs or fails keeps none of the others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast
from uuid import uuid4

import pytest

from execution.abreast import Abreast
from execution.login import Login
from execution.logins import Logins
from execution.resolver import Resolver
from execution.rounds import Rounds
from shared.db.failures import DatabaseAway
from shared.domain.ids import ConnectionId, IntentId, UserId
from shared.ports.broker import Accepted, Outcome
from shared.ports.ledger import Lease, Ledger
from tests.simulation.virtual_loop import run_virtual
from tests.unit.execution.fakes import FakeClock

Work = dict[ConnectionId, Callable[[], Awaitable[None]]]
ONE, TWO, THREE = (ConnectionId(n) for n in (1, 2, 3))


class Desk:
    """Each round starts `work`; what was done is remembered in its order."""

    def __init__(self, at_once: int = 32, within_s: float = 60.0) -> None:
        self.done: list[ConnectionId] = []
        self.work: Work = {}
        self.abreast = Abreast("test", at_once=at_once, within_s=within_s)

    async def round(self) -> None:
        self.abreast.start(self.work)

    def takes(self, connection: ConnectionId, for_s: float) -> None:
        async def work() -> None:
            await asyncio.sleep(for_s)
            self.done.append(connection)

        self.work[connection] = work

    async def runs(self, for_s: float) -> None:
        rounds = Rounds("test", 1.0, self.round)
        task = asyncio.create_task(self.abreast.run(rounds))
        await asyncio.sleep(for_s)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_slow_login_delays_only_itself() -> None:
    desk = Desk()
    desk.takes(ONE, 50.0)
    desk.takes(TWO, 0.1)
    run_virtual(desk.runs(10.5))
    assert desk.done == [TWO] * 10


def test_places_are_few_and_go_to_whoever_waited_longest() -> None:
    desk = Desk(at_once=1)
    for connection in (ONE, TWO, THREE):
        desk.takes(connection, 0.5)
    run_virtual(desk.runs(6.9))
    assert desk.done == [ONE, TWO, THREE, ONE, TWO, THREE]


def test_who_hangs_gives_its_place_back() -> None:
    desk = Desk(at_once=1, within_s=2.0)
    desk.takes(ONE, 1e6)
    desk.takes(TWO, 0.1)
    run_virtual(desk.runs(10.5))
    assert TWO in desk.done


def test_without_the_database_the_next_round_tries_again() -> None:
    desk = Desk()

    async def away() -> None:
        desk.done.append(ONE)
        raise DatabaseAway("db.unreachable", "The database is away.")

    desk.work[ONE] = away
    run_virtual(desk.runs(3.5))
    assert desk.done == [ONE] * 3


def test_another_error_is_the_end() -> None:
    desk = Desk()

    async def wrong() -> None:
        raise ValueError("a bug")

    desk.work[ONE] = wrong
    with pytest.raises(ExceptionGroup):
        run_virtual(desk.abreast.run(Rounds("test", 1.0, desk.round)))


class _Broker:
    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s
        self.interrupted = 0

    async def interrupt(self, client_id: str) -> Outcome:
        await asyncio.sleep(self.takes_s)
        self.interrupted += 1
        return Accepted(5, is_strategy=True)


class _Login:
    def __init__(self, broker: _Broker) -> None:
        self.broker = broker


class _House:
    """Ledger and logins of a resolver: each of two strategies owes its exits."""

    def __init__(self, takes_s: dict[ConnectionId, float]) -> None:
        self.brokers = {key: _Broker(wait) for key, wait in takes_s.items()}
        self.entries = {key: IntentId(uuid4()) for key in takes_s}
        self.given_up: list[ConnectionId] = []

    def leases(self) -> list[Lease]:
        return [Lease(key, UserId(1), 1) for key in self.brokers]

    def get(self, connection: ConnectionId) -> Login:
        return cast("Login", _Login(self.brokers[connection]))

    async def unresolved(self, held: object) -> list[object]:
        return []

    async def unshown(self, held: object, older_than_s: float) -> list[object]:
        return [item for item in self.entries.items() if item[0] not in self.given_up]

    async def give_up_legs(self, entry: IntentId) -> None:
        self.given_up += [key for key, value in self.entries.items() if value == entry]


def _silent(events: object) -> None: ...


def test_exits_that_one_broker_owes_do_not_wait_for_another() -> None:
    house = _House({ONE: 30.0, TWO: 0.1})
    resolver = Resolver(cast("Ledger", house), cast("Logins", house), _silent, FakeClock())

    async def life() -> None:
        task = asyncio.create_task(resolver.run())
        await asyncio.sleep(3.0)
        assert house.given_up == [TWO]
        await asyncio.sleep(40.0)
        assert sorted(house.given_up) == [ONE, TWO]
        assert house.brokers[ONE].interrupted == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(life())
