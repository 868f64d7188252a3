"""A stop limit entry with its bracket, by the real execution at the real venue."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest

from shared.domain.order import Role
from tests.simulation.parts_house import PRICE, ROOT, house, lives
from tests.simulation.test_ladders import SECOND_S, SETTLE_S, exits, is_over, net
from tests.simulation.virtual_loop import run_virtual

TRIGGER: Final = PRICE + 5
LIMIT: Final = PRICE + 6
STAGE_S_MAX: Final = 30.0


async def enters(gap: Decimal) -> None:
    """Not before its trigger and not above its limit; then its legs, measured from the limit."""
    async with house() as home, lives(home):
        clock, executor = home.world.clock, home.executor
        await clock.sleep(SECOND_S)
        home.stop_limit(2, TRIGGER, LIMIT)
        await home.until(lambda: home.at_work(Role.ENTRY) == 2)
        await home.world.price(ROOT, TRIGGER - 1)
        await clock.sleep(SETTLE_S)
        assert net(executor) == 0
        await home.world.price(ROOT, TRIGGER + gap)
        await clock.sleep(SETTLE_S)
        if TRIGGER + gap > LIMIT:  # jumped over: it rests at its limit
            assert net(executor) == 0
            await home.world.price(ROOT, LIMIT - Decimal("0.5"))
        await home.until(lambda: home.net() == 2)
        await clock.sleep(SETTLE_S)
        (entry,) = home.intents(Role.ENTRY)
        assert entry.fill_value / entry.filled_qty <= LIMIT
        legs = {kind: price for kind, _, price in exits(executor)}
        assert legs == {"Limit": LIMIT + 10, "Stop": LIMIT - 10}
        await home.world.price(ROOT, LIMIT + 11)
        await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
        await clock.sleep(SETTLE_S)
        assert exits(executor) == []
        assert is_over(executor)
        await home.rest()


@pytest.mark.parametrize("gap", [Decimal("0.5"), Decimal(3)])
def test_it_enters_between_trigger_and_limit(gap: Decimal) -> None:
    run_virtual(enters(gap))
