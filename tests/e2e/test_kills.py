"""The same day again, while everything is killed: services one by one, all at once, Redis emptied.

Each kill strikes at one of two moments: while a position and its bracket work, just before the
market or an alert moves them; or just after an alert was answered 202, before anything came of it.
The day must end with the same trades, the venue's cash to the cent, no order twice and no message
twice; and after each kill everything is right again within ten seconds.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGSTOP
from typing import Final

import pytest
import pytest_asyncio

from cli.up import valkey
from tests.e2e import verdict
from tests.e2e.house import House, running_house
from tests.e2e.story import STORY, Alert, Step, closes
from tests.fixtures.sender import CUT
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.timeout(300)

RIGHT_AGAIN_WITHIN_S: Final = 10.0
GIVEN_UP_AFTER_S: Final = 40.0  # so that a slow recovery is measured, and what follows still runs
SERVICES: Final = ("api", "gateway", "execution", "recorder", "notifier")
REDIS: Final = "everything in Redis"

# Before the market moves (the number of the bar) or an alert comes (its number as text).
HELD: Final[dict[int | str, tuple[str, ...]]] = {
    3: ("execution",),  # a target is reached meanwhile
    4: ("recorder",),  # a target and a stop
    6: ("notifier",),  # a stop
    9: ("gateway",),  # a stop, of a part
    "13": ("api",),  # the alert is not taken at first
    11: SERVICES,  # a target and a stop
    14: (REDIS,),  # a target
}
# Just after the alert of this number was answered 202.
ANSWERED: Final[dict[int, tuple[str, ...]]] = {
    5: ("execution",),
    6: ("recorder",),
    9: ("notifier",),
    12: ("gateway",),
    16: ("api",),
    17: SERVICES,
    19: (REDIS,),
}
PLACING: Final = 20  # the alert whose orders are at the venue, unanswered, when execution dies
PLACED: Final = 6  # in two accounts an entry with its target and its stop
ANSWER_HELD_BACK_MS: Final = 3_000


@dataclass(slots=True)
class Day:
    """The house at the end, and how long after each kill everything was right again."""

    house: House
    right_after_s: dict[str, float] = field(default_factory=dict)


@pytest_asyncio.fixture(scope="module")
async def day() -> AsyncIterator[Day]:
    async with running_house(closes()) as house:
        day = Day(house)
        bars = 0
        for step in STORY:
            bars += not isinstance(step, Alert)
            place = str(step.number) if isinstance(step, Alert) else bars
            await _live_through(day, step, place)
        yield day


async def _live_through(day: Day, step: Step, place: int | str) -> None:
    number = step.number if isinstance(step, Alert) else 0
    if place in HELD:
        await _strike(
            day, f"{_names(HELD[place])} before {step}", HELD[place], step, answered=False
        )
    elif number in ANSWERED:
        await _strike(
            day, f"{_names(ANSWERED[number])} after {step}", ANSWERED[number], step, answered=True
        )
    elif number == PLACING:
        await _strike_while_placing(day, step)
    else:
        await day.house.step(step)
        await day.house.rest(step)


async def _strike(
    day: Day, what: str, victims: tuple[str, ...], step: Step, *, answered: bool
) -> None:
    house = day.house
    if answered:
        if "execution" in victims:
            house.stack.kill("execution", SIGSTOP)  # what it had not begun, it must not have done
        await house.step(step)
    began_s = time.monotonic()
    dead = _kill(house, victims)
    if not answered:
        await house.step(step)
    await _right_again(day, what, dead, step, began_s)


async def _strike_while_placing(day: Day, step: Step) -> None:
    """Killed with orders at the venue whose answers never come: it must ask, not send again."""
    house = day.house
    await house.venue.fault("delay_answer_ms", ms=ANSWER_HELD_BACK_MS, count=None)
    placed = len((await house.venue.ledger()).orders)
    await house.step(step)

    async def is_placed() -> str | None:
        orders = len((await house.venue.ledger()).orders) - placed
        return None if orders == PLACED else f"{orders} orders have arrived"

    await eventually(is_placed, within_s=RIGHT_AGAIN_WITHIN_S, what="orders at the venue")
    began_s = time.monotonic()
    dead = _kill(house, ("execution",))
    await house.venue.fault("delay_answer_ms", count=0)
    await _right_again(day, f"execution while placing for {step}", dead, step, began_s)


async def _right_again(
    day: Day, what: str, dead: dict[str, int], step: Step, began_s: float
) -> None:
    house = day.house
    await house.rest(step, within_s=GIVEN_UP_AFTER_S)

    async def not_back() -> str | None:
        gone = [
            name
            for name, pid in dead.items()
            if house.stack.pid(name) == pid or not house.stack.is_ready(name)
        ]
        return ", ".join(gone) or None

    await eventually(not_back, within_s=GIVEN_UP_AFTER_S, what="readiness")
    day.right_after_s[what] = time.monotonic() - began_s
    print(f"right again after {day.right_after_s[what]:.1f} s: {what}")


def _kill(house: House, victims: tuple[str, ...]) -> dict[str, int]:
    """The ids of the processes that were killed."""
    if victims == (REDIS,):
        sockets = Path(house.stack.info["redis_url"].removeprefix("unix://")).parent
        assert valkey.command(sockets, "FLUSHALL") == b"+OK\r\n"
        return {}
    return {name: house.stack.kill(name) for name in victims}


def _names(victims: tuple[str, ...]) -> str:
    return "all services" if victims == SERVICES else victims[0]


def test_it_was_right_again_within_ten_seconds_of_each_kill(day: Day) -> None:
    assert len(day.right_after_s) == len(HELD) + len(ANSWERED) + 1
    late = {what: s for what, s in day.right_after_s.items() if s > RIGHT_AGAIN_WITHIN_S}
    assert late == {}


async def test_the_ledger_is_the_same(day: Day) -> None:
    await verdict.trades_are_the_storys(day.house)
    await verdict.money_is_exact(day.house)


async def test_no_order_went_out_twice(day: Day) -> None:
    assert day.house.sent[13].tries == (CUT, 202)
    await verdict.orders_are_placed_once(day.house)


async def test_no_message_came_twice(day: Day) -> None:
    verdict.messages_came_once(day.house)


async def test_the_screen_ends_where_the_venue_does(day: Day) -> None:
    assert await day.house.disagreement() is None
    assert day.house.view.problems == []
    assert day.house.view.sockets > 1
    await verdict.events_are_numbered(day.house)


async def test_nothing_was_given_up(day: Day) -> None:
    assert await day.house.database.fetch("SELECT * FROM dead_letters") == []
    ended = await day.house.database.fetch(
        "SELECT disposition FROM signal_decisions WHERE disposition NOT IN ('FILLED', 'SKIPPED')"
    )
    assert ended == []
