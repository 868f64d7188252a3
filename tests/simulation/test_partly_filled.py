"""A resting ladder that fills in parts: legs work at once for what has filled, rungs follow.

While the entry works the broker bounds its legs by what has filled, whatever their quantity says.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest

from paper import rows as venue_rows
from shared.domain.order import Role
from tests.simulation.parts_house import PRICE, ROOT, House, house, lives
from tests.simulation.test_ladders import (
    LADDER,
    QTY,
    SECOND_S,
    SETTLE_S,
    exits,
    is_even,
    is_over,
    net,
    set_rules,
)
from tests.simulation.virtual_loop import run_virtual

LIMIT: Final = PRICE - 2
PART: Final = 2
STAGE_S_MAX: Final = 30.0
_DEAD: Final = frozenset({"Canceled", "Completed", "Expired", "Filled", "Rejected", "Suspended"})


def legs_at_work(home: House) -> list[str]:
    """The kinds of our sells that can trade."""
    venue, account = home.world.venue, home.executor.account.account
    return sorted(
        str(venue.trading.scribe.version_of(order.id).order_type)
        for order in venue.store.of_account(venue_rows.Order, account)
        if order.ord_status not in _DEAD and order.action == "Sell"
    )


async def partly(home: House) -> None:
    """Two of five are filled; the entry goes on working for the rest."""
    await home.world.clock.sleep(SECOND_S)
    await home.world.control("partial", max_size=PART)
    home.rest_entry(QTY, LIMIT)
    await home.until(lambda: home.at_work(Role.ENTRY) == QTY)
    await home.world.price(ROOT, LIMIT - Decimal("0.5"))
    await home.until(lambda: home.net() == PART)


async def covered_at_once() -> None:
    async with house() as home:
        set_rules(home.executor, LADDER)
        async with lives(home):
            await partly(home)
            await home.world.clock.sleep(SETTLE_S)
            assert legs_at_work(home) == ["Limit", "Stop"]
            assert home.at_work(Role.ENTRY) == QTY
            await home.world.price(ROOT, LIMIT + 16)
            await home.until(lambda: home.net() == 0)
            await home.world.clock.sleep(SETTLE_S)
            assert net(home.executor) == 0, "the target closed what had filled and no more"
            assert home.at_work(Role.ENTRY) == QTY
            await home.world.price(ROOT, LIMIT - Decimal("0.5"))
            await home.until(lambda: home.net() == PART)
            assert legs_at_work(home) == ["Limit", "Stop"]
            home.take_back()
            await home.world.clock.sleep(3 * SETTLE_S)
            assert net(home.executor) == PART
            assert is_even(home.executor), exits(home.executor)


def test_the_filled_part_of_a_working_ladder_is_covered() -> None:
    run_virtual(covered_at_once())


async def taken_back(dies: bool) -> None:
    async with house() as home:
        set_rules(home.executor, LADDER)
        async with lives(home, 1):
            await partly(home)
            home.take_back()
            if not dies:
                await home.world.clock.sleep(2 * SETTLE_S)
        async with lives(home, 2):
            await home.world.clock.sleep(8 * SETTLE_S)
            assert net(home.executor) == PART
            assert is_even(home.executor), exits(home.executor)
            targets = sorted(price for kind, _, price in exits(home.executor) if kind == "Limit")
            assert targets == [LIMIT + 5, LIMIT + 15], "the nearest rung has its share"
            await home.world.price(ROOT, LIMIT + 20)
            await home.until(lambda: net(home.executor) == 0, STAGE_S_MAX)
            await home.world.clock.sleep(SETTLE_S)
            assert exits(home.executor) == []
            assert is_over(home.executor)


@pytest.mark.parametrize("dies", [False, True])
def test_rungs_come_with_the_end_of_the_entry(dies: bool) -> None:
    run_virtual(taken_back(dies))
