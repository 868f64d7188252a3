"""Averaging down: the real execution and the real venue, by quotes that fall, with deaths.

quote a step against the position -> one entry, committed -> claimed, sent, filled, with its bracket
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest

from shared.domain.alert_signal import Side
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.ids import Cause
from shared.domain.order import IntentState, Role
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import AverageDown, Bracket, OnAdd, Stop, Target
from tests.simulation.parts_house import PRICE, ROOT, House, house, lives
from tests.simulation.rows import IntentRow
from tests.simulation.test_ladders import exits, is_even, is_over, net
from tests.simulation.virtual_loop import run_virtual

SECOND_S: Final = 1.0
SETTLE_S: Final = 4.0
DOUBT_S: Final = 25.0  # an unknown fate takes nine
STAGE_S_MAX: Final = 30.0
POINTS: Final = 5  # of a step
DOWN: Final = Bracket(
    targets=(Target(at=Decimal(80)),),  # 20 points
    stop=Stop(at=Decimal(120)),  # 30 points
    average_down=AverageDown(step=Decimal(20), contracts=2, times=3),
)


def set_bracket(home: House, bracket: Bracket) -> None:
    row = home.store.strategies.one(home.strategies[0])
    ruled = replace(row.strategy, rules=StrategyRules(bracket=bracket))
    home.store.strategies.put(row.strategy.id, replace(row, strategy=ruled))


def adds(home: House) -> list[IntentRow]:
    return [row for row in home.intents(Role.ENTRY) if row.intent.cause is Cause.AVERAGE]


async def enter(home: House, side: Side) -> Decimal:
    await home.world.clock.sleep(SECOND_S)
    home.enter(side, 1)
    await home.until(lambda: abs(home.net()) == 1)
    await home.world.clock.sleep(SETTLE_S)
    (entry,) = home.intents(Role.ENTRY)
    return entry.fill_value


async def down_the_steps(side: Side) -> None:
    sign = 1 if side is Side.BUY else -1
    async with house() as home:
        executor, clock = home.executor, home.world.clock
        set_bracket(home, DOWN)
        async with lives(home):
            await enter(home, side)
            for number in (1, 2, 3):
                await home.world.price(ROOT, PRICE - (POINTS * number + 1) * sign)
                await clock.sleep(SETTLE_S)
                assert abs(home.net()) == 1 + 2 * number
                assert is_even(executor), exits(executor)
            await home.world.price(ROOT, PRICE - 22 * sign)
            await clock.sleep(SETTLE_S)
            assert (abs(net(executor)), len(adds(home))) == (7, 3)
            await home.world.price(ROOT, PRICE - 60 * sign)
            await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
            await clock.sleep(SETTLE_S)
            assert (net(executor), exits(executor)) == (0, [])
            assert is_over(executor)
            await home.rest()


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_each_step_adds_once_and_every_contract_is_stopped(side: Side) -> None:
    run_virtual(down_the_steps(side))


async def one_position() -> None:
    """With legs for the whole position they all follow the new average."""
    async with house() as home:
        executor, clock = home.executor, home.world.clock
        set_bracket(home, DOWN.model_copy(update={"on_add": OnAdd.PER_POSITION}))
        async with lives(home):
            await enter(home, Side.BUY)
            await home.world.price(ROOT, PRICE - POINTS - 1)
            await home.until(lambda: home.net() == 3)
            await clock.sleep(SETTLE_S)
            assert is_even(executor)
            (held,) = [r for r in home.store.positions.rows() if r.net_qty]
            assert held.avg_price is not None
            for kind, _, price in exits(executor):
                away = price - held.avg_price
                assert abs(away - (20 if kind == "Limit" else -30)) <= Decimal("0.25")


def test_legs_of_a_whole_position_follow_its_average() -> None:
    run_virtual(one_position())


async def a_gap() -> None:
    """Through every level at once: one add, and the next a step below that one."""
    async with house() as home:
        clock = home.world.clock
        set_bracket(home, DOWN)
        async with lives(home):
            await enter(home, Side.BUY)
            await home.world.price(ROOT, PRICE - 18)
            await clock.sleep(SETTLE_S)
            assert (home.net(), len(adds(home))) == (3, 1)
            await home.world.price(ROOT, PRICE - 18 - POINTS - 1)
            await clock.sleep(SETTLE_S)
            assert (home.net(), len(adds(home))) == (5, 2)


def test_a_gap_makes_one_add() -> None:
    run_virtual(a_gap())


async def killed(after_s: float) -> None:
    """The process dies between the decision, the claim, the call and the fill."""
    async with house() as home:
        executor, clock = home.executor, home.world.clock
        set_bracket(home, DOWN)
        async with lives(home, 1):
            await enter(home, Side.BUY)
            await home.world.price(ROOT, PRICE - POINTS - 1)
            await home.until(lambda: bool(adds(home)))
            await clock.sleep(after_s)
        assert len(adds(home)) == 1
        async with lives(home, 2):
            await clock.sleep(DOUBT_S)
            (add,) = adds(home)
            assert add.ended_at is not None
            assert home.net() == net(executor) == 1 + add.filled_qty
            assert add.filled_qty in (0, 2)
            assert is_even(executor), exits(executor)
            await home.rest()


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.002, 0.003, 0.01, 0.5])
def test_a_killed_process_adds_at_most_once(after_s: float) -> None:
    run_virtual(killed(after_s))


async def unsent() -> None:
    """Committed and never claimed: a process that comes in time sends it, a late one does not."""
    async with house() as home:
        clock = home.world.clock
        set_bracket(home, DOWN)
        async with lives(home, 1):
            await enter(home, Side.BUY)
            await home.world.price(ROOT, PRICE - POINTS - 1)
            await home.until(lambda: bool(adds(home)))
        (add,) = adds(home)
        assert add.state is IntentState.PENDING, "the process died before it was claimed"
        await clock.sleep(DOUBT_S)
        async with lives(home, 2):
            await clock.sleep(SETTLE_S)
            (add,) = adds(home)
            assert (add.state, home.net()) == (IntentState.STALE, 1)


def test_an_add_that_nobody_sent_in_time_is_over() -> None:
    run_virtual(unsent())


async def blind() -> None:
    """What was refused is not made up for by a price that has grown old."""
    async with house() as home:
        clock, strategy = home.world.clock, home.strategies[0]
        user = home.store.users[0]
        set_bracket(home, DOWN)
        async with lives(home, 1):
            await enter(home, Side.BUY)
            home.store.say(user, Scope.STRATEGY, strategy, Word.PAUSE)
            await home.world.price(ROOT, PRICE - POINTS - 1)
            await clock.sleep(SETTLE_S)
            home.store.say(user, Scope.STRATEGY, strategy, Word.RESUME)
            await clock.sleep(DOUBT_S)
            assert adds(home) == []
            await home.world.price(ROOT, PRICE - POINTS - 2)
            await home.until(lambda: home.net() == 3)


def test_a_refused_add_needs_a_fresh_price() -> None:
    run_virtual(blind())


async def in_trouble(fault: str) -> None:
    """The call of the add is refused, or its answer is lost: it was one try all the same."""
    async with house() as home:
        executor, clock = home.executor, home.world.clock
        set_bracket(home, DOWN)
        async with lives(home):
            await enter(home, Side.BUY)
            await home.world.control("fault", name=fault)
            await home.world.price(ROOT, PRICE - POINTS - 1)
            await home.until(lambda: bool(adds(home)))
            await clock.sleep(DOUBT_S)
            (add,) = adds(home)
            assert add.ended_at is not None
            assert home.net() == net(executor) == 1 + add.filled_qty
            assert is_even(executor), exits(executor)
            await home.rest()
            executor.close()
            await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
            await clock.sleep(SETTLE_S)
            assert (net(executor), exits(executor)) == (0, [])


@pytest.mark.parametrize(
    "fault", ["lose_answer", "reject_next", "timeout_before_accept", "error_after_accept"]
)
def test_a_try_in_trouble_is_never_two(fault: str) -> None:
    run_virtual(in_trouble(fault))
