"""A fortnight with a roll and a change of the clocks in it, and a move cut off at each step.

March 2027: NQ rolls on Thursday the 11th, the clocks go forward on Sunday the 14th. All ten days
are lived through with TM_FULL=1.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from paper import feed
from shared.domain.ids import Cause
from shared.domain.order import IntentState, Role
from shared.domain.rules import FREE_ACCOUNT
from tests.simulation.calendar_house import FIRM, QTY, STOP_TICKS, House, open_house, running
from tests.simulation.rows import IntentRow
from tests.simulation.virtual_loop import run_virtual


@pytest.fixture(autouse=True)
def _slow_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue looks at its own calendar now and then: two weeks have a million seconds."""
    monkeypatch.setattr(feed, "DAY_CHECK_S", 20.0)


CHICAGO: Final = ZoneInfo("America/Chicago")
NAKED_S_MAX: Final = 3.0
OLD, NEW = "NQH7", "NQM7"
TICK = Decimal("0.25")
# Of March 2027; on every run those around the roll and on either side of the change.
ALL: Final = os.environ.get("TM_FULL") == "1"
DAYS: Final = (4, 5, 8, 9, 10, 11, 12, 15, 16, 17) if ALL else (5, 10, 12, 15)
SUMMER: Final = 14
ROLL_AT: Final = datetime(2027, 3, 10, 17, tzinfo=CHICAGO)
SEATS: Final = ("tell", "close", "move", "window", "firm")
SHORTLY: Final = timedelta(seconds=10)  # enough to sign in


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2027, 3, day, hour, minute, tzinfo=CHICAGO).astimezone(UTC)


async def check(house: House, naked_s_max: float = NAKED_S_MAX) -> None:
    """Sent once, books as the venue's, nothing in doubt, nothing naked for long."""
    told = await house.world.ledger()
    for seat in house.seats.values():
        mine: dict[str, Any] = told[seat.venue_name]
        news = [c for c in mine["commands"] if c["commandType"] == "New"]
        names = [c["clOrdId"] for c in news if "clOrdId" in c]
        assert max(Counter(names).values(), default=1) == 1, "an order was sent twice"
        fills = {f["id"]: (f["qty"], Decimal(f["price"])) for f in mine["fills"]}
        rows = [row for row in house.store.fills.rows() if row.account_id == seat.account]
        assert {row.broker_fill_id: (row.qty, row.price) for row in rows} == fills
        assert all(row.strategy_id == seat.strategy for row in rows)
        books = {
            row.contract: row.net_qty
            for row in house.store.positions.rows()
            if row.account_id == seat.account and row.net_qty
        }
        assert books == house.held(seat.name)
        assert seat.watch.exposed() <= seat.watch.covered(), f"{seat.name} is left naked"
        for spell in seat.watch.spells:
            assert spell.open_s <= naked_s_max, f"{seat.name} was naked for {spell.open_s} s"
    moving = (IntentState.PENDING, IntentState.SENDING, IntentState.UNKNOWN)
    assert not [row for row in house.store.intents.open() if row.state in moving]


async def day(house: House, number: int) -> None:
    """In the morning everybody who is flat is sent in; the afternoon belongs to the calendar.

    Nobody tells open P&L here, which a firm's limits ask for: its rules hold after the entries.
    """
    house.rule("firm", FREE_ACCOUNT)
    await house.until(at(number, 10))
    async with running(house):
        for name in SEATS:
            if not house.held(name):
                house.buy(name)
        assert await house.wait(lambda: all(map(house.held, SEATS)), 10), house.said()
        house.rule("firm", FIRM)
        await house.world.clock.sleep(3)
    await house.until(at(number, 15) - SHORTLY)
    async with running(house):
        await house.until(at(number, 15))
        assert house.held("window")
        await house.until(at(number, 15) + timedelta(seconds=5))
        assert house.held("window") == {}
        assert house.held("firm") != {}
    await house.until(at(number, 15, 10) - SHORTLY)
    async with running(house):
        await house.until(at(number, 15, 10) + timedelta(seconds=5))
        assert house.held("firm") == {}
        assert all(house.held(name) for name in ("tell", "close", "move"))


async def roll(house: House) -> None:
    await house.until(ROLL_AT - SHORTLY)
    async with running(house):
        await house.until(ROLL_AT + timedelta(seconds=15))
        assert {name: house.held(name) for name in ("tell", "close", "move")} == {
            "tell": {OLD: QTY},
            "close": {},
            "move": {NEW: QTY},
        }


async def fortnight() -> House:
    async with open_house(at(4, 9)) as house:
        for number in DAYS:
            await day(house, number)
            if number == ROLL_AT.day:
                await roll(house)
        await check(house)
        return house


def test_a_fortnight_with_a_roll_and_a_change_of_the_clocks() -> None:
    house = run_virtual(fortnight())
    winter, summer = (sum((day > SUMMER) is late for day in DAYS) for late in (False, True))
    ends = ((e.body["code"], str(e.body["at"])[11:16]) for e in house.told("window.ended.v1"))
    assert Counter(ends) == {
        ("hours.strategy", "21:00"): winter,
        ("hours.strategy", "20:00"): summer,
        ("prop.flat_by", "21:10"): winter,
        ("prop.flat_by", "20:10"): summer,
    }
    outcomes = [(e.body["outcome"], e.body["qty_contracts"]) for e in house.told("roll.done.v1")]
    assert sorted(outcomes) == [("closed", QTY), ("kept", QTY), ("moved", QTY)]
    assert len(house.told("roll.due.v1")) == len(SEATS)
    assert len(rolled(house)) == 3  # of the one that closes and of the one that moves


