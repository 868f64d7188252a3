"""A part of a bracketed position is closed by the real execution, whatever happens meanwhile."""

from __future__ import annotations

import pytest

from paper.faults import Fault
from shared.domain.alert_signal import Side
from shared.domain.order import IntentState, Role
from tests.simulation.parts_house import PRICE, ROOT, House, house, lives
from tests.simulation.virtual_loop import run_virtual
from tests.simulation.wire import Blow, Strike, Way

MODIFY, PLACE, ANSWER = "order/modifyorder", "order/placeorder", '"commandId"'
MENDED_S_MAX = 3.0


async def opened(home: House, side: Side = Side.BUY, qty: int = 3, strategy: int = 0) -> None:
    home.enter(side, qty, strategy)
    await home.until(lambda: home.is_covered(strategy) and abs(home.net(strategy)) == qty)


def at_rest(home: House, left: int, *, sold: int, strategy: int = 0) -> None:
    """So many are left, all of them covered, and parts closed exactly so many."""
    assert home.net(strategy) == left
    assert home.is_covered(strategy)
    assert home.closed(Role.REDUCE, strategy) == sold
    filled = [row for row in home.intents(Role.REDUCE, strategy) if row.filled_qty]
    assert len(filled) == (1 if sold else 0)
    assert home.closed(Role.EXIT, strategy) == 0


def test_a_part_leaves_the_rest_covered() -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            await opened(home)
            home.part(1)
            await home.until(lambda: home.net() == 2)
            assert home.is_covered()
            await home.rest()
            at_rest(home, 2, sold=1)
            # Stops shrink before the part is sold: for that one call, and no longer, it has none.
            assert all(spell.open_s < 0.1 for spell in home.executor.watch.spells)

    run_virtual(life())


def test_parts_sum_to_the_entry() -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            await opened(home, Side.SELL, 5)
            for qty, left in ((2, -3), (1, -2), (2, 0)):
                home.part(qty)
                await home.rest()
                assert home.net() == left
                assert home.is_covered()
            assert home.closed(Role.REDUCE) + home.closed(Role.EXIT) == 5

    run_virtual(life())


@pytest.mark.parametrize("strike", Strike)
@pytest.mark.parametrize(
    ("way", "marker"), [(Way.OUT, MODIFY), (Way.OUT, PLACE), (Way.BACK, ANSWER)]
)
def test_a_broken_line_at_any_step_ends_covered(strike: Strike, way: Way, marker: str) -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            await opened(home)
            home.world.link.arm(Blow(strike, way, marker))
            home.part(1)
            await home.rest()
            await home.rest()
            assert home.world.link.struck, "armed, and it never acted"
            at_rest(home, 2, sold=1)

    run_virtual(life())


@pytest.mark.parametrize(
    "fault",
    [Fault.TIMEOUT_BEFORE_ACCEPT, Fault.LOSE_ANSWER, Fault.ERROR_AFTER_ACCEPT, Fault.STORM_429],
)
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_call_that_goes_wrong_is_found_out(fault: Fault, after: int) -> None:
    """The first, the second or the third call of a part: target, stop, the sale itself."""

    async def life() -> None:
        async with house() as home, lives(home):
            await opened(home)
            home.part(1)
            await home.until(lambda: steps_done(home) >= after)
            home.world.venue.faults.arm(fault, 1, {})
            await home.rest()
            await home.rest()
            assert home.world.venue.faults.peek(fault) is None, "armed, and it never acted"
            at_rest(home, 2, sold=1)

    run_virtual(life())


def steps_done(home: House) -> int:
    """How far a part of one contract of three is: target shrunk, stop shrunk, sold."""
    done = (
        home.cover(Role.TAKE_PROFIT) == 2,
        home.cover(Role.STOP_LOSS) == 2,
        home.closed(Role.REDUCE) == 1,
    )
    return sum(done)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_killed_process_leaves_it_covered_and_the_next_ends_it(after: int) -> None:
    async def life() -> None:
        async with house() as home:
            async with lives(home):
                await opened(home)
                home.part(1)
                await home.until(lambda: bool(home.intents(Role.REDUCE)))
                await home.until(lambda: steps_done(home) >= after)
            held = abs(home.executor.owned())
            assert home.cover(Role.STOP_LOSS) >= held - (1 if after >= 2 else 0)
            async with lives(home, 2):
                await home.rest()
                at_rest(home, 2, sold=1)

    run_virtual(life())


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize(("move", "role"), [(12, Role.TAKE_PROFIT), (-12, Role.STOP_LOSS)])
def test_a_leg_that_fills_meanwhile_is_never_sold_again(after: int, move: int, role: Role) -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            await opened(home)
            home.part(1)
            await home.until(lambda: steps_done(home) >= after)
            await home.world.price(ROOT, PRICE + move)
            await home.rest()
            assert home.net() == 0
            assert home.executor.watch.net() == 0
            ends = (role, Role.REDUCE, Role.EXIT)
            assert sum(home.closed(each) for each in ends) == 3
            assert home.is_covered()

    run_virtual(life())


@pytest.mark.parametrize("move", [12, -12])
def test_a_leg_that_fills_while_nobody_lives_counts(move: int) -> None:
    async def life() -> None:
        async with house() as home:
            async with lives(home):
                await opened(home)
                home.part(1)
                await home.until(lambda: steps_done(home) >= 1)
            await home.world.price(ROOT, PRICE + move)
            async with lives(home, 2):
                await home.rest()
                assert (home.net(), home.executor.watch.net()) == (0, 0)
                assert home.is_covered()

    run_virtual(life())


def test_a_refused_sale_closes_nothing_and_its_legs_grow_back() -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            await opened(home)
            home.world.venue.faults.arm(Fault.REJECT_NEXT, 1, {})
            home.part(1)
            await home.until(lambda: home.cover(Role.STOP_LOSS) == 2)
            await home.until(lambda: home.cover(Role.STOP_LOSS) == 3, MENDED_S_MAX)
            await home.rest()
            (part,) = home.intents(Role.REDUCE)
            assert part.state is IntentState.REJECTED
            assert home.net() == home.executor.watch.net() == 3
            assert home.cover(Role.STOP_LOSS) == 3

    run_virtual(life())


def test_a_resting_entry_is_taken_back() -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            home.rest_entry(2, PRICE - 5)
            await home.until(lambda: home.at_work(Role.ENTRY) == 2)
            home.take_back()
            await home.until(lambda: home.at_work(Role.ENTRY) == 0)
            await home.world.price(ROOT, PRICE - 7)  # past the entry
            await home.rest()
            assert home.net() == home.executor.watch.net() == 0
            assert home.is_covered()

    run_virtual(life())


def test_opposite_owners_of_one_contract_leave_each_other_alone() -> None:
    async def life() -> None:
        async with house(strategies=2) as home, lives(home):
            await opened(home, Side.BUY, 3, 0)
            await opened(home, Side.SELL, 2, 1)
            assert home.executor.watch.net() == 1
            home.part(1, 0)
            home.part(1, 1)
            await home.rest()
            at_rest(home, 2, sold=1, strategy=0)
            at_rest(home, -1, sold=1, strategy=1)
            assert home.executor.watch.net() == 1
            await home.world.price(ROOT, PRICE + 12)  # a target of one, a stop of the other
            await home.rest()
            assert (home.net(0), home.net(1)) == (0, 0)
            assert home.closed(Role.TAKE_PROFIT, 0) == 2
            assert home.closed(Role.STOP_LOSS, 1) == 1

    run_virtual(life())
