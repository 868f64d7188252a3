"""A strategy that heals goes back to what it asked for, whatever hands did, and never beyond."""

from __future__ import annotations

import os
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.heal import HEALS_MAX
from shared.domain.ids import Cause
from shared.domain.order import Role
from shared.domain.rules.drift import DriftPolicy
from tests.simulation.parts_house import House, house, lives
from tests.simulation.test_drift import by_hand, follow, opened, standing
from tests.simulation.virtual_loop import run_virtual

QTY: Final = 3
HEALED_S_MAX: Final = 12.0
CLOSE: Final = Signal(kind=SignalKind.CLOSE, dialect="test")


def healed(home: House) -> int:
    """Contracts that healing has entered."""
    entries = (row for row in home.intents(Role.ENTRY) if row.intent.cause is Cause.HEAL)
    return sum(row.filled_qty for row in entries)


def heals(home: House) -> set[int]:
    return {
        row.intent.cause_id for row in home.store.intents.rows() if row.intent.cause is Cause.HEAL
    }


def whole(home: House, net: int = QTY) -> bool:
    return home.executor.watch.net() == home.net() == net and home.is_covered()


@pytest.mark.parametrize(
    ("side", "action", "qty"),
    [(Side.BUY, "Sell", 3), (Side.BUY, "Sell", 1), (Side.SELL, "Buy", 2)],
)
def test_what_others_closed_is_entered_again_with_its_bracket(
    side: Side, action: str, qty: int
) -> None:
    net = QTY if side is Side.BUY else -QTY

    async def life() -> None:
        async with house() as home, lives(home):
            follow(home, DriftPolicy.HEAL)
            home.enter(side, QTY)
            await home.until(lambda: home.is_covered() and home.net() == net)
            await by_hand(home, action, qty)
            await home.until(lambda: healed(home) == qty and whole(home, net), HEALED_S_MAX)
            await home.rest()
            assert whole(home, net)
            assert len(heals(home)) == 1
            assert standing(home) == []

    run_virtual(life())


def test_what_others_hold_beside_is_closed() -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            follow(home, DriftPolicy.HEAL)
            await opened(home)
            await by_hand(home, "Buy", 2)
            await home.until(lambda: whole(home), HEALED_S_MAX)
            await home.rest()
            assert whole(home)
            assert healed(home) == 0
            assert standing(home) == []

    run_virtual(life())


def test_who_was_told_to_be_flat_is_not_brought_back() -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            follow(home, DriftPolicy.HEAL)
            await opened(home)
            await by_hand(home, "Sell", QTY)
            home.store.accept_signal(home.strategies[0], CLOSE)
            home.executor.planner.wake(home.strategies[0])
            await home.rest()
            assert whole(home, 0)
            assert healed(home) == 0

    run_virtual(life())


def test_a_pause_holds_healing_too() -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            follow(home, DriftPolicy.HEAL)
            await opened(home)
            home.store.say(home.store.users[0], Scope.STRATEGY, home.strategies[0], Word.PAUSE)
            await by_hand(home, "Sell", QTY)
            await home.rest()
            assert whole(home, 0)
            assert healed(home) == 0

    run_virtual(life())


def test_whoever_insists_is_let_have_it() -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            follow(home, DriftPolicy.HEAL)
            await opened(home)
            for _ in range(HEALS_MAX):
                await by_hand(home, "Sell", QTY)
                await home.until(lambda: home.executor.watch.net() == 0, HEALED_S_MAX)
                await home.until(lambda: whole(home), HEALED_S_MAX)
            await by_hand(home, "Sell", QTY)
            await home.rest()
            assert whole(home, 0)

    run_virtual(life())


PAUSES_S: Final = (0.0, 0.02, 0.3, 0.9, 2.5, 8.0)
# The whole proof takes minutes; these are as many as fit beside everything else.
EXAMPLES: Final = 100 if os.environ.get("TM_FULL") else 8
HANDS: Final = st.lists(
    st.tuples(st.sampled_from(["Buy", "Sell"]), st.integers(1, 4), st.sampled_from(PAUSES_S)),
    min_size=1,
    max_size=5,
)


@pytest.mark.timeout(900)
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(HANDS)
def test_healing_never_overshoots(hands: list[tuple[str, int, float]]) -> None:
    """Whatever hands do and when: no more is entered than was closed, nor held than asked."""

    async def life() -> None:
        async with house() as home, lives(home):
            follow(home, DriftPolicy.HEAL)
            await opened(home)
            sold = bought = 0
            for action, qty, pause_s in hands:
                await by_hand(home, action, qty)
                sold += qty if action == "Sell" else 0
                bought += qty if action == "Buy" else 0
                await home.world.clock.sleep(pause_s)
                assert healed(home) <= sold
                assert home.net() <= QTY
            await home.rest()
            await home.rest()
            assert healed(home) <= sold
            assert 0 <= home.net() <= QTY
            assert -sold <= home.executor.watch.net() <= QTY + bought
            assert len(heals(home)) <= 2 * len(hands)

    run_virtual(life())