async def to_the_close() -> House:
    async with open_house(at(4, 10)) as house:
        async with running(house):
            house.buy("late")
            assert await house.wait(lambda: bool(house.held("late")), 10)
            await house.world.clock.sleep(3)
        await house.until(at(4, 16) - SHORTLY)
        async with running(house):
            await house.until(at(4, 16) + SHORTLY)
            assert house.held("late") == {OLD: QTY}
            assert len(house.seats["late"].watch.working(ours=True)) == 2
        await house.until(at(4, 17) - SHORTLY)
        async with running(house):
            await house.until(at(4, 17) + timedelta(seconds=5))
            assert house.held("late") == {}
            await house.world.clock.sleep(3)
        await check(house)
        return house


def test_an_end_at_the_close_waits_for_the_open_behind_its_stop() -> None:
    house = run_virtual(to_the_close())
    (told,) = house.told("window.ended.v1")
    assert str(told.body["exit_at"])[:16] == "2027-03-04T23:00"


def rolled(house: House, role: Role | None = None) -> list[IntentRow]:
    found = [row for name in ("close", "move") for row in house.orders(name, role)]
    return [row for row in found if row.intent.cause is Cause.ROLL]


def move_of(house: House, role: Role) -> IntentRow | None:
    found = [row for row in house.orders("move", role) if row.intent.cause is Cause.ROLL]
    return found[-1] if found else None


def in_state(role: Role, *states: IntentState) -> Callable[[House], bool]:
    def reached(house: House) -> bool:
        row = move_of(house, role)
        return row is not None and row.state in states

    return reached


def legs_are_gone(house: House) -> bool:
    seat = house.seats["move"]
    return bool(rolled(house)) and not seat.watch.working(ours=True)


def sold_unheard(house: House) -> bool:
    row = move_of(house, Role.EXIT)
    return row is not None and not house.held("move") and row.filled_qty == 0


def bought_unheard(house: House) -> bool:
    row = move_of(house, Role.ENTRY)
    return row is not None and NEW in house.held("move") and row.filled_qty == 0


# What has just become so when the process is cut off; whether anybody rings for what is planned.
STEPS: Final[dict[str, tuple[Callable[[House], bool], bool]]] = {
    "exit planned": (in_state(Role.EXIT, IntentState.PENDING), False),
    "legs taken back": (legs_are_gone, True),
    "exit on its way": (in_state(Role.EXIT, IntentState.SENDING), True),
    "exit filled, unheard": (sold_unheard, True),
    "exit filled": (in_state(Role.EXIT, IntentState.FILLED), True),
    "entry planned": (in_state(Role.ENTRY, IntentState.PENDING), False),
    "entry on its way": (in_state(Role.ENTRY, IntentState.SENDING), True),
    "entry filled, unheard": (bought_unheard, True),
    "entry filled": (in_state(Role.ENTRY, IntentState.FILLED), True),
}
# A process that is gone protects nothing; its successor waits for the lease and signs in.
CUT_OFF_S_MAX: Final = 30.0


async def cut_off(step: str, times: int = 1) -> House:
    struck, rings = STEPS[step]
    async with open_house(ROLL_AT.astimezone(UTC) - timedelta(hours=4)) as house:
        async with running(house):
            house.buy("move")
            assert await house.wait(lambda: bool(house.held("move")), 10)
            await house.world.clock.sleep(3)
        await house.until(ROLL_AT - SHORTLY)
        async with running(house, rings=rings):
            assert await house.wait(lambda: struck(house), 30), "never came so far"
        for _ in range(times):
            async with running(house):
                await house.world.clock.sleep(0.2)
        async with running(house):
            await house.world.clock.sleep(45)
        await check(house, CUT_OFF_S_MAX)
        return house


def test_an_entry_that_was_lost_on_its_way_is_told_and_never_sent_again() -> None:
    house = run_virtual(cut_off("entry on its way"))
    assert house.held("move") == {}
    assert [row.state for row in rolled(house, Role.ENTRY)] == [IntentState.ABANDONED]
    assert [event.body["outcome"] for event in house.told("roll.done.v1")] == ["not_moved"]


@pytest.mark.parametrize("step", [step for step in STEPS if step != "entry on its way"])
def test_a_move_that_is_cut_off_happens_once(step: str) -> None:
    house = run_virtual(cut_off(step))
    assert house.held("move") == {NEW: QTY}
    entries = [row for row in rolled(house, Role.ENTRY) if row.filled_qty]
    assert [(row.filled_qty, row.state) for row in entries] == [(QTY, IntentState.FILLED)]
    exits = [row.filled_qty for row in house.orders("move", Role.EXIT)]
    assert sum(exits) == QTY
    (stop,) = [
        leg
        for leg in house.store.intents.legs(entries[0].id)
        if leg.role is Role.STOP_LOSS and leg.state is IntentState.WORKING
    ]
    # As far from the market as it was: from where the exit filled, from where the entry did.
    (began,) = [row for row in house.orders("move", Role.ENTRY) if row.intent.contract == OLD]
    (left,) = [row for row in house.orders("move", Role.EXIT) if row.filled_qty]
    old_stop = began.fill_value / QTY - STOP_TICKS * TICK
    wanted = (entries[0].fill_value - left.fill_value) / QTY + old_stop
    shown = house.store.orders.get((stop.account_id, stop.broker_order_id or 0))
    assert shown is not None
    assert shown.stop_price is not None
    assert abs(shown.stop_price - wanted) <= TICK  # what is so near is not moved
    assert [event.body["outcome"] for event in house.told("roll.done.v1")] == ["moved"]
