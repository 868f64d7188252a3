"""Ordered pairs of faults over a bracket's life: a sample always, all of them with TM_FULL=1.

Each pair is lived through at every two moments that do not go back in time; which exit ends the
life follows from the pair.
"""

from __future__ import annotations

import os
import zlib
from itertools import combinations_with_replacement
from typing import Final

import pytest

from tests.simulation.life import Exit, Moment
from tests.simulation.strikes import STRIKES, Named
from tests.simulation.test_faults_singly import one_life
from tests.simulation.virtual_loop import run_virtual

# All pairs take some minutes: `make venue-faults`.
ALL: Final = os.environ.get("TM_FULL") == "1"
SAMPLE_SHARE: Final = 40  # one life in so many
MOMENTS: Final = tuple(combinations_with_replacement(Moment, 2))


def _number(*parts: object) -> int:
    return zlib.crc32(" ".join(map(str, parts)).encode())


@pytest.mark.timeout(600 if ALL else 60)
@pytest.mark.parametrize("first", STRIKES, ids=str)
def test_two_faults_lose_nothing_and_double_nothing(first: Named) -> None:
    for second in STRIKES:
        for one, two in MOMENTS:
            number = _number(first, second, one, two)
            if one not in first.moments or two not in second.moments:
                continue
            if ALL or number % SAMPLE_SHARE == 0:
                exit_ = list(Exit)[number // SAMPLE_SHARE % 2]
                told = f"{first} at {one}, then {second} at {two}, {exit_} hit"
                try:
                    run_virtual(one_life([(one, first), (two, second)], exit_, number % 997))
                except AssertionError as error:
                    raise AssertionError(f"{told}\n{error}") from error
