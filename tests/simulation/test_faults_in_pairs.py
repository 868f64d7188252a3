"""Ordered pairs of faults over a bracket's life: a sample always, all of them with TM_FULL=1.

Each pair is lived through at every two moments that do not go back in time; which exit ends the
life follows from the pair.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Final

import pytest

from tests.simulation.life import Exit, Moment
from tests.simulation.strikes import STRIKES, Named
from tests.simulation.test_faults_singly import one_life
from tests.simulation.virtual_loop import run_virtual

# All pairs take some minutes: `make venue-faults`.
ALL: Final = os.environ.get("TM_FULL") == "1"
SAMPLE_SHARE: Final = 120  # one life in so many
MOMENTS: Final = tuple(combinations_with_replacement(Moment, 2))


Life = tuple[list[tuple[Moment, Named]], Exit, int]


def number_of(*parts: object) -> int:
    """A number that looks random and is always the same."""
    return zlib.crc32(" ".join(map(str, parts)).encode())


def pairs_of(first: Named, one_in: int) -> Iterator[Life]:
    """The lives in which `first` strikes first, or one in so many of them."""
    for second in STRIKES:
        for one, two in MOMENTS:
            number = number_of(first, second, one, two)
            if one in first.moments and two in second.moments and number % one_in == 0:
                yield [(one, first), (two, second)], list(Exit)[number // 3 % 2], number % 997


def told(strikes: list[tuple[Moment, Named]], exit_: Exit) -> str:
    return ", then ".join(f"{named} at {moment}" for moment, named in strikes) + f", {exit_} hit"


@pytest.mark.timeout(600 if ALL else 60)
@pytest.mark.parametrize("first", STRIKES, ids=str)
def test_two_faults_lose_nothing_and_double_nothing(first: Named) -> None:
    for strikes, exit_, seed in pairs_of(first, one_in=1 if ALL else SAMPLE_SHARE):
        try:
            run_virtual(one_life(strikes, exit_, seed))
        except AssertionError as error:
            raise AssertionError(f"{told(strikes, exit_)}, seed {seed}\n{error}") from error
