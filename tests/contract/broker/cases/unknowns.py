"""TC-U: an answer that does not come proves nothing; the truth is asked for."""

from __future__ import annotations

import asyncio

from shared.domain.order import BrokerStatus
from shared.ports.broker import Accepted, NotSent, PlaceRequest, Unknown
from tests.contract.broker.desk import QUIET_S, Desk, became
from tests.contract.broker.registry import case
from tests.contract.broker.stage import Step, Trouble

HOUR_S = 3_600.0


async def unknown(desk: Desk, request: PlaceRequest) -> None:
    became(await desk.broker.place(request), Unknown)


async def there(desk: Desk, request: PlaceRequest) -> None:
    """It was taken: asked for, it is found; the facts tell it as well; it is there once."""
    order_id = await desk.found(request.client_id)
    assert order_id is not None
    await desk.until(lambda: desk.books.of(request.client_id) is not None, "told", HOUR_S)
    assert (await desk.truth()).placed_ids.count(request.client_id) == 1


async def absent(desk: Desk, request: PlaceRequest) -> None:
    """It was not taken: in sync and quiet, it is found neither by asking nor in the facts."""
    await desk.stage.sleep(QUIET_S)
    await desk.until(lambda: desk.broker.ready, "ready", HOUR_S)
    assert await desk.found(request.client_id) is None
    assert desk.books.of(request.client_id) is None
    assert request.client_id not in (await desk.truth()).placed_ids


@case("TC-U01", "With no connection at all an order is NotSent, and the venue never has it.")
async def no_connection(desk: Desk) -> None:
    await desk.trouble(Trouble.DOWN)
    await desk.lost()
    request = desk.order()
    became(await desk.broker.place(request), NotSent)
    await desk.trouble(Trouble.UP)
    await absent(desk, request)


@case("TC-U02", "The line breaks before the request arrives: Unknown; later absent for good.")
async def cut_before(desk: Desk) -> None:
    await desk.trouble(Trouble.CUT_BEFORE, step=Step.PLACE)
    request = desk.order()
    await unknown(desk, request)
    await absent(desk, request)


@case("TC-U03", "The line breaks after the request arrived: Unknown; later found.")
async def cut_after(desk: Desk) -> None:
    await desk.trouble(Trouble.CUT_AFTER, step=Step.PLACE)
    request = desk.order()
    await unknown(desk, request)
    await there(desk, request)


@case("TC-U04", "Nothing passes any more and nobody says so: Unknown within the time-out.")
async def half_open(desk: Desk) -> None:
    await desk.trouble(Trouble.HALF_OPEN, step=Step.PLACE)
    request = desk.order()
    began_s = desk.stage.now_s()
    await unknown(desk, request)
    assert desk.stage.now_s() - began_s < QUIET_S
    await absent(desk, request)


@case("TC-U05", "Done and never answered: Unknown; found by its client id.")
async def lost_answer(desk: Desk) -> None:
    await desk.trouble(Trouble.LOSE_ANSWER)
    request = desk.order()
    await unknown(desk, request)
    await there(desk, request)


@case("TC-U06", "Not done and never answered: Unknown; absent only after quiet.")
async def never_taken(desk: Desk) -> None:
    await desk.trouble(Trouble.NEVER_TAKEN)
    request = desk.order()
    await unknown(desk, request)
    await absent(desk, request)


@case("TC-U07", "Done and answered with a server error: Unknown; found.")
async def server_error(desk: Desk) -> None:
    await desk.trouble(Trouble.ERROR_AFTER)
    request = desk.order()
    await unknown(desk, request)
    await there(desk, request)


@case("TC-U08", "Done and answered with a success that cannot be read: Unknown; found.")
async def unreadable(desk: Desk) -> None:
    await desk.trouble(Trouble.UNREADABLE)
    request = desk.order()
    await unknown(desk, request)
    await there(desk, request)


@case("TC-U09", "Answered after the time-out: Unknown, and the late answer harms nothing.")
async def too_late(desk: Desk) -> None:
    await desk.trouble(Trouble.LATE_ANSWER, ms=9_000)
    request = desk.order()
    await unknown(desk, request)
    await there(desk, request)
    await desk.stage.sleep(10)
    await desk.fills(desk.order())


