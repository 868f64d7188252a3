"""A broker that takes its time does not fail: nothing is alarmed, closed or sent twice."""

from __future__ import annotations

import pytest

from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.order import IntentState, Role
from tests.simulation.executor import Executor, executing
from tests.simulation.life import PRICE, QUOTED_S, ROOT, SETTLE_S, STAGE_S_MAX
from tests.simulation.venue_in_process import world
from tests.simulation.virtual_loop import run_virtual

SLOW_MS = 1_500
REVERSE = Signal(kind=SignalKind.REVERSE, dialect="test", side=Side.SELL, quantity=2, price=PRICE)


def roles(executor: Executor) -> list[tuple[Role, IntentState]]:
    return [
        (row.role, row.state)
        for row in executor.store.intents.rows()
        if row.role in (Role.ENTRY, Role.EXIT)
    ]


async def reversed_slowly(fault: str) -> None:
    async with world(7) as venue, executing(venue, 7) as executor:
        await venue.price(ROOT, PRICE)
        await venue.clock.sleep(QUOTED_S)
        await venue.control("fault", name=fault, ms=SLOW_MS, count=-1)
        executor.buy(PRICE)
        await executor.until(lambda: executor.owned() == 2, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        executor.store.accept_signal(executor.strategy, REVERSE)
        executor.planner.wake(executor.strategy)
        await executor.until(lambda: executor.owned() == -2, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        assert executor.owned() == executor.watch.net() == -2
        assert executor.watch.covered() == 2
        filled = IntentState.FILLED
        assert roles(executor) == [(Role.ENTRY, filled), (Role.EXIT, filled), (Role.ENTRY, filled)]
        assert not [code for _, code in executor.alarms if code is not None]


@pytest.mark.parametrize("fault", ["delay_answer_ms", "answer_before_event"])
def test_a_reverse_under_a_slow_broker_is_an_ordinary_reverse(fault: str) -> None:
    run_virtual(reversed_slowly(fault))
