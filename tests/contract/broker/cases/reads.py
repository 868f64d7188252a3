"""TC-R: what is asked for, beside what is told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.domain.errors import BrokerUnavailable, NotFound
from shared.domain.order import Action, BrokerStatus
from shared.ports.broker import (
    BalanceFact,
    FillFact,
    OrderFact,
    PositionFact,
    Synced,
)
from tests.contract.broker.books import Books
from tests.contract.broker.desk import Desk
from tests.contract.broker.registry import case
from tests.contract.broker.stage import Trouble


async def read(desk: Desk) -> Books:
    """The books as a full read tells them."""
    books = Books()
    for fact in (await desk.broker.snapshot()).facts:
        books.fold(fact)
    return books


@case("TC-R01", "All accounts of the login are listed, each with its own id and name.")
async def accounts(desk: Desk) -> None:
    listed = await desk.broker.accounts()
    assert len(listed) >= 2
    assert len({info.account for info in listed}) == len({info.name for info in listed})
    assert all(info.active for info in listed)


@case("TC-R02", "A contract tells its tick and its point value exactly, and keeps its id.")
async def contract(desk: Desk) -> None:
    info = await desk.broker.contract(desk.stage.contract)
    assert info.name == desk.stage.contract
    assert info.tick_size == desk.stage.tick
    assert isinstance(info.point_value_usd, Decimal)
    assert info == await desk.broker.contract(desk.stage.contract)


@case("TC-R03", "A contract that does not exist is NotFound, not an outage.")
async def no_contract(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.broker.contract("NOPEH6")


@case("TC-R04", "A quiet account reads as flat, with its cash.")
async def quiet(desk: Desk) -> None:
    books, truth = await read(desk), await desk.truth()
    books.must_equal(desk.account.account, truth)
    assert truth.nets == {}
    assert truth.cash_usd > 0


@case("TC-R05", "Orders, fills, fees, positions and cash read as the venue holds them.")
async def everything(desk: Desk) -> None:
    await desk.fills(desk.order(qty=2))
    await desk.works(desk.limit(-10))
    await desk.works(desk.stop(-12, Action.SELL))
    (await read(desk)).must_equal(desk.account.account, await desk.truth())


@case("TC-R06", "A full read and the feed tell the same of everything.")
async def read_and_told(desk: Desk) -> None:
    await desk.accepted(desk.order(qty=2, legs=desk.legs()))
    await desk.until(lambda: len(desk.books.orders) == 3)
    await desk.stage.sleep(2)
    books = await read(desk)
    assert books.orders == desk.books.orders
    assert books.fills == desk.books.fills
    assert books.fees_usd == desk.books.fees_usd


@case("TC-R07", "A full read names its time, not later than the answer.")
async def time_of_read(desk: Desk) -> None:
    before = desk.stage.now()
    snapshot = await desk.broker.snapshot()
    assert before <= snapshot.at <= desk.stage.now()


@case("TC-R08", "Client ids are found: entry and legs; what was never sent is absent.")
async def lookup(desk: Desk) -> None:
    request = desk.order(legs=desk.legs())
    outcome = await desk.accepted(request)
    absent = desk.new_id()
    ids = [request.client_id, *(leg.client_id for leg in request.legs)]
    found = await desk.broker.lookup(frozenset([*ids, absent]))
    assert found == dict(zip(ids, [outcome.order_id, *outcome.leg_order_ids], strict=True))


@case("TC-R09", "Asked for no client id, it answers with none.")
async def lookup_nothing(desk: Desk) -> None:
    assert await desk.broker.lookup(frozenset()) == {}


@case("TC-R10", "With the venue out of reach every read says so; none answers empty.")
async def unreachable(desk: Desk) -> None:
    await desk.trouble(Trouble.DOWN)
    with pytest.raises(BrokerUnavailable):
        await desk.broker.accounts()
    with pytest.raises(BrokerUnavailable):
        await desk.broker.snapshot()
    with pytest.raises(BrokerUnavailable):
        await desk.broker.lookup(frozenset({desk.new_id()}))


@case("TC-R11", "After a reconnect everything is told again, before `Synced`.")
async def whole_after_return(desk: Desk) -> None:
    filled = await desk.fills(desk.order(qty=2))
    working = await desk.works(desk.limit(-10))
    await desk.trouble(Trouble.DROP)
    await desk.lost()
    told_before = len(desk.books.told)
    await desk.in_sync(2)
    told = desk.books.told[told_before:]
    told = told[: next(n for n, fact in enumerate(told) if isinstance(fact, Synced))]
    assert {fact.order_id for fact in told if isinstance(fact, OrderFact)} >= {filled, working}
    assert {fact.order_id for fact in told if isinstance(fact, FillFact)} >= {filled}
    assert [fact.net_qty for fact in told if isinstance(fact, PositionFact)] == [2]
    assert desk.account.account in {f.account for f in told if isinstance(f, BalanceFact)}


@case("TC-R12", "An order placed by a person is told, without a client id.")
async def by_hand(desk: Desk) -> None:
    await desk.trouble(Trouble.BY_HAND, action="Sell", qty=2)
    await desk.until(lambda: desk.net() == -2)
    (fact,) = desk.books.orders.values()
    assert (fact.client_id, fact.status) == (None, BrokerStatus.FILLED)


@case("TC-R13", "A second reader of the facts begins with everything that is known.")
async def second_reader(desk: Desk) -> None:
    order_id = await desk.fills(desk.order())
    books = Books()
    async for fact in desk.broker.facts():
        books.fold(fact)
        if books.is_synced:
            break
    assert books.status(order_id) is BrokerStatus.FILLED
    books.must_equal(desk.account.account, await desk.truth())
