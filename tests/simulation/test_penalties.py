"""Orders that the broker holds up: a ticket is waited for, a captcha rests the login for an hour.

What was an entry grows stale meanwhile; what is an exit goes as soon as it may.
"""

from __future__ import annotations

from typing import Final

from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.order import IntentState, Role
from shared.ports.broker import LoginState
from shared.ports.ledger import STUCK
from tests.simulation.executor import Executor, executing
from tests.simulation.test_without_reference import (
    PRICE,
    ROOT,
    SETTLE_S,
    STAGE_S_MAX,
    net,
    open_without_reference,
    signal,
    working,
)
from tests.simulation.venue_in_process import world
from tests.simulation.verdict import ALARM_S_MAX, NAKED_S_MAX
from tests.simulation.virtual_loop import run_virtual

CLOSE: Final = Signal(kind=SignalKind.CLOSE, dialect="test")
BUY: Final = Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY, quantity=2)
HOUR_S: Final = 3_600.0


def kinds(executor: Executor) -> set[str]:
    return {order.order_type for order in working(executor)}


def states(executor: Executor, role: Role) -> list[IntentState]:
    return [row.state for row in executor.store.intents.rows() if row.role is role]


async def held_up_entry() -> None:
    async with world(7) as venue, executing(venue, 7) as executor:
        await venue.price(ROOT, PRICE)
        await venue.control("fault", name="time_penalty", on="order", p_time=60)
        signal(executor, BUY)
        await venue.clock.sleep(120)
        assert states(executor, Role.ENTRY) == [IntentState.STALE]
        assert (net(executor), working(executor)) == (0, [])


def test_an_entry_that_must_wait_longer_than_its_age_is_stale() -> None:
    run_virtual(held_up_entry())


async def held_up_exit() -> None:
    async with world(7) as venue, executing(venue, 7) as executor:
        await open_without_reference(executor, Side.BUY)
        await venue.control("fault", name="time_penalty", on="order", p_time=40)
        signal(executor, CLOSE)
        await venue.clock.sleep(30)
        assert net(executor) == 2
        await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), working(executor)) == (0, [])
        assert states(executor, Role.EXIT) == [IntentState.FILLED]


def test_an_exit_goes_with_its_ticket_however_late() -> None:
    run_virtual(held_up_exit())


async def captcha() -> None:
    async with world(7) as venue, executing(venue, 7) as executor:
        await open_without_reference(executor, Side.BUY)
        await venue.control("fault", name="captcha_penalty", on="order")
        asked_s = venue.clock.monotonic()
        signal(executor, CLOSE)
        await venue.clock.sleep(SETTLE_S)
        assert kinds(executor) == set(), "drawn by the exit itself, after its legs had ended"
        told = [code for at_s, code in executor.alarms if at_s - asked_s <= ALARM_S_MAX]
        assert told == [STUCK]
        (login,) = executor.logins.all()
        health = login.broker.health
        assert (health.state, health.code) == (LoginState.QUARANTINED, "broker.captcha")
        signal(executor, BUY)  # while the login rests: too old when the hour is over
        await venue.clock.sleep(HOUR_S)
        await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), working(executor)) == (0, [])
        assert states(executor, Role.EXIT)[0] is IntentState.FILLED
        assert states(executor, Role.ENTRY)[1:] == [IntentState.STALE]
        assert all(spell.open_s <= NAKED_S_MAX for spell in executor.watch.spells)
        assert login.broker.health.state is LoginState.STREAMING


def test_after_the_hour_of_a_captcha_exits_go_and_entries_are_stale() -> None:
    run_virtual(captcha())


async def hold_up(executor: Executor, fault: str, **options: object) -> None:
    """A position with its bracket, and a further entry to which the broker says: not now."""
    await executor.world.price(ROOT, PRICE)
    await executor.world.clock.sleep(1.0)
    executor.buy(PRICE)
    await executor.until(lambda: kinds(executor) == {"Limit", "Stop"}, STAGE_S_MAX)
    await executor.world.control("fault", name=fault, on="order", **options)
    executor.buy(PRICE)
    await executor.until(lambda: executor.logins.all()[0].broker.rests_s > 0, STAGE_S_MAX)


async def exit_behind_a_penalty() -> None:
    async with world(7) as venue, executing(venue, 7) as executor:
        await hold_up(executor, "time_penalty", p_time=60)
        executor.close()
        asked_s = venue.clock.monotonic()
        while venue.clock.monotonic() - asked_s < 50:
            assert (net(executor), kinds(executor)) == (2, {"Limit", "Stop"})
            await venue.clock.sleep(1.0)
        told = [code for at_s, code in executor.alarms if at_s - asked_s <= ALARM_S_MAX]
        assert told == [STUCK]
        await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), working(executor)) == (0, [])
        assert states(executor, Role.EXIT) == [IntentState.FILLED]
        assert states(executor, Role.ENTRY)[1:] == [IntentState.SKIPPED]
        assert all(spell.open_s <= NAKED_S_MAX for spell in executor.watch.spells)


def test_legs_work_on_until_the_login_may_place_the_exit() -> None:
    run_virtual(exit_behind_a_penalty())


async def stop_behind_a_captcha() -> None:
    async with world(7) as venue, executing(venue, 7) as executor:
        await hold_up(executor, "captcha_penalty")
        executor.close()
        await venue.clock.sleep(10 * SETTLE_S)
        assert (net(executor), kinds(executor)) == (2, {"Limit", "Stop"})
        await venue.price(ROOT, PRICE - 14)
        await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), working(executor)) == (0, [])
        assert states(executor, Role.EXIT) == [IntentState.SKIPPED]


def test_the_stop_of_an_exit_that_waits_still_stops() -> None:
    run_virtual(stop_behind_a_captcha())
