"""TC-E: one order, no legs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from shared.domain.order import Action, BrokerStatus, OrderType, TimeInForce
from shared.ports.broker import Accepted
from tests.contract.broker.desk import Desk
from tests.contract.broker.registry import case
from tests.contract.broker.stage import Setting, Trouble

SATURDAY = Setting(at=datetime(2026, 3, 7, 18, 0, tzinfo=UTC))


@case("TC-E01", "A market buy is filled whole, with its fee, its position and its client id.")
async def market_buy(desk: Desk) -> None:
    request = desk.order(qty=2)
    order_id = await desk.fills(request)
    fact = desk.books.orders[order_id]
    assert (fact.client_id, fact.order_type) == (request.client_id, OrderType.MARKET)
    assert desk.net() == 2
    assert {fill.fill_id for fill in desk.fills_of(order_id)} <= desk.books.fees_usd.keys()


@case("TC-E02", "A market sell is filled whole and opens a short position.")
async def market_sell(desk: Desk) -> None:
    await desk.fills(desk.order(Action.SELL, 3))
    assert desk.net() == -3


@case("TC-E03", "A limit buy below the market works, and fills at its price or better.")
async def limit_buy(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-5))
    assert desk.books.orders[order_id].price == desk.at(-5)
    await desk.price(-6)
    await desk.reaches(order_id, BrokerStatus.FILLED)
    await desk.until(lambda: desk.filled_qty(order_id) == 1)
    assert all(fill.price <= desk.at(-5) for fill in desk.fills_of(order_id))


@case("TC-E04", "A limit sell above the market works, and fills at its price or better.")
async def limit_sell(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(5, Action.SELL))
    await desk.price(6)
    await desk.until(lambda: desk.filled_qty(order_id) == 1)
    assert all(fill.price >= desk.at(5) for fill in desk.fills_of(order_id))


@case("TC-E05", "A limit that the market has passed already fills at once, never worse.")
async def marketable_limit(desk: Desk) -> None:
    order_id = await desk.fills(desk.limit(5))
    assert all(fill.price <= desk.at(5) for fill in desk.fills_of(order_id))


@case("TC-E06", "A stop buy above the market rests until the market reaches it.")
async def stop_buy(desk: Desk) -> None:
    order_id = await desk.works(desk.stop(5))
    assert desk.books.orders[order_id].stop_price == desk.at(5)
    await desk.price(4)
    assert desk.books.status(order_id) is BrokerStatus.WORKING
    await desk.price(6)
    await desk.until(lambda: desk.filled_qty(order_id) == 1)


@case("TC-E07", "A stop sell below the market rests until the market reaches it.")
async def stop_sell(desk: Desk) -> None:
    order_id = await desk.works(desk.stop(-5, Action.SELL))
    await desk.price(-6)
    await desk.until(lambda: desk.filled_qty(order_id) == 1)
    assert desk.net() == -1


@case("TC-E08", "A stop limit buy fills after its stop, at its limit or better.")
async def stop_limit_buy(desk: Desk) -> None:
    request = desk.order(
        Action.BUY, 1, OrderType.STOP_LIMIT, price=desk.at(7), stop_price=desk.at(5)
    )
    order_id = await desk.works(request)
    fact = desk.books.orders[order_id]
    assert (fact.order_type, fact.price, fact.stop_price) == (
        OrderType.STOP_LIMIT,
        desk.at(7),
        desk.at(5),
    )
    await desk.price(6)
    await desk.until(lambda: desk.filled_qty(order_id) == 1)
    assert all(fill.price <= desk.at(7) for fill in desk.fills_of(order_id))


@case("TC-E09", "A stop limit sell that the market jumps over waits at its limit.")
async def stop_limit_sell(desk: Desk) -> None:
    request = desk.order(
        Action.SELL, 1, OrderType.STOP_LIMIT, price=desk.at(-6), stop_price=desk.at(-5)
    )
    order_id = await desk.works(request)
    await desk.price(-9)
    await desk.stage.sleep(2)
    assert not desk.fills_of(order_id)
    await desk.price(-5)
    await desk.until(lambda: desk.filled_qty(order_id) == 1)
    assert all(fill.price >= desk.at(-6) for fill in desk.fills_of(order_id))


@case("TC-E10", "A limit price off the tick is refused, and nothing works.")
async def limit_off_the_tick(desk: Desk) -> None:
    await desk.refused(replace(desk.limit(-5), price=desk.at(-5) + desk.stage.tick / 2))


@case("TC-E11", "A stop price off the tick is refused, and nothing works.")
async def stop_off_the_tick(desk: Desk) -> None:
    await desk.refused(replace(desk.stop(5), stop_price=desk.at(5) + desk.stage.tick / 5))


@case("TC-E12", "A quantity of zero or less is refused.")
async def no_quantity(desk: Desk) -> None:
    await desk.refused(desk.order(qty=0))
    await desk.refused(desk.order(qty=-1))


@case("TC-E13", "A limit order without a price, and a stop without one, are refused.")
async def no_price(desk: Desk) -> None:
    await desk.refused(desk.order(order_type=OrderType.LIMIT))
    await desk.refused(desk.order(order_type=OrderType.STOP))


@case("TC-E14", "A contract that does not exist is refused.")
async def no_contract(desk: Desk) -> None:
    await desk.refused(replace(desk.order(), contract="NOPEH6"))


@case("TC-E15", "An account that is not the login's is never traded, and not said to be accepted.")
async def strange_account(desk: Desk) -> None:
    request = replace(desk.order(), account=desk.account.account + 10**9, account_name="NOBODY")
    assert not isinstance(await desk.broker.place(request), Accepted)


@case("TC-E16", "More contracts than one order may have are refused.")
async def too_many_in_one(desk: Desk) -> None:
    await desk.trouble(Trouble.QTY_MAX, size=5)
    await desk.refused(desk.order(qty=6))
    await desk.fills(desk.order(qty=5))


@case("TC-E17", "An order that would hold too many is rejected, with the reason in the facts.")
async def too_many_held(desk: Desk) -> None:
    await desk.trouble(Trouble.POSITION_MAX, size=3)
    await desk.fills(desk.order(qty=3))
    assert await desk.rejected(desk.order())
    await desk.fills(desk.order(Action.SELL, 3))


@case("TC-E18", "An order that the risk check rejects is told Rejected, in the venue's words.")
async def rejected(desk: Desk) -> None:
    await desk.trouble(Trouble.REJECT, text="Margin is short")
    assert "Margin is short" in await desk.rejected(desk.order())
    assert desk.net() == 0


@case("TC-E19", "While the product does not trade an order is refused.", SATURDAY)
async def closed_market(desk: Desk) -> None:
    await desk.trouble(Trouble.HOURS)
    await desk.refused(desk.order())


@case("TC-E20", "An account that may only close opens nothing, and closes.")
async def closing_only(desk: Desk) -> None:
    await desk.fills(desk.order(qty=2))
    await desk.trouble(Trouble.CLOSING_ONLY)
    assert await desk.rejected(desk.order())
    await desk.fills(desk.order(Action.SELL, 2))
    assert desk.net() == 0


@case("TC-E21", "Where a client id counts once, a second order of the same id is not accepted.")
async def client_id_twice(desk: Desk) -> None:
    await desk.trouble(Trouble.UNIQUE_IDS)
    request = desk.limit(-5)
    order_id = await desk.works(request)
    assert not isinstance(await desk.broker.place(request), Accepted)
    assert await desk.found(request.client_id) == order_id
    assert len((await desk.truth()).working()) == 1


@case("TC-E22", "A fill-or-kill that cannot fill ends without working.")
async def fill_or_kill(desk: Desk) -> None:
    request = replace(desk.limit(-5), time_in_force=TimeInForce.FOK)
    order_id = (await desk.accepted(request)).order_id
    await desk.until(
        lambda: (
            desk.books.status(order_id)
            in {BrokerStatus.CANCELED, BrokerStatus.EXPIRED, BrokerStatus.REJECTED}
        )
    )
    assert not desk.fills_of(order_id)


@case("TC-E23", "An immediate-or-cancel fills what is there and ends.")
async def immediate_or_cancel(desk: Desk) -> None:
    order_id = await desk.fills(replace(desk.limit(5), time_in_force=TimeInForce.IOC))
    assert desk.books.status(order_id) is BrokerStatus.FILLED


@case("TC-E24", "Buying and selling the same quantity ends flat, the cash moved by both fees.")
async def round_trip(desk: Desk) -> None:
    before_usd = (await desk.truth()).cash_usd
    await desk.fills(desk.order(qty=2))
    await desk.fills(desk.order(Action.SELL, 2))
    truth = await desk.truth()
    assert truth.net() == desk.net() == 0
    assert sum(truth.fees_usd.values()) > 0
    assert truth.cash_usd < before_usd


@case("TC-E25", "One sell larger than the long position turns it round.")
async def flip(desk: Desk) -> None:
    await desk.fills(desk.order(qty=2))
    await desk.fills(desk.order(Action.SELL, 5))
    assert desk.net() == -3


@case("TC-E26", "Twenty orders sent at once each get their own answer and their own order.")
async def at_once(desk: Desk) -> None:
    requests = [desk.limit(-20 - number) for number in range(20)]
    outcomes = await asyncio.gather(*map(desk.accepted, requests))
    for request, outcome in zip(requests, outcomes, strict=True):
        await desk.reaches(outcome.order_id, BrokerStatus.WORKING)
        fact = desk.books.orders[outcome.order_id]
        assert (fact.client_id, fact.price) == (request.client_id, request.price)


@case("TC-E27", "Prices keep every digit: what is sent in quarters comes back in quarters.")
async def exact_prices(desk: Desk) -> None:
    price = desk.at(-5) - desk.stage.tick
    order_id = await desk.works(replace(desk.limit(-5), price=price))
    told = desk.books.orders[order_id].price
    assert told == price
    assert isinstance(told, Decimal)
