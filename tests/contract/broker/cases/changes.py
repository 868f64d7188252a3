"""TC-M, TC-X, TC-L: what is done to an order or a position that is there."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from shared.domain.order import Action, BrokerStatus, OrderType, TimeInForce
from shared.ports.broker import Accepted, Refused
from tests.contract.broker.desk import Desk, became
from tests.contract.broker.registry import case
from tests.contract.broker.stage import Trouble

NOWHERE = 987_654_321


# --- modify -----------------------------------------------------------------------------------
@case("TC-M01", "A new limit price is told, and the order keeps id, client id and status.")
async def new_limit(desk: Desk) -> None:
    request = desk.limit(-20)
    order_id = await desk.works(request)
    assert await desk.broker.modify(desk.change(order_id, points=-15)) == Accepted(order_id)
    await desk.until(lambda: desk.books.orders[order_id].price == desk.at(-15))
    fact = desk.books.orders[order_id]
    assert (fact.client_id, fact.status) == (request.client_id, BrokerStatus.WORKING)


@case("TC-M02", "A new stop price is told.")
async def new_stop(desk: Desk) -> None:
    order_id = await desk.works(desk.stop(20))
    change = desk.change(order_id, OrderType.STOP, stop_points=15)
    assert await desk.broker.modify(change) == Accepted(order_id)
    await desk.until(lambda: desk.books.orders[order_id].stop_price == desk.at(15))


@case("TC-M03", "A new quantity is told, and that many are filled.")
async def new_quantity(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-5))
    became(await desk.broker.modify(desk.change(order_id, qty=4, points=-5)), Accepted)
    await desk.until(lambda: desk.books.orders[order_id].qty_contracts == 4)
    await desk.price(-6)
    await desk.until(lambda: desk.filled_qty(order_id) == 4)


@case("TC-M04", "A limit moved through the market fills at once.")
async def moved_through(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-5))
    became(await desk.broker.modify(desk.change(order_id, points=5)), Accepted)
    await desk.reaches(order_id, BrokerStatus.FILLED)


@case("TC-M05", "A filled order cannot be modified.")
async def modify_filled(desk: Desk) -> None:
    order_id = await desk.fills(desk.order())
    became(await desk.broker.modify(desk.change(order_id, points=-5)), Refused)


@case("TC-M06", "A cancelled order cannot be modified.")
async def modify_cancelled(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-5))
    became(await desk.broker.cancel(order_id, desk.new_id()), Accepted)
    await desk.reaches(order_id, BrokerStatus.CANCELED)
    became(await desk.broker.modify(desk.change(order_id, points=-6)), Refused)


@case("TC-M07", "A price off the tick is refused, and the old terms stay in force.")
async def modify_off_the_tick(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-5))
    wrong = replace(desk.change(order_id, points=-5), price=desk.at(-5) + desk.stage.tick / 2)
    became(await desk.broker.modify(wrong), Refused)
    assert desk.books.orders[order_id].price == desk.at(-5)
    assert desk.books.status(order_id) is BrokerStatus.WORKING


@case("TC-M08", "An order that nobody knows is not said to be modified.")
async def modify_nowhere(desk: Desk) -> None:
    outcome = await desk.broker.modify(desk.change(NOWHERE, points=-5))
    assert not isinstance(outcome, Accepted)


@case("TC-M09", "Of ten changes in a row the last one stands.")
async def ten_changes(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-30))
    for points in range(-29, -19):
        became(await desk.broker.modify(desk.change(order_id, points=points)), Accepted)
    await desk.until(lambda: desk.books.orders[order_id].price == desk.at(-20))


@case("TC-M10", "A quantity below what is filled already is refused.")
async def below_filled(desk: Desk) -> None:
    await desk.trouble(Trouble.PARTIAL, size=2)
    order_id = await desk.works(desk.limit(-5, qty=5))
    await desk.price(-6)
    await desk.until(lambda: desk.filled_qty(order_id) >= 2)
    assert desk.books.status(order_id) is BrokerStatus.WORKING
    became(await desk.broker.modify(desk.change(order_id, qty=1, points=-5)), Refused)


@case("TC-M11", "A changed order is found by the client id it was placed with.")
async def found_after_change(desk: Desk) -> None:
    request = desk.limit(-20)
    order_id = await desk.works(request)
    became(await desk.broker.modify(desk.change(order_id, points=-15)), Accepted)
    assert await desk.found(request.client_id) == order_id


@case("TC-M12", "A stop turned into a limit order works as one.")
async def new_type(desk: Desk) -> None:
    order_id = await desk.works(desk.stop(20))
    change = desk.change(order_id, OrderType.LIMIT, points=-5)
    became(await desk.broker.modify(change), Accepted)
    await desk.until(lambda: desk.books.orders[order_id].order_type is OrderType.LIMIT)
    await desk.price(-6)
    await desk.reaches(order_id, BrokerStatus.FILLED)


# --- cancel -----------------------------------------------------------------------------------
@case("TC-X01", "A working order is cancelled and never fills.")
async def cancel_working(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-5))
    assert await desk.broker.cancel(order_id, desk.new_id()) == Accepted(order_id)
    await desk.reaches(order_id, BrokerStatus.CANCELED)
    await desk.price(-8)
    assert not desk.fills_of(order_id)


@case("TC-X02", "A filled order cannot be cancelled: `broker.order_final`.")
async def cancel_filled(desk: Desk) -> None:
    order_id = await desk.fills(desk.order())
    outcome = became(await desk.broker.cancel(order_id, desk.new_id()), Refused)
    assert outcome.code == "broker.order_final"


@case("TC-X03", "The second cancel of an order tells that it is final.")
async def cancel_twice(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-5))
    became(await desk.broker.cancel(order_id, desk.new_id()), Accepted)
    await desk.reaches(order_id, BrokerStatus.CANCELED)
    outcome = became(await desk.broker.cancel(order_id, desk.new_id()), Refused)
    assert outcome.code == "broker.order_final"


@case("TC-X04", "An order that nobody knows is not said to be cancelled.")
async def cancel_nowhere(desk: Desk) -> None:
    assert not isinstance(await desk.broker.cancel(NOWHERE, desk.new_id()), Accepted)


@case("TC-X05", "A partly filled order is cancelled; what was filled stays.")
async def cancel_partly_filled(desk: Desk) -> None:
    await desk.trouble(Trouble.PARTIAL, size=1)
    order_id = await desk.works(desk.limit(-5, qty=4))
    await desk.price(-6)
    await desk.until(lambda: desk.filled_qty(order_id) >= 1)
    filled = desk.filled_qty(order_id)
    assert filled < 4
    became(await desk.broker.cancel(order_id, desk.new_id()), Accepted)
    await desk.reaches(order_id, BrokerStatus.CANCELED)
    assert desk.net() == desk.filled_qty(order_id) == filled


@case("TC-X06", "Two cancels of one order at once end it once and harm nothing.")
async def cancel_twice_at_once(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-5))
    outcomes = await asyncio.gather(
        desk.broker.cancel(order_id, desk.new_id()), desk.broker.cancel(order_id, desk.new_id())
    )
    assert Accepted(order_id) in outcomes
    await desk.reaches(order_id, BrokerStatus.CANCELED)


@case("TC-X07", "A cancel that races with the fill: either one wins, and the facts tell which.")
async def cancel_races(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-5))
    outcome, _ = await asyncio.gather(desk.broker.cancel(order_id, desk.new_id()), desk.price(-6))
    await desk.until(
        lambda: desk.books.status(order_id) in {BrokerStatus.CANCELED, BrokerStatus.FILLED}
    )
    if desk.books.status(order_id) is BrokerStatus.CANCELED:
        assert outcome == Accepted(order_id)
        assert desk.net() == 0


@case("TC-X08", "A GTC order is cancelled as any other.")
async def cancel_gtc(desk: Desk) -> None:
    order_id = await desk.works(replace(desk.limit(-5), time_in_force=TimeInForce.GTC))
    became(await desk.broker.cancel(order_id, desk.new_id()), Accepted)
    await desk.reaches(order_id, BrokerStatus.CANCELED)


# --- liquidate --------------------------------------------------------------------------------
async def liquidated(desk: Desk) -> None:
    contract = await desk.broker.contract(desk.stage.contract)
    became(await desk.broker.liquidate(desk.account.account, contract.contract_id), Accepted)
    await desk.until(lambda: desk.net() == 0, "flat")


@case("TC-L01", "A long position is closed.")
async def liquidate_long(desk: Desk) -> None:
    await desk.fills(desk.order(qty=3))
    await liquidated(desk)


@case("TC-L02", "A short position is closed.")
async def liquidate_short(desk: Desk) -> None:
    await desk.fills(desk.order(Action.SELL, 3))
    await liquidated(desk)


@case("TC-L03", "The working orders of the contract end with the position.")
async def liquidate_orders(desk: Desk) -> None:
    await desk.fills(desk.order(qty=1))
    order_id = await desk.works(desk.limit(10, Action.SELL))
    await liquidated(desk)
    await desk.reaches(order_id, BrokerStatus.CANCELED)


@case("TC-L04", "With nothing to close the venue ends flat, whatever it answers.")
async def liquidate_nothing(desk: Desk) -> None:
    contract = await desk.broker.contract(desk.stage.contract)
    await desk.broker.liquidate(desk.account.account, contract.contract_id)
    assert (await desk.truth()).net() == 0


@case("TC-L05", "The other account of the login keeps its position and its orders.")
async def liquidate_one_account(desk: Desk) -> None:
    mine, other = (await desk.broker.accounts())[:2]
    await desk.fills(desk.order())
    desk.account = other
    await desk.fills(desk.order(qty=2))
    order_id = await desk.works(desk.limit(10, Action.SELL))
    desk.account = mine
    await liquidated(desk)
    desk.account = other
    assert desk.net() == 2
    assert desk.books.status(order_id) is BrokerStatus.WORKING
    desk.books.must_equal(other.account, await desk.truth())
    desk.account = mine


@case("TC-L06", "Asked twice at once, the position is closed and never turned round.")
async def liquidate_twice(desk: Desk) -> None:
    await desk.fills(desk.order(qty=2))
    contract = await desk.broker.contract(desk.stage.contract)
    await asyncio.gather(
        *(desk.broker.liquidate(desk.account.account, contract.contract_id) for _ in range(2))
    )
    await desk.until(lambda: desk.net() == 0, "flat")
    assert (await desk.truth()).net() == 0


@case("TC-L07", "A contract that nobody knows is not said to be closed.")
async def liquidate_nowhere(desk: Desk) -> None:
    outcome = await desk.broker.liquidate(desk.account.account, NOWHERE)
    assert not isinstance(outcome, Accepted)
