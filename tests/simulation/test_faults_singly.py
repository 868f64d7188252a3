"""Each fault alone, at each moment of a bracket's life, with either end."""

from __future__ import annotations

import pytest

from tests.simulation.life import Exit, Moment, check, driving, live
from tests.simulation.strikes import STRIKES, Named
from tests.simulation.venue_in_process import world
from tests.simulation.virtual_loop import run_virtual

SEED = 7


async def one_life(
    strikes: list[tuple[Moment, Named]], exit_: Exit, seed: int = SEED, chance: float = 0.0
) -> tuple[str, ...]:
    """Live it and check it; what the network did, which the same seed does again."""
    by_moment: dict[Moment, list[Named]] = {}
    for moment, named in strikes:
        by_moment.setdefault(moment, []).append(named)
    async with world(seed) as venue, driving(venue, seed) as driver:
        venue.link.chance = chance
        landing = {moment: [n.strike for n in some] for moment, some in by_moment.items()}
        await live(driver, exit_, landing)
        await check(driver)
        return tuple(f"{blow.strike}/{blow.way}" for blow in venue.link.struck)


@pytest.mark.parametrize("exit_", Exit)
def test_without_a_fault_the_bracket_ends_flat(exit_: Exit) -> None:
    async def flat() -> None:
        async with world(SEED) as venue, driving(venue, SEED) as driver:
            await live(driver, exit_, {})
            await check(driver)
            assert driver.books.net() == 0
            assert len(driver.books.fills) == 2

    run_virtual(flat())


@pytest.mark.parametrize("named", STRIKES, ids=str)
def test_one_fault_loses_nothing_and_doubles_nothing(named: Named) -> None:
    for number, moment in enumerate(sorted(named.moments)):
        run_virtual(one_life([(moment, named)], list(Exit)[number % 2]))


def test_a_driver_that_sends_again_is_caught() -> None:
    async def again() -> None:
        lost = next(named for named in STRIKES if named.name == "lose_answer")
        async with world(SEED) as venue, driving(venue, SEED) as driver:
            driver.sends_again = True
            await live(driver, Exit.STOP, {Moment.ENTRY: [lost.strike]})
            await check(driver)

    with pytest.raises(AssertionError, match="sent twice"):
        run_virtual(again())


@pytest.mark.parametrize("seed", range(12))
def test_a_network_that_fails_by_chance(seed: int) -> None:
    run_virtual(one_life([], list(Exit)[seed % 2], seed, chance=0.01))


def test_the_same_seed_gives_the_same_run() -> None:
    first, again = (run_virtual(one_life([], Exit.STOP, 11, chance=0.05)) for _ in range(2))
    assert first == again
    assert first
