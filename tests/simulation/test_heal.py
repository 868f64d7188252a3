"""A strategy that heals goes back to what it asked for, whatever hands did, and never beyond."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper.faults import Fault
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.heal import HEALS_MAX
from shared.domain.ids import Cause
from shared.domain.order import Role
from shared.domain.rules.drift import DriftPolicy
from tests.simulation.parts_house import PRICE, ROOT, House, house, lives
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


Meanwhile = Callable[[House], Awaitable[None]]


async def _buys_back(home: House) -> None:
    await by_hand(home, "Buy", 2)


async def _sells_more(home: House) -> None:
    await by_hand(home, "Sell", 1)


async def _target_fills(home: House) -> None:
    await home.world.price(ROOT, PRICE + 14)


async def _stop_fills(home: House) -> None:
    await home.world.price(ROOT, PRICE - 14)


@pytest.mark.parametrize("fault", ["delay_answer_ms", "lose_answer"])
@pytest.mark.parametrize(
    ("meanwhile", "sold"),
    [
        (_buys_back, 2),
        (_sells_more, 3),
        (_target_fills, 2),
        (_stop_fills, 2),
    ],
)
def test_a_fill_while_healing_is_under_way_heals_nothing_twice(
    meanwhile: Meanwhile, sold: int, fault: str
) -> None:
    """The healing entry is at the broker and nobody knows its fate yet."""

    async def life() -> None:
        async with house() as home, lives(home):
            follow(home, DriftPolicy.HEAL)
            await opened(home)
            nets: list[int] = []
            home.world.onlookers.append(lambda: nets.append(home.executor.watch.net()))
            await home.world.control("fault", name=fault, count=1, ms=3_000)
            await by_hand(home, "Sell", 2)
            await home.until(lambda: healing(home), HEALED_S_MAX)
            await meanwhile(home)
            await home.rest()
            await home.rest()
            assert healed(home) <= sold
            assert max(nets) <= QTY + (2 if meanwhile is _buys_back else 0)
            assert 0 <= home.net() <= QTY
            assert home.is_covered()
            assert home.executor.watch.net() == home.net()

    run_virtual(life())


def test_a_sale_that_is_taken_back_while_it_is_healed_leaves_nothing_bare() -> None:
    """Then more is held than was asked for, and that is for a person; no entry follows."""

    async def life() -> None:
        async with house() as home, lives(home):
            follow(home, DriftPolicy.HEAL)
            await opened(home)
            await home.world.control("fault", name=Fault.DELAY_ANSWER_MS, count=1, ms=3_000)
            await by_hand(home, "Sell", 2)
            await home.until(lambda: healing(home), HEALED_S_MAX)
            account = home.executor.account.name
            await home.world.control("fault", name=Fault.BUST_FILL, account=account)
            await home.rest()
            await home.rest()
            assert healed(home) == 2
            assert home.executor.watch.net() == home.net() == QTY + 2
            assert home.is_covered()

    run_virtual(life())


def healing(home: House) -> bool:
    entries = (row for row in home.intents(Role.ENTRY) if row.intent.cause is Cause.HEAL)
    return any(row.claimed_at is not None and row.ended_at is None for row in entries)
