"""A process dies and another takes its twenty logins, at a broker that meters connections.

Its sockets take a minute to come up, 3 s apart. Nobody waits for them: the lists are read over
REST as soon as the lease is taken, and orders go over HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from execution.resolver import QUIET_S
from shared.domain.order import IntentState, Role
from tests.simulation.handover_house import (
    LOGINS,
    PRICE,
    QTY,
    ROOT,
    House,
    Process,
    Seat,
    open_house,
    running,
)
from tests.simulation.virtual_loop import run_virtual
from tests.simulation.wire import Blow, Strike, Way

EXIT_S_MAX: Final = 2.0  # from the lease to the last contract sold
RIGHT_AGAIN_S_MAX: Final = 10.0  # from the death of a process
POLLED_S_MAX: Final = 2.0  # from an event at the broker to the record, without a stream
ABOVE_TARGET: Final = PRICE + 14
_LOOK_EVERY_S: Final = 0.05


async def until(house: House, enough: Callable[[], bool], within_s: float) -> float:
    """Wait for it, a while; the time at which it was seen, or at which it was given up."""
    clock = house.world.clock
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not enough():
                await clock.sleep(_LOOK_EVERY_S)
    return clock.monotonic()


def is_bought(house: House, seats: list[Seat]) -> bool:
    return all(house.net(seat) == QTY and house.working(seat) == QTY for seat in seats)


async def opened(house: House, first: Process, seats: list[Seat]) -> None:
    """Every one of these logins holds, with target and stop, and nothing is on its way."""
    began_s = house.world.clock.monotonic()
    ready_s = await until(house, lambda: len(first.logins.sendable()) == LOGINS, 30)
    assert ready_s - began_s < EXIT_S_MAX  # a start is a hand-over, too
    for seat in seats:
        house.buy(seat)
    first.wake()
    await until(house, lambda: is_bought(house, seats), 30)
    assert is_bought(house, seats)
    await house.world.clock.sleep(3)
    assert first.streams() < LOGINS / 2  # there was no waiting for sockets


def entries(house: House) -> list[IntentState]:
    return [row.state for row in house.store.intents.rows() if row.role is Role.ENTRY]


async def taken_over() -> None:
    async with open_house() as house, running(house, "first", 1) as first:
        clock = house.world.clock
        *held, flat = house.seats
        await opened(house, first, held)
        async with running(house, "second", 2) as second:
            await clock.sleep(1)
            assert not second.taken_s
            await first.kill()
            killed_s = clock.monotonic()
            for seat in held:
                house.close(seat)
            house.buy(flat)
            second.wake()
            sendable_s = await until(house, lambda: len(second.logins.sendable()) == LOGINS, 30)
            assert sendable_s - killed_s < RIGHT_AGAIN_S_MAX
            taken_s = max(second.taken_s.values())
            sold_s = await until(house, lambda: not any(map(house.net, held)), 30)
            assert sold_s - taken_s < EXIT_S_MAX
            assert second.streams() < LOGINS / 2
            await until(house, lambda: is_bought(house, [flat]), 2)
            await until(house, lambda: second.streams() == LOGINS, 300)
            await clock.sleep(15)
            assert second.streams() == LOGINS
            assert all(house.net(seat) == house.working(seat) == 0 for seat in held)
            assert is_bought(house, [flat])
            # The entry with its legs, and the exit; nothing left twice.
            assert {len(house.placed(seat)) for seat in held} == {4}
            assert len(house.placed(flat)) == 3
            assert entries(house) == [IntentState.FILLED] * LOGINS
            assert (first.door.passed(), second.door.passed()) == ([], [])


def test_exits_leave_at_once_and_sockets_follow() -> None:
    run_virtual(taken_over())


async def held_without_streams() -> None:
    async with open_house() as house, running(house, "first", 1) as first:
        clock = house.world.clock
        await opened(house, first, house.seats)
        async with running(house, "second", 2) as second:
            await first.kill()
            await until(house, lambda: len(second.logins.sendable()) == LOGINS, 30)
            await clock.sleep(20)
            assert second.streams() < LOGINS
            await house.world.price(ROOT, ABOVE_TARGET)
            assert not any(map(house.net, house.seats))
            told_s = clock.monotonic()
            known_s = await until(house, lambda: not held_in_record(house), 30)
            assert known_s - told_s < POLLED_S_MAX
            assert second.streams() < LOGINS / 2, "without their streams"
            await until(house, lambda: second.streams() == LOGINS, 300)
            assert {len(house.placed(seat)) for seat in house.seats} == {3}
            assert (first.door.passed(), second.door.passed()) == ([], [])


def held_in_record(house: House) -> list[str]:
    return [row.contract for row in house.store.positions.rows() if row.net_qty != 0]


def test_what_happens_before_the_stream_is_up_is_seen_within_a_second_or_two() -> None:
    run_virtual(held_without_streams())


async def in_another_environment() -> None:
    async with open_house() as house, running(house, "first", 1) as first:
        clock = house.world.clock
        await opened(house, first, house.seats)
        async with running(house, "second", 2) as second:
            await house.world.control("fault", name="wrong_environment", count=-1)
            await first.kill()
            for seat in house.seats:
                house.close(seat)
            second.wake()
            await until(house, lambda: len(second.taken_s) == LOGINS, 30)
            await clock.sleep(5)
            assert second.logins.sendable() == [], "empty lists are no answer"
            assert is_bought(house, house.seats)
            assert len(held_in_record(house)) == LOGINS
            await house.world.control("fault", name="wrong_environment", count=0)
            right_s = clock.monotonic()
            sold_s = await until(house, lambda: not any(map(house.net, house.seats)), 30)
            assert sold_s - right_s < EXIT_S_MAX + 1
            await clock.sleep(5)
            assert {len(house.placed(seat)) for seat in house.seats} == {4}


def test_lists_of_another_environment_open_nothing_and_close_nothing() -> None:
    run_virtual(in_another_environment())


async def doubted() -> None:
    """Orders of which nobody knows whether they arrived, when their sender died."""
    async with open_house() as house, running(house, "first", 1) as first:
        *others, arrived_entry, lost_entry, arrived_exit, lost_exit = house.seats
        held = [*others, arrived_exit, lost_exit]
        await opened(house, first, held)
        async with running(house, "second", 2) as second:
            for seat, ask, strike, call in (
                (arrived_entry, house.buy, Strike.HALF_OPEN_AFTER, "placeoso"),
                (lost_entry, house.buy, Strike.HALF_OPEN_BEFORE, "placeoso"),
                (arrived_exit, house.close, Strike.HALF_OPEN_AFTER, "placeorder"),
                (lost_exit, house.close, Strike.HALF_OPEN_BEFORE, "placeorder"),
            ):
                first.link.arm(Blow(strike, Way.OUT, call))
                ask(seat)
                first.planner.wake(seat.strategy)
                await until(house, lambda: not first.link.armed, 5)
                assert not first.link.armed
            asked_s = house.world.clock.monotonic()
            await house.world.clock.sleep(0.1)
            await first.kill()
            await until(house, lambda: len(second.logins.sendable()) == LOGINS, 30)
            assert house.net(lost_exit) == QTY, "nobody knows yet"
            sold_s = await until(house, lambda: house.net(lost_exit) == 0, 60)
            assert QUIET_S < sold_s - asked_s < QUIET_S + 4
            assert not second.brokers[lost_exit.connection].ready, "without its stream"
            await until(house, lambda: second.streams() == LOGINS, 300)
            await house.world.clock.sleep(15)
            assert is_bought(house, [*others, arrived_entry])
            assert len(house.placed(arrived_entry)) == 3
            assert house.placed(lost_entry) == [], "an entry is not sent twice"
            for seat in (arrived_exit, lost_exit):
                assert (house.net(seat), house.working(seat)) == (0, 0)
                assert len(house.placed(seat)) == 4
            assert entries(house).count(IntentState.ABANDONED) == 1


def test_what_was_on_its_way_is_found_or_proven_absent_without_a_stream() -> None:
    run_virtual(doubted())
