"""Every fault over a bracket's life with the real execution: alone always, in pairs a sample.

All of the pairs, at every two moments that do not go back in time, are `make venue-faults`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

import pytest

from tests.simulation.life import Exit, Moment
from tests.simulation.lives import Life, alone, in_pairs, lived, number_of
from tests.simulation.strikes import STRIKES, Named

# All pairs take minutes, so the gate lives one life in so many: `make venue-faults` sets it.
ALL: Final = os.environ.get("TM_FULL") == "1"
ONE_ALONE_IN: Final = 1 if ALL else 6
ONE_PAIR_IN: Final = 1 if ALL else 250


@pytest.mark.parametrize("exit_", Exit)
def test_without_a_fault_the_bracket_ends_flat(exit_: Exit) -> None:
    executor = lived(Life((), exit_))
    assert executor.watch.net() == 0
    assert len(executor.store.fills.rows()) == 2
    assert not [code for _, code in executor.alarms if code is not None]


@pytest.mark.timeout(900 if ALL else 60)
@pytest.mark.parametrize("named", STRIKES, ids=str)
def test_one_fault_acts_and_does_no_harm(named: Named) -> None:
    lives = [
        life
        for number, life in enumerate(alone(named))
        if (number + number_of(named)) % ONE_ALONE_IN == 0
    ]
    assert not wrong_of(lives, acts=True)


@pytest.mark.timeout(1800 if ALL else 60)
@pytest.mark.parametrize("first", STRIKES, ids=str)
def test_two_faults_do_no_harm(first: Named) -> None:
    assert not wrong_of(in_pairs(first, ONE_PAIR_IN))


def wrong_of(lives: Iterable[Life], *, acts: bool = False) -> str:
    """What went wrong in each of them; none stops the others, an hour of them is one run."""
    wrong = []
    for life in lives:
        try:
            executor = lived(life)
        except AssertionError as error:
            wrong.append(str(error))
        else:
            if acts and executor.unspent:
                wrong.append(f"{life}: armed, and it never acted")
    return "\n".join(wrong)


def _pair(
    first: str, one: Moment, second: str, two: Moment, seed: int, exit_: Exit = Exit.SIGNAL
) -> Life:
    named = {each.name: each for each in STRIKES}
    return Life(((one, named[first]), (two, named[second])), exit_, seed)


@pytest.mark.parametrize(
    "life",
    [
        _pair("storm_429", Moment.HELD, "wrong_environment", Moment.HELD, 132),
        _pair("timeout_before_accept", Moment.HELD, "answer_before_event", Moment.EXITING, 692),
        _pair("delay/back", Moment.EXITING, "manual_order", Moment.EXITING, 358),
        _pair("wrong_environment", Moment.ENTRY, "lose_answer", Moment.ENTRY, 748),
        _pair("wrong_environment", Moment.ENTRY, "storm_429", Moment.EXITING, 61),
        _pair("manual_flatten", Moment.EXITING, "correct_fill", Moment.EXITING, 111),
        _pair("wrong_environment", Moment.HELD, "bust_fill", Moment.HELD, 734, Exit.STOP),
    ],
    ids=str,
)
def test_what_was_wrong_once_stays_right(life: Life) -> None:
    lived(life)
