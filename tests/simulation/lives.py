"""Which lives there are: every fault alone, and every ordered pair, each at every moment.

Alone a fault strikes at each moment at which it means something, with each of the three ends. Of
two faults the second never strikes before the first, so two moments are one of fifteen pairs; a
pair of moments means something where both faults can act in the same life. Each of those is lived
once for each ordered pair of faults: its end, of the ends at which both can act, and the seed of
its accidents follow from the names. That a fault alone acted is checked; in a pair the first may
have ended what the second would have met.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Final

from tests.simulation.executor import Executor, executing
from tests.simulation.life import Exit, Moment, live
from tests.simulation.strikes import STRIKES, Named
from tests.simulation.venue_in_process import START, world
from tests.simulation.verdict import check, roles_of, statuses_of
from tests.simulation.virtual_loop import run_virtual

SEED: Final = 7
MOMENTS: Final = tuple(combinations_with_replacement(Moment, 2))


@dataclass(frozen=True, slots=True)
class Life:
    """What strikes, when, how it ends and by which seed."""

    strikes: tuple[tuple[Moment, Named], ...]
    exit: Exit
    seed: int = SEED

    def __str__(self) -> str:
        told = ", then ".join(f"{named} at {moment}" for moment, named in self.strikes)
        return f"{told or 'nothing'}, {self.exit}, seed {self.seed}"


def number_of(*parts: object) -> int:
    """A number that looks random and is always the same."""
    return zlib.crc32(" ".join(map(str, parts)).encode())


def alone(named: Named) -> Iterator[Life]:
    """At every moment with every end, where it can act at all."""
    for moment in sorted(named.moments, key=list(Moment).index):
        for exit_ in Exit:
            if named.acts_alone(moment, exit_):
                yield Life(((moment, named),), exit_)


def in_pairs(first: Named, one_in: int) -> Iterator[Life]:
    """The lives in which `first` strikes first, or one in so many of them."""
    for second in STRIKES:
        for one, two in MOMENTS:
            number = number_of(first, second, one, two)
            ends = _ends(first, one, second, two)
            if ends and number % one_in == 0:
                exit_ = ends[number // one_in % len(ends)]
                yield Life(((one, first), (two, second)), exit_, number % 997)


def _ends(first: Named, one: Moment, second: Named, two: Moment) -> list[Exit]:
    """The ends at which both can act; none where one of them could only stay armed."""
    if one not in first.moments or two not in second.moments:
        return []
    return [
        exit_
        for exit_ in Exit
        if (first.acts_alone(one, exit_) or second.provokes)
        and (second.acts_alone(two, exit_) or first.provokes)
    ]


def lived(life: Life) -> Executor:
    """Live it in a loop of its own, and check it. Raises AssertionError with the life's name."""
    return run_virtual(_lived(life))


async def _lived(life: Life) -> Executor:
    strikes = {m: [n.strike for at, n in life.strikes if at is m] for m in Moment}
    start = min((named.start for _, named in life.strikes if named.start != START), default=START)
    async with world(life.seed, start) as venue, executing(venue, life.seed) as executor:
        await live(executor, life.exit, strikes)
        try:
            await check(executor)
        except AssertionError as error:
            told = f"{life}\n{error}\n{roles_of(executor)}\n{statuses_of(executor)}"
            raise AssertionError(told) from error
        return executor
