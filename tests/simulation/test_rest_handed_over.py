"""A captcha is drawn and its process dies: whoever takes the login over lets it rest, too.

Nothing is placed until the hour is over, whatever is asked for and however often a process ends.
"""

from __future__ import annotations

from typing import Final

from paper import rows as venue_rows
from shared.domain.order import IntentState, Role
from shared.ports.broker import LoginState
from shared.ports.ledger import STUCK
from tests.simulation.executor import Executor, executing, succeeding
from tests.simulation.test_penalties import BUY, HOUR_S, hold_up, kinds, states
from tests.simulation.test_without_reference import (
    PRICE,
    ROOT,
    SETTLE_S,
    STAGE_S_MAX,
    net,
    signal,
    working,
)
from tests.simulation.venue_in_process import world
from tests.simulation.verdict import ALARM_S_MAX
from tests.simulation.virtual_loop import run_virtual

LATE_S: Final = 120.0  # before the end of the hour
BEFORE_S: Final = 2.0
MORE_THAN_AGE_S: Final = 35.0


def ids(executor: Executor) -> set[int]:
    """Every order the venue has ever taken."""
    orders = executor.world.venue.store.of_account(venue_rows.Order, executor.account.account)
    return {order.id for order in orders}


def is_recorded(executor: Executor) -> bool:
    return any(row.rests_until is not None for row in executor.store.sessions.rows())


def rests(executor: Executor) -> bool:
    (login,) = executor.logins.all()
    health = login.broker.health
    told = (LoginState.QUARANTINED, "broker.captcha")
    return login.broker.rests_s > 0 and (health.state, health.code) == told


async def is_sold(executor: Executor, over_s: float, before: set[int]) -> None:
    """Not before the hour is over, and then at once."""
    clock = executor.world.clock
    while clock.monotonic() < over_s - BEFORE_S:
        assert ids(executor) == before
        await clock.sleep(1.0)
    await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
    await clock.sleep(SETTLE_S)
    assert (net(executor), working(executor)) == (0, [])
    assert len(ids(executor) - before) == 1
    assert states(executor, Role.EXIT)[-1] is IntentState.FILLED
    assert not rests(executor)


async def drawn_by_an_entry() -> None:
    async with world(7) as venue:
        clock = venue.clock
        async with executing(venue, 7) as first:
            await hold_up(first, "captcha_penalty")
            await first.until(lambda: is_recorded(first), STAGE_S_MAX)
            over_s, before = clock.monotonic() + HOUR_S, ids(first)
        async with succeeding(first, 8, "second") as second:
            assert rests(second)
            signal(second, BUY)
            await clock.sleep(MORE_THAN_AGE_S)
            assert states(second, Role.ENTRY)[1:] == [IntentState.STALE] * 2
            second.close()
            asked_s = clock.monotonic()
            await clock.sleep(SETTLE_S)
            told = [code for at_s, code in second.alarms if at_s - asked_s <= ALARM_S_MAX]
            assert told == [STUCK]
            assert (net(second), kinds(second)) == (2, {"Limit", "Stop"})
            assert ids(second) == before
        await clock.sleep(over_s - LATE_S - clock.monotonic())
        async with succeeding(first, 9, "third") as third:
            assert rests(third)
            assert (net(third), kinds(third)) == (2, {"Limit", "Stop"})
            await is_sold(third, over_s, before)


def test_a_rest_is_kept_by_whoever_takes_the_login_over() -> None:
    run_virtual(drawn_by_an_entry())


async def drawn_by_an_exit() -> None:
    """Its legs are gone, and the guard of the next process finds the position bare."""
    async with world(7) as venue:
        clock = venue.clock
        async with executing(venue, 7) as first:
            await venue.price(ROOT, PRICE)
            await clock.sleep(1.0)
            first.buy(PRICE)
            await first.until(lambda: kinds(first) == {"Limit", "Stop"}, STAGE_S_MAX)
            await venue.control("fault", name="captcha_penalty", on="order")
            first.close()
            await first.until(lambda: is_recorded(first), STAGE_S_MAX)
            over_s, before = clock.monotonic() + HOUR_S, ids(first)
        await clock.sleep(over_s - LATE_S - clock.monotonic())
        async with succeeding(first, 8, "second") as second:
            assert rests(second)
            assert (net(second), kinds(second)) == (2, set())
            await is_sold(second, over_s, before)


def test_an_exit_that_drew_it_leaves_after_the_hour_by_another_process() -> None:
    run_virtual(drawn_by_an_exit())
