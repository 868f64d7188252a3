"""A ladder is moved to the next contract, cut off on its way: every rung has its pair again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Final

import pytest

from paper import feed
from shared.domain.order import IntentState, Role
from shared.domain.rules import RollPolicy, RollRules, StrategyRules
from shared.domain.rules.bracket import Bracket, Stop, Target, TrimUnit
from tests.simulation.calendar_house import QTY, House, open_house, running
from tests.simulation.rows import IntentRow
from tests.simulation.test_calendar import (
    CUT_OFF_S_MAX,
    NEW,
    ROLL_AT,
    SHORTLY,
    STEPS,
    TICK,
    check,
)
from tests.simulation.virtual_loop import run_virtual

NEAR, FAR, STOP = 100, 400, 200  # ticks from the entry
LADDER: Final = Bracket(
    targets=(
        Target(at=Decimal(NEAR), trim=Decimal(1), trim_unit=TrimUnit.CONTRACTS),
        Target(at=Decimal(FAR)),
    ),
    stop=Stop(at=Decimal(STOP)),
)


@pytest.fixture(autouse=True)
def _slow_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "DAY_CHECK_S", 20.0)


def at_work(house: House) -> list[IntentRow]:
    mine = house.seats["move"].account
    return [
        row
        for row in house.store.intents.open()
        if row.account_id == mine and row.is_leg and row.state is IntentState.WORKING
    ]


async def moved(step: str) -> House:
    struck, rings = STEPS[step]
    async with open_house(ROLL_AT.astimezone(UTC) - timedelta(hours=4)) as house:
        strategy = house.store.strategies.one(house.seats["move"].strategy)
        rules = StrategyRules(bracket=LADDER, roll=RollRules(policy=RollPolicy.MOVE))
        ruled = replace(strategy.strategy, rules=rules)
        house.store.strategies.put(strategy.strategy.id, replace(strategy, strategy=ruled))
        async with running(house):
            house.buy("move")
            assert await house.wait(lambda: bool(house.held("move")), 10)
            await house.world.clock.sleep(5)
            assert len(at_work(house)) == 4
        await house.until(ROLL_AT - SHORTLY)
        async with running(house, rings=rings):
            assert await house.wait(lambda: struck(house), 30), "never came so far"
        async with running(house):
            await house.world.clock.sleep(45)
        await check(house, CUT_OFF_S_MAX)
        return house


@pytest.mark.parametrize("step", ["exit filled", "entry planned", "entry filled, unheard"])
def test_every_rung_stands_in_the_new_contract(step: str) -> None:
    house = run_virtual(moved(step))
    assert house.held("move") == {NEW: QTY}
    legs = at_work(house)
    assert {leg.intent.contract for leg in legs} == {NEW}
    entry = house.store.intents.one(legs[0].intent.parent)  # type: ignore[arg-type] # a leg has one
    base = entry.fill_value / entry.filled_qty
    for role, wanted in ((Role.TAKE_PROFIT, [NEAR, FAR]), (Role.STOP_LOSS, [STOP, STOP])):
        mine = [leg for leg in legs if leg.role is role]
        assert sum(leg.intent.qty_contracts for leg in mine) == QTY
        orders = [
            house.store.orders.get((leg.account_id, leg.broker_order_id or 0)) for leg in mine
        ]
        prices = sorted(o.price or o.stop_price or base for o in orders if o is not None)
        away = [abs(price - base) / TICK for price in prices]
        # Levels shift by what the two orders cost, a tick or two.
        assert all(abs(a - w) <= 4 for a, w in zip(away, wanted, strict=True)), away
