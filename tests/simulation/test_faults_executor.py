"""The same life, driven by the real execution over the ledger in memory.

signal -> entry with bracket -> filled, legs moved to the fill -> stop or target hit -> flat
"""

from __future__ import annotations

import pytest

from tests.simulation.executor import Executor, executing
from tests.simulation.life import PRICE, ROOT, Exit, Moment, calm, land
from tests.simulation.strikes import STRIKES, Named
from tests.simulation.test_faults_in_pairs import ALL, number_of, pairs_of, told
from tests.simulation.venue_in_process import world
from tests.simulation.virtual_loop import run_virtual

SEED = 7
SAMPLE_SHARE = 200  # one life in so many; all of them with TM_FULL=1
# Somebody else trades in the account, or the exchange takes a fill back: what is left is theirs.
FOREIGN = frozenset(
    {"bust_fill", "correct_fill", "manual_order", "manual_flatten", "forced_liquidation"}
)
HELD_S = 3.0
RETURN_S_MAX = 7_200.0


async def one_life(strikes: list[tuple[Moment, Named]], exit_: Exit, seed: int = SEED) -> Executor:
    by_moment = {moment: [n.strike for m, n in strikes if m is moment] for moment in Moment}
    async with world(seed) as venue, executing(venue, seed) as executor:
        await venue.price(ROOT, PRICE)
        await land(executor, by_moment, Moment.ENTRY)
        executor.buy(PRICE - 2)  # two points off, so that the legs have to be moved
        await executor.until(lambda: executor.net() != 0)
        await land(executor, by_moment, Moment.WORKING)
        await venue.clock.sleep(HELD_S)
        await land(executor, by_moment, Moment.EXIT)
        await venue.price(ROOT, PRICE + 12 if exit_ is Exit.TARGET else PRICE - 14)
        await executor.until(lambda: executor.net() == 0)
        await calm(venue)
        await executor.until(lambda: executor.is_ready, RETURN_S_MAX)
        await calm(venue)
        await executor.check(alone=not any(named.name in FOREIGN for _, named in strikes))
        return executor


@pytest.mark.parametrize("exit_", Exit)
def test_without_a_fault_the_bracket_ends_flat(exit_: Exit) -> None:
    executor = run_virtual(one_life([], exit_))
    assert len(executor.store.fills.rows()) == 2


@pytest.mark.parametrize("named", STRIKES, ids=str)
def test_one_fault_leaves_the_books_right_and_nothing_naked(named: Named) -> None:
    moments = sorted(named.moments)
    for moment in moments if ALL else [moments[number_of(named) % len(moments)]]:
        for exit_ in Exit if ALL else [list(Exit)[number_of(named, moment) % 2]]:
            run_virtual(one_life([(moment, named)], exit_))


@pytest.mark.timeout(900 if ALL else 60)
@pytest.mark.parametrize("first", STRIKES, ids=str)
def test_two_faults_leave_the_books_right_and_nothing_naked(first: Named) -> None:
    for strikes, exit_, seed in pairs_of(first, one_in=1 if ALL else SAMPLE_SHARE):
        try:
            run_virtual(one_life(strikes, exit_, seed))
        except AssertionError as error:
            raise AssertionError(f"{told(strikes, exit_)}, seed {seed}\n{error}") from error
