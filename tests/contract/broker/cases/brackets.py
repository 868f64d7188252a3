"""TC-B: orders that belong together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.order import Action, BrokerStatus, OrderType, TimeInForce
from shared.ports.broker import Accepted, LegRequest, PlaceRequest, Priority
from tests.contract.broker.desk import Desk, became
from tests.contract.broker.registry import case
from tests.contract.broker.stage import BEFORE_THE_END, Trouble

ENDED = {BrokerStatus.CANCELED, BrokerStatus.REJECTED, BrokerStatus.EXPIRED}


async def bracketed(desk: Desk, request: PlaceRequest) -> tuple[int, int, int]:
    """Entry, stop and target: placed, filled, both legs working."""
    outcome = await desk.accepted(request)
    stop_id, target_id = outcome.leg_order_ids
    await desk.reaches(outcome.order_id, BrokerStatus.FILLED)
    await desk.reaches(stop_id, BrokerStatus.WORKING)
    await desk.reaches(target_id, BrokerStatus.WORKING)
    return outcome.order_id, stop_id, target_id


def pair(desk: Desk, qty: int = 1) -> PlaceRequest:
    """A stop with a target beside it for a long position."""
    stop, target = desk.legs()
    return desk.order(
        Action.SELL,
        qty,
        OrderType.STOP,
        stop_price=stop.stop_price,
        time_in_force=TimeInForce.GTC,
        other=target,
        priority=Priority.PROTECTION,
    )


@case("TC-B01", "Both legs work once the entry is filled, with ids, prices and their parent.")
async def both_legs(desk: Desk) -> None:
    request = desk.order(qty=2, legs=desk.legs())
    entry_id, stop_id, target_id = await bracketed(desk, request)
    stop, target = desk.books.orders[stop_id], desk.books.orders[target_id]
    assert (stop.client_id, target.client_id) == tuple(leg.client_id for leg in request.legs)
    assert (stop.stop_price, target.price) == (desk.at(-10), desk.at(10))
    assert (stop.qty_contracts, target.qty_contracts) == (2, 2)
    assert stop.parent_order_id == target.parent_order_id == entry_id


@case("TC-B02", "The target filled ends the stop.")
async def target_hit(desk: Desk) -> None:
    _, stop_id, target_id = await bracketed(desk, desk.order(legs=desk.legs()))
    await desk.price(11)
    await desk.reaches(target_id, BrokerStatus.FILLED)
    await desk.reaches(stop_id, BrokerStatus.CANCELED)
    await desk.until(lambda: desk.net() == 0)


@case("TC-B03", "The stop filled ends the target.")
async def stop_hit(desk: Desk) -> None:
    _, stop_id, target_id = await bracketed(desk, desk.order(legs=desk.legs()))
    await desk.price(-11)
    await desk.reaches(stop_id, BrokerStatus.FILLED)
    await desk.reaches(target_id, BrokerStatus.CANCELED)
    await desk.until(lambda: desk.net() == 0)


@case("TC-B04", "A short entry has its legs the other way round.")
async def short_bracket(desk: Desk) -> None:
    request = desk.order(Action.SELL, legs=desk.legs(stop=10, target=-10))
    _, stop_id, target_id = await bracketed(desk, request)
    await desk.price(-11)
    await desk.reaches(target_id, BrokerStatus.FILLED)
    await desk.reaches(stop_id, BrokerStatus.CANCELED)


@case("TC-B05", "With a stop alone the entry is protected, and ends flat when it is hit.")
async def stop_alone(desk: Desk) -> None:
    stop, _ = desk.legs()
    outcome = await desk.accepted(desk.order(legs=(stop,)))
    (stop_id,) = outcome.leg_order_ids
    await desk.reaches(stop_id, BrokerStatus.WORKING)
    await desk.price(-11)
    await desk.until(lambda: desk.net() == 0 and desk.filled_qty(stop_id) == 1)


@case("TC-B06", "With a target alone the entry ends flat when it is reached.")
async def target_alone(desk: Desk) -> None:
    _, target = desk.legs()
    outcome = await desk.accepted(desk.order(legs=(target,)))
    (target_id,) = outcome.leg_order_ids
    await desk.reaches(target_id, BrokerStatus.WORKING)
    await desk.price(11)
    await desk.until(lambda: desk.net() == 0 and desk.filled_qty(target_id) == 1)


@case("TC-B07", "While the entry waits its legs do not work; cancelled, they go with it.")
async def waiting_entry(desk: Desk) -> None:
    request = replace(desk.limit(-5), legs=desk.legs(stop=-20))
    outcome = await desk.accepted(request)
    await desk.reaches(outcome.order_id, BrokerStatus.WORKING)
    for leg_id in outcome.leg_order_ids:
        assert desk.books.status(leg_id) is not BrokerStatus.WORKING
    became(await desk.broker.cancel(outcome.order_id, desk.new_id()), Accepted)
    for order_id in (outcome.order_id, *outcome.leg_order_ids):
        await desk.until(lambda: all_ended(desk, [outcome.order_id, *outcome.leg_order_ids]))
        assert not desk.fills_of(order_id)


def all_ended(desk: Desk, order_ids: list[int]) -> bool:
    return all(desk.books.status(order_id) in ENDED for order_id in order_ids)


@case("TC-B08", "An entry rejected by the risk check leaves no leg working.")
async def entry_rejected(desk: Desk) -> None:
    await desk.trouble(Trouble.REJECT, text="Margin is short")
    outcome = await desk.accepted(desk.order(legs=desk.legs()))
    await desk.reaches(outcome.order_id, BrokerStatus.REJECTED)
    await desk.stage.sleep(2)
    assert not (await desk.truth()).working()


@case("TC-B09", "A leg off the tick refuses the whole; no entry goes without its stop.")
async def leg_off_the_tick(desk: Desk) -> None:
    stop, target = desk.legs()
    wrong = replace(target, price=desk.at(10) + desk.stage.tick / 2)
    await desk.refused(desk.order(legs=(stop, wrong)))
    assert not (await desk.truth()).orders


@case("TC-B10", "Filled bit by bit, the entry is never held without exits for what is filled.")
async def partial_entry(desk: Desk) -> None:
    await desk.trouble(Trouble.PARTIAL, size=1)
    request = replace(desk.limit(-5, qty=3), legs=desk.legs(stop=-20))
    outcome = await desk.accepted(request)
    await desk.reaches(outcome.order_id, BrokerStatus.WORKING)
    for _ in range(3):
        await desk.price(-6)
        await desk.stage.sleep(1)
    await desk.reaches(outcome.order_id, BrokerStatus.FILLED)
    for leg_id in outcome.leg_order_ids:
        await desk.reaches(leg_id, BrokerStatus.WORKING)
        assert desk.books.orders[leg_id].qty_contracts == 3
    await desk.trouble(Trouble.PARTIAL, size=None)
    await desk.price(11)
    await desk.until(lambda: desk.net() == 0)


@case("TC-B11", "The stop of a bracket is moved, and fills at its new place.")
async def stop_moved(desk: Desk) -> None:
    _, stop_id, target_id = await bracketed(desk, desk.order(qty=2, legs=desk.legs()))
    change = desk.change(
        stop_id, OrderType.STOP, qty=2, stop_points=-4, time_in_force=TimeInForce.GTC
    )
    assert await desk.broker.modify(change) == Accepted(stop_id)
    await desk.until(lambda: desk.books.orders[stop_id].stop_price == desk.at(-4))
    await desk.price(-5)
    await desk.reaches(stop_id, BrokerStatus.FILLED)
    await desk.reaches(target_id, BrokerStatus.CANCELED)


@case("TC-B12", "The target of a bracket is moved, and fills at its new place.")
async def target_moved(desk: Desk) -> None:
    _, stop_id, target_id = await bracketed(desk, desk.order(legs=desk.legs()))
    change = desk.change(target_id, points=4, time_in_force=TimeInForce.GTC)
    assert await desk.broker.modify(change) == Accepted(target_id)
    await desk.price(5)
    await desk.reaches(target_id, BrokerStatus.FILLED)
    await desk.reaches(stop_id, BrokerStatus.CANCELED)


@case("TC-B13", "A stop that follows the market by changes never lets the position unprotected.")
async def stop_follows(desk: Desk) -> None:
    _, stop_id, _ = await bracketed(desk, desk.order(legs=desk.legs(stop=-10, target=40)))
    for points in range(2, 20, 2):
        await desk.price(points)
        change = desk.change(
            stop_id, OrderType.STOP, stop_points=points - 10, time_in_force=TimeInForce.GTC
        )
        became(await desk.broker.modify(change), Accepted)
        assert stop_id in (await desk.truth()).working()
    await desk.price(7)
    await desk.reaches(stop_id, BrokerStatus.FILLED)
    assert all(fill.price > desk.at(0) for fill in desk.fills_of(stop_id))


@case("TC-B14", "Two exits beside each other both work; the one that fills ends the other.")
async def pair_target(desk: Desk) -> None:
    await desk.fills(desk.order())
    outcome = await desk.accepted(pair(desk))
    (target_id,) = outcome.leg_order_ids
    await desk.reaches(outcome.order_id, BrokerStatus.WORKING)
    await desk.reaches(target_id, BrokerStatus.WORKING)
    await desk.price(11)
    await desk.reaches(target_id, BrokerStatus.FILLED)
    await desk.reaches(outcome.order_id, BrokerStatus.CANCELED)


@case("TC-B15", "One of a pair cancelled takes the other along, or leaves it working: told so.")
async def pair_cancelled(desk: Desk) -> None:
    await desk.fills(desk.order())
    outcome = await desk.accepted(pair(desk))
    (target_id,) = outcome.leg_order_ids
    await desk.reaches(target_id, BrokerStatus.WORKING)
    became(await desk.broker.cancel(target_id, desk.new_id()), Accepted)
    await desk.reaches(target_id, BrokerStatus.CANCELED)
    await desk.stage.sleep(1)
    is_working = outcome.order_id in (await desk.truth()).working()
    assert (desk.books.status(outcome.order_id) is BrokerStatus.WORKING) is is_working


@case("TC-B16", "The second of a pair off the tick refuses both.")
async def pair_off_the_tick(desk: Desk) -> None:
    await desk.fills(desk.order())
    request = pair(desk)
    assert request.other is not None
    wrong = replace(request.other, price=desk.at(10) + desk.stage.tick / 2)
    await desk.refused(replace(request, other=wrong))
    assert not (await desk.truth()).working()


@case(
    "TC-B17",
    "The legs outlive the session of their entry: they are good till cancelled.",
    BEFORE_THE_END,
)
async def legs_last(desk: Desk) -> None:
    _, stop_id, target_id = await bracketed(desk, desk.order(legs=desk.legs()))
    await desk.stage.sleep(600)
    assert desk.books.status(stop_id) is BrokerStatus.WORKING
    assert desk.books.status(target_id) is BrokerStatus.WORKING


@case("TC-B18", "Flattened by a person, a position leaves no exit that could turn it round.")
async def flattened(desk: Desk) -> None:
    await bracketed(desk, desk.order(qty=2, legs=desk.legs()))
    contract = await desk.broker.contract(desk.stage.contract)
    became(await desk.broker.liquidate(desk.account.account, contract.contract_id), Accepted)
    await desk.until(lambda: desk.net() == 0)
    await desk.price(15)
    await desk.price(-15)
    await desk.stage.sleep(1)
    assert (await desk.truth()).net() == 0


@case("TC-B19", "A bracket whose target is hit while the feed is down is told whole on return.")
async def hit_unseen(desk: Desk) -> None:
    _, stop_id, target_id = await bracketed(desk, desk.order(legs=desk.legs()))
    await desk.trouble(Trouble.DOWN)
    await desk.lost()
    await desk.price(11)
    await desk.trouble(Trouble.UP)
    await desk.in_sync(2)
    assert desk.books.status(target_id) is BrokerStatus.FILLED
    assert desk.books.status(stop_id) is BrokerStatus.CANCELED
    assert desk.net() == 0


@case("TC-B20", "Three legs, or legs with another beside them, are a mistake of the caller.")
async def impossible(desk: Desk) -> None:
    legs = desk.legs()
    third = LegRequest(desk.new_id(), Action.SELL, OrderType.LIMIT, price=desk.at(20))
    with pytest.raises(ValueError, match="two legs"):
        await desk.broker.place(desk.order(legs=(*legs, third)))
    with pytest.raises(ValueError, match="not both"):
        await desk.broker.place(desk.order(legs=legs, other=third))
    assert not (await desk.truth()).orders


@case("TC-B21", "Five brackets at once keep their own legs; each target ends its own stop.")
async def several(desk: Desk) -> None:
    outcomes = [
        await bracketed(desk, desk.order(legs=desk.legs(stop=-30, target=10 + 2 * number)))
        for number in range(5)
    ]
    await desk.price(13)
    for number, (_, stop_id, target_id) in enumerate(outcomes):
        is_hit = number < 2
        if is_hit:
            await desk.reaches(target_id, BrokerStatus.FILLED)
        stop = BrokerStatus.CANCELED if is_hit else BrokerStatus.WORKING
        await desk.reaches(stop_id, stop)
    assert desk.net() == 3
