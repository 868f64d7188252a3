"""Fills that the broker takes back, and what is left of their orders: one set of promises."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.order import BrokerStatus, OrderIntent, Role
from tests.contract.ledger.test_ledger import open_one
from tests.contract.ledger.world import BUY, World


async def state_of(world: World, intent: OrderIntent) -> object:
    (row,) = await world.rows("intents", id=str(intent.id))
    return row["state"]


async def test_a_fill_that_was_taken_back_unheard_ends_its_order_all_the_same(
    world: World,
) -> None:
    """The line was cut while the stop filled and the fill was busted: nothing works any more."""
    claimed = await open_one(world)
    stop = next(leg for leg in claimed.legs if leg.role is Role.STOP_LOSS)
    order = await world.order_id(stop)
    busted = replace(world.fill_fact(stop, order, "19990", 1), active=False)
    await world.tell(await world.order_fact(stop, BrokerStatus.FILLED), busted)
    assert await state_of(world, stop) == "FILLED"
    assert await world.position() == 1


async def test_the_order_may_be_shown_filled_after_the_fill_that_was_taken_back(
    world: World,
) -> None:
    claimed = await open_one(world)
    stop = next(leg for leg in claimed.legs if leg.role is Role.STOP_LOSS)
    order = await world.order_id(stop)
    await world.tell(replace(world.fill_fact(stop, order, "19990", 1), active=False))
    assert await state_of(world, stop) != "FILLED"
    await world.tell(await world.order_fact(stop, BrokerStatus.FILLED))
    assert await state_of(world, stop) == "FILLED"


async def test_legs_of_an_entry_that_was_taken_back_unheard_are_cancelled(world: World) -> None:
    """There was never a position, so no change of one tells that they work for nothing."""
    await world.signal(BUY)
    (claimed, _) = await world.send()
    order = await world.order_id(claimed.intent)
    busted = replace(world.fill_fact(claimed.intent, order, "20000", 1), active=False)
    await world.tell(await world.order_fact(claimed.intent, BrokerStatus.FILLED), busted)
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    legs = {await world.order_id(leg) for leg in claimed.legs}
    assert not legs & {each.broker_order_id for each in (await world.claim()).cancels}
    await world.advance(5)
    (world.lease,) = await world.ledger.renew_leases("me")
    assert legs <= {each.broker_order_id for each in (await world.claim()).cancels}