@case("TC-U10", "A lost bracket is found whole: entry and both legs by their own client ids.")
async def lost_bracket(desk: Desk) -> None:
    await desk.trouble(Trouble.LOSE_ANSWER)
    request = desk.order(legs=desk.legs())
    await unknown(desk, request)
    ids = {request.client_id, *(leg.client_id for leg in request.legs)}
    assert (await desk.broker.lookup(frozenset(ids))).keys() == ids
    await desk.until(lambda: all(is_working(desk, leg.client_id) for leg in request.legs))


def is_working(desk: Desk, client_id: str) -> bool:
    fact = desk.books.of(client_id)
    return fact is not None and fact.status is BrokerStatus.WORKING


@case("TC-U11", "A cancel whose answer is lost is Unknown; the facts tell that it was done.")
async def lost_cancel(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-10))
    await desk.trouble(Trouble.LOSE_ANSWER)
    became(await desk.broker.cancel(order_id, desk.new_id()), Unknown)
    await desk.reaches(order_id, BrokerStatus.CANCELED)


@case("TC-U12", "A cancel that never arrived is Unknown; the order works on.")
async def cancel_cut(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-10))
    await desk.trouble(Trouble.CUT_BEFORE, step=Step.CANCEL)
    became(await desk.broker.cancel(order_id, desk.new_id()), Unknown)
    await desk.in_sync(2)
    assert desk.books.status(order_id) is BrokerStatus.WORKING
    became(await desk.broker.cancel(order_id, desk.new_id()), Accepted)
    await desk.reaches(order_id, BrokerStatus.CANCELED)


@case("TC-U13", "A change whose answer is lost is Unknown; the facts tell the new terms.")
async def lost_modify(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-10))
    await desk.trouble(Trouble.LOSE_ANSWER)
    became(await desk.broker.modify(desk.change(order_id, points=-8)), Unknown)
    await desk.until(lambda: desk.books.orders[order_id].price == desk.at(-8))


@case("TC-U14", "A change that never arrived is Unknown; the old terms stand.")
async def modify_cut(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-10))
    await desk.trouble(Trouble.CUT_BEFORE, step=Step.MODIFY)
    became(await desk.broker.modify(desk.change(order_id, points=-8)), Unknown)
    await desk.in_sync(2)
    assert desk.books.orders[order_id].price == desk.at(-10)


@case("TC-U15", "A liquidation whose answer is lost is Unknown; the facts tell flat.")
async def lost_liquidation(desk: Desk) -> None:
    await desk.fills(desk.order(qty=2))
    contract = await desk.broker.contract(desk.stage.contract)
    await desk.trouble(Trouble.LOSE_ANSWER)
    became(await desk.broker.liquidate(desk.account.account, contract.contract_id), Unknown)
    await desk.until(lambda: desk.net() == 0, "flat")


@case("TC-U16", "An order sent while the feed is down is accepted, and its fill told on return.")
async def beside_the_feed(desk: Desk) -> None:
    await desk.trouble(Trouble.DROP)
    request = desk.order()
    order_id = (await desk.accepted(request)).order_id
    await desk.in_sync(2)
    await desk.reaches(order_id, BrokerStatus.FILLED)
    await there(desk, request)


@case("TC-U17", "Ten orders in flight when the line breaks are Unknown, each found or absent.")
async def ten_in_flight(desk: Desk) -> None:
    requests = [desk.limit(-20 - number) for number in range(10)]
    await desk.trouble(Trouble.CUT_AFTER, step=Step.PLACE)
    outcomes = await asyncio.gather(*map(desk.broker.place, requests))
    await desk.in_sync(2)
    await desk.stage.sleep(QUIET_S)
    ids = frozenset(request.client_id for request in requests)
    found = await desk.broker.lookup(ids)
    assert found.keys() == set((await desk.truth()).placed_ids)
    for request, outcome in zip(requests, outcomes, strict=True):
        match outcome:
            case Accepted(order_id):
                assert found[request.client_id] == order_id
            case NotSent():
                assert request.client_id not in found
            case _:
                became(outcome, Unknown)
