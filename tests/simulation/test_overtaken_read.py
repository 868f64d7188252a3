"""A full read that the stream has overtaken is told as of its end, not as of its beginning."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Final

from execution.mover import request_of
from shared.domain.order import Role
from shared.ports.ledger import LegOffset
from tests.simulation.executor import Executor, executing
from tests.simulation.life import PRICE, QUOTED_S, ROOT, SETTLE_S
from tests.simulation.rows import IntentRow, OrderRow
from tests.simulation.venue_in_process import World, world
from tests.simulation.virtual_loop import run_virtual
from tests.simulation.wire import Blow, Strike, Way

HELD_UP_S: Final = 2.0
RECORDED_S: Final = 0.1  # for the facts of the read to be in the record
TICK: Final = Decimal("0.25")  # within one, nobody moves a leg back
PARTS: Final = ("orderVersion/list", "command/list")


def stop_of(executor: Executor) -> IntentRow:
    return next(row for row in executor.store.intents.open() if row.role is Role.STOP_LOSS)


def shown(executor: Executor, stop: IntentRow) -> OrderRow:
    row = executor.store.orders.get((stop.account_id, stop.broker_order_id or 0))
    assert row is not None
    return row


async def moved_while_read(venue: World, executor: Executor) -> None:
    await venue.price(ROOT, PRICE)
    await venue.clock.sleep(QUOTED_S)
    executor.buy(PRICE)
    await executor.until(lambda: executor.owned() == 2, SETTLE_S)
    await venue.clock.sleep(SETTLE_S)
    stop, login = stop_of(executor), executor.logins.all()[0]
    before = shown(executor, stop).stop_price
    assert before is not None
    assert stop.broker_order_id is not None
    for part in PARTS:
        venue.link.arm(Blow(Strike.DELAY, Way.BACK, part, HELD_UP_S))
    read = asyncio.create_task(login.read(urgent=True))
    await venue.clock.sleep(HELD_UP_S / 2)
    leg = LegOffset(
        intent_id=stop.id,
        connection_id=login.lease.connection_id,
        broker_order_id=stop.broker_order_id,
        role=stop.role,
        qty_contracts=2,
        wanted=before + TICK,
    )
    await login.broker.modify(request_of(leg))
    await read
    await venue.clock.sleep(RECORDED_S)
    assert not venue.link.armed
    assert shown(executor, stop).stop_price == leg.wanted


def test_a_leg_moved_during_a_read_stands_where_it_was_moved_to() -> None:
    async def life() -> None:
        async with world(7) as venue, executing(venue, 7) as executor:
            await moved_while_read(venue, executor)

    run_virtual(life())
