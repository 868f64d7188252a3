"""The record's time on a machine whose own clock is wrong."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from execution.record_clock import ANSWER_S_MAX, ASK_EVERY_S, RecordClock
from shared.db.failures import DatabaseAway

START = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)


class Machine:
    """Minutes wrong; `passes` is what really passes."""

    def __init__(self, off: timedelta) -> None:
        self._off = off
        self._passed_s = 0.0
        self.slept: list[float] = []

    @property
    def true(self) -> datetime:
        return START + timedelta(seconds=self._passed_s)

    def passes(self, seconds: float) -> None:
        self._passed_s += seconds

    def now(self) -> datetime:
        return self.true + self._off

    def monotonic(self) -> float:
        return self._passed_s

    async def sleep(self, delay_s: float) -> None:
        self.slept.append(delay_s)
        self.passes(delay_s)
        await asyncio.sleep(0)


class Database:
    def __init__(self, machine: Machine, answers_in_s: float = 0.0) -> None:
        self._machine = machine
        self.answers_in_s = answers_in_s
        self.is_away = False
        self._asked = 0
        self.was_asked_often = asyncio.Event()

    async def now(self) -> datetime:
        self._asked += 1
        if self._asked == 5:
            self.was_asked_often.set()
        if self.is_away:
            raise DatabaseAway("database.away", "cut by the test")
        at = self._machine.true
        self._machine.passes(self.answers_in_s)
        return at


@pytest.mark.parametrize("off", [timedelta(minutes=5), timedelta(minutes=-5), timedelta(0)])
async def test_it_counts_on_from_what_the_database_said(off: timedelta) -> None:
    machine = Machine(off)
    clock = RecordClock(machine, Database(machine).now)
    assert clock.now() == machine.now()
    await clock.ask()
    machine.passes(42.5)
    assert clock.now() == machine.true
    assert clock.monotonic() == 42.5


async def test_an_answer_that_took_long_is_not_believed() -> None:
    """A process that stood still between question and answer would be as far behind."""
    machine = Machine(timedelta(minutes=5))
    database = Database(machine)
    clock = RecordClock(machine, database.now)
    await clock.ask()
    database.answers_in_s = 2.0
    await clock.ask()
    assert clock.now() == machine.true
    database.answers_in_s = ANSWER_S_MAX
    await clock.ask()
    assert abs(clock.now() - machine.true) <= timedelta(seconds=ANSWER_S_MAX / 2)


async def test_a_late_first_answer_is_better_than_none() -> None:
    machine = Machine(timedelta(minutes=5))
    clock = RecordClock(machine, Database(machine, answers_in_s=2.0).now)
    await clock.ask()
    assert abs(clock.now() - machine.true) == timedelta(seconds=1)


async def test_it_goes_on_while_the_database_is_away() -> None:
    machine = Machine(timedelta(minutes=-5))
    database = Database(machine)
    clock = RecordClock(machine, database.now)
    await clock.ask()
    database.is_away = True
    asking = asyncio.create_task(clock.run())
    await database.was_asked_often.wait()
    assert clock.now() == machine.true
    assert set(machine.slept) == {ASK_EVERY_S}
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
