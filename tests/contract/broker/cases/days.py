"""TC-P and TC-K: quotes, and what the clock brings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime

from shared.domain.order import Action, BrokerStatus, TimeInForce
from shared.ports.broker import BalanceFact, QuoteFact
from tests.contract.broker.desk import Desk
from tests.contract.broker.registry import case
from tests.contract.broker.stage import BEFORE_THE_END, Setting, Trouble

BEFORE_THE_ROLL = Setting(at=datetime(2026, 3, 3, 22, 58, tzinfo=UTC))
FRIDAY_EVENING = Setting(at=datetime(2026, 3, 6, 21, 58, tzinfo=UTC))
# Clocks go forward in Chicago on Sunday 8 March 2026, two hours after midnight.
BEFORE_SUMMER = Setting(at=datetime(2026, 3, 8, 7, 58, tzinfo=UTC))


@asynccontextmanager
async def quoted(desk: Desk) -> AsyncIterator[list[QuoteFact]]:
    """All quotes told while the block runs."""
    told: list[QuoteFact] = []

    async def read() -> None:
        async for quote in desk.broker.quotes():
            told.append(quote)  # noqa: PERF401 - a comprehension would end with the stream

    reading = asyncio.create_task(read())
    try:
        yield told
    finally:
        reading.cancel()


async def reads(desk: Desk, told: list[QuoteFact], points: int) -> None:
    """The newest quote tells a trade there."""
    await desk.until(lambda: bool(told) and told[-1].last == desk.at(points))


# --- quotes -----------------------------------------------------------------------------------
@case("TC-P01", "A subscribed contract is quoted: bid below ask, both exact.")
async def quotes(desk: Desk) -> None:
    async with quoted(desk) as told:
        await desk.broker.subscribe(desk.stage.contract)
        await desk.until(lambda: bool(told), "a quote")
        quote = told[-1]
    assert quote.contract == desk.stage.contract
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.bid < quote.ask
    assert (quote.ask - quote.bid) % desk.stage.tick == 0


@case("TC-P02", "Quotes follow the market.")
async def quotes_follow(desk: Desk) -> None:
    async with quoted(desk) as told:
        await desk.broker.subscribe(desk.stage.contract)
        for points in (3, -3, 7):
            await desk.price(points)
            await reads(desk, told, points)


@case("TC-P03", "Subscribing twice is subscribing once.")
async def quotes_twice(desk: Desk) -> None:
    async with quoted(desk) as told:
        await desk.broker.subscribe(desk.stage.contract)
        await desk.broker.subscribe(desk.stage.contract)
        await desk.until(lambda: bool(told), "a quote")
        before = len(told)
        await desk.price(3)
        await reads(desk, told, 3)
        await desk.stage.sleep(2)
    assert len(told) - before <= 2


@case("TC-P04", "A subscription lives over a lost line.")
async def quotes_return(desk: Desk) -> None:
    async with quoted(desk) as told:
        await desk.broker.subscribe(desk.stage.contract)
        await desk.until(lambda: bool(told), "a quote")
        await desk.trouble(Trouble.DROP)
        await desk.in_sync(2)
        await desk.stage.sleep(30)
        await desk.price(5)
        await reads(desk, told, 5)


@case("TC-P05", "A contract that nobody knows is not quoted, and spoils no other.")
async def quotes_of_nothing(desk: Desk) -> None:
    async with quoted(desk) as told:
        await desk.broker.subscribe("NOPEH6")
        await desk.broker.subscribe(desk.stage.contract)
        await desk.until(lambda: bool(told), "a quote")
    assert {quote.contract for quote in told} == {desk.stage.contract}


# --- the clock --------------------------------------------------------------------------------
@case("TC-K01", "A Day order ends with the session, and is told so.", BEFORE_THE_END)
async def day_order(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-10))
    await desk.stage.sleep(300)
    await desk.until(lambda: desk.books.status(order_id) is not BrokerStatus.WORKING)
    await desk.price(-12)
    assert not desk.fills_of(order_id)


@case("TC-K02", "A GTC order lives over the end of the session.", BEFORE_THE_END)
async def gtc_order(desk: Desk) -> None:
    request = replace(desk.limit(-10), time_in_force=TimeInForce.GTC)
    order_id = await desk.works(request)
    await desk.stage.sleep(600)
    assert desk.books.status(order_id) is BrokerStatus.WORKING
    await desk.price(-12)
    await desk.reaches(order_id, BrokerStatus.FILLED)


@case("TC-K03", "A fill after 17:00 in Chicago belongs to the next day.", BEFORE_THE_ROLL)
async def trade_date(desk: Desk) -> None:
    first = await desk.fills(desk.order())
    await desk.stage.sleep(300)
    second = await desk.fills(desk.order(Action.SELL))
    days = [desk.fills_of(order_id)[0].trade_date for order_id in (first, second)]
    assert days == [date(2026, 3, 3), date(2026, 3, 4)]


@case("TC-K04", "A position is held over the roll of the day.", BEFORE_THE_ROLL)
async def position_rolls(desk: Desk) -> None:
    await desk.fills(desk.order(qty=2))
    await desk.stage.sleep(300)
    assert desk.net() == 2
    await desk.trouble(Trouble.DROP)
    await desk.in_sync(2)
    assert desk.net() == 2


@case("TC-K05", "The cash of the new day goes on from that of the old one.", BEFORE_THE_ROLL)
async def cash_rolls(desk: Desk) -> None:
    await desk.fills(desk.order())
    await desk.fills(desk.order(Action.SELL))
    before_usd = desk.books.balances[desk.account.account].cash_usd
    await desk.stage.sleep(300)
    await desk.fills(desk.order())
    balances = [fact for fact in desk.books.told if isinstance(fact, BalanceFact)]
    newest = [fact for fact in balances if fact.account == desk.account.account][-1]
    fee_usd = (await desk.truth()).fees_usd[max(desk.books.fills)]
    assert newest.trade_date == date(2026, 3, 4)
    assert newest.cash_usd == before_usd - fee_usd


@case("TC-K06", "The week ends, the line stays up, and no GTC order is lost.", FRIDAY_EVENING)
async def week_ends(desk: Desk) -> None:
    request = replace(desk.limit(-10), time_in_force=TimeInForce.GTC)
    order_id = await desk.works(request)
    await desk.stage.sleep(600)
    assert desk.books.status(order_id) is BrokerStatus.WORKING
    assert desk.broker.ready


@case("TC-K07", "The change to summer time neither drops the line nor moves a time.", BEFORE_SUMMER)
async def summer(desk: Desk) -> None:
    before = desk.stage.now()
    await desk.stage.sleep(600)
    await desk.fills(desk.order())
    (fill,) = desk.books.fills.values()
    assert before < fill.at <= desk.stage.now()
    assert desk.books.losses == 0


@case("TC-K08", "The time of facts is the venue's, in UTC, and never runs ahead of the clock.")
async def times_of_facts(desk: Desk) -> None:
    await desk.accepted(desk.order(legs=desk.legs()))
    await desk.until(lambda: len(desk.books.orders) == 3)
    times = [fact.at for fact in desk.books.orders.values()]
    times += [fact.at for fact in desk.books.fills.values()]
    assert all(at.utcoffset() == UTC.utcoffset(None) for at in times)
    assert all(at <= desk.stage.now() for at in times)
