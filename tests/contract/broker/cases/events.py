"""TC-F: fills, and events in whatever order they come."""

from __future__ import annotations

from shared.domain.order import Action, BrokerStatus
from shared.ports.broker import FeeFact, OrderFact
from tests.contract.broker.desk import Desk
from tests.contract.broker.registry import case
from tests.contract.broker.stage import Trouble


async def a_bracket_lives(desk: Desk) -> None:
    """Entry, both legs, the target hit, the stop gone with it."""
    outcome = await desk.accepted(desk.order(qty=2, legs=desk.legs()))
    stop_id, target_id = outcome.leg_order_ids
    await desk.reaches(outcome.order_id, BrokerStatus.FILLED)
    await desk.reaches(stop_id, BrokerStatus.WORKING)
    await desk.reaches(target_id, BrokerStatus.WORKING)
    await desk.price(11)
    await desk.reaches(target_id, BrokerStatus.FILLED)
    await desk.reaches(stop_id, BrokerStatus.CANCELED)
    await desk.until(lambda: desk.net() == 0)


@case("TC-F01", "Partial fills are told one by one and add up to the order.")
async def partial(desk: Desk) -> None:
    await desk.trouble(Trouble.PARTIAL, size=1)
    order_id = await desk.works(desk.limit(-5, qty=4))
    for _ in range(4):
        await desk.price(-6)
        await desk.stage.sleep(1)
    await desk.reaches(order_id, BrokerStatus.FILLED)
    assert len(desk.fills_of(order_id)) == 4


@case("TC-F02", "A partly filled order goes on working.")
async def partly_filled_works(desk: Desk) -> None:
    await desk.trouble(Trouble.PARTIAL, size=1)
    order_id = await desk.works(desk.limit(-5, qty=4))
    await desk.price(-6)
    await desk.until(lambda: desk.filled_qty(order_id) >= 1)
    assert desk.books.status(order_id) is BrokerStatus.WORKING
    assert desk.net() == desk.filled_qty(order_id) < 4


@case("TC-F03", "A fill fact is complete: account, order, contract, side, price, trading day.")
async def complete(desk: Desk) -> None:
    request = desk.order(Action.SELL, 2)
    order_id = await desk.fills(request)
    contract = await desk.broker.contract(desk.stage.contract)
    for fill in desk.fills_of(order_id):
        assert (fill.account, fill.contract) == (desk.account.account, request.contract)
        assert (fill.contract_id, fill.action) == (contract.contract_id, Action.SELL)
        assert fill.price > 0
        assert fill.at.utcoffset() is not None
        assert fill.trade_date == desk.stage.now().date()


@case("TC-F04", "Each event told twice changes nothing.")
async def doubled(desk: Desk) -> None:
    await desk.trouble(Trouble.DOUBLED)
    await a_bracket_lives(desk)


@case("TC-F05", "Events told last first give the same books.")
async def backwards(desk: Desk) -> None:
    await desk.trouble(Trouble.BACKWARDS)
    await a_bracket_lives(desk)


@case("TC-F06", "Events in chance orders give the same books.")
async def shuffled(desk: Desk) -> None:
    for seed in range(3):
        await desk.trouble(Trouble.SHUFFLED, seed=seed)
        await desk.price(0)
        await a_bracket_lives(desk)


@case("TC-F07", "Events in chance orders and twice, over frames of their own, too.")
async def all_at_once(desk: Desk) -> None:
    await desk.trouble(Trouble.SHUFFLED, seed=5)
    await desk.trouble(Trouble.DOUBLED)
    await desk.trouble(Trouble.SPLIT)
    await a_bracket_lives(desk)


@case("TC-F08", "A fill told before the acknowledgement of its order is not lost.")
async def fill_first(desk: Desk) -> None:
    await desk.trouble(Trouble.LATE_ANSWER, ms=2_000)
    request = desk.order()
    outcome = await desk.accepted(request)
    fills = desk.fills_of(outcome.order_id)
    assert sum(fill.qty_contracts for fill in fills) == 1


@case("TC-F09", "An acknowledgement long before its events is no fill.")
async def answer_first(desk: Desk) -> None:
    await desk.trouble(Trouble.LATE_EVENTS, ms=3_000)
    order_id = (await desk.accepted(desk.order())).order_id
    assert not desk.fills_of(order_id)
    await desk.reaches(order_id, BrokerStatus.FILLED)
    await desk.until(lambda: desk.filled_qty(order_id) == 1)


@case("TC-F10", "A busted fill is told again as not active, and the position follows.")
async def bust(desk: Desk) -> None:
    order_id = await desk.fills(desk.order(qty=2))
    await desk.trouble(Trouble.BUST)
    await desk.until(lambda: desk.net() == 0, "flat")
    assert not desk.fills_of(order_id)
    assert [f.active for f in desk.books.fills.values() if f.order_id == order_id] == [False]


@case("TC-F11", "A corrected fill is busted and told anew at its price, once.")
async def corrected(desk: Desk) -> None:
    order_id = await desk.fills(desk.order(qty=2))
    await desk.trouble(Trouble.CORRECT, price=desk.at(1))
    await desk.until(lambda: [f.price for f in desk.fills_of(order_id)] == [desk.at(1)])
    assert desk.net() == 2


@case("TC-F12", "A bust that comes while the feed is down is told on return.")
async def bust_unseen(desk: Desk) -> None:
    order_id = await desk.fills(desk.order())
    await desk.trouble(Trouble.DOWN)
    await desk.lost()
    await desk.trouble(Trouble.BUST)
    await desk.trouble(Trouble.UP)
    await desk.in_sync(2)
    await desk.until(lambda: not desk.fills_of(order_id))


@case("TC-F13", "The events of the whole day told again change nothing.")
async def replayed(desk: Desk) -> None:
    await a_bracket_lives(desk)
    before = dict(desk.books.orders), dict(desk.books.fills)
    await desk.trouble(Trouble.REPLAYED)
    await desk.stage.sleep(5)
    assert (desk.books.orders, desk.books.fills) == before


@case("TC-F14", "Kinds and fields that nobody knows are passed over.")
async def strange(desk: Desk) -> None:
    await desk.trouble(Trouble.STRANGE)
    await a_bracket_lives(desk)
    assert desk.books.losses == 0


@case("TC-F15", "A fee may come after its fill; each fill has exactly one in the end.")
async def fees(desk: Desk) -> None:
    await desk.fills(desk.order(qty=3))
    await desk.fills(desk.order(Action.SELL, 3))
    await desk.stage.sleep(2)
    assert desk.books.fees_usd.keys() == desk.books.fills.keys()
    assert all(fee > 0 for fee in desk.books.fees_usd.values())
    told = [fact for fact in desk.books.told if isinstance(fact, FeeFact)]
    assert len({(fact.fill_id, fact.fee_usd) for fact in told}) == len(desk.books.fills)


@case("TC-F16", "A position closed by a person, and one by the venue, are told.")
async def closed_by_others(desk: Desk) -> None:
    await desk.fills(desk.order(qty=2))
    await desk.trouble(Trouble.FLATTENED_BY_HAND)
    await desk.until(lambda: desk.net() == 0, "flat by hand")
    await desk.fills(desk.order(qty=2))
    await desk.trouble(Trouble.LIQUIDATED)
    await desk.until(lambda: desk.net() == 0, "flat by the venue")
    assert await desk.rejected(desk.order())


@case("TC-F17", "An order is never told before it has quantity and prices.")
async def never_half(desk: Desk) -> None:
    await desk.trouble(Trouble.SHUFFLED, seed=11)
    await desk.works(desk.limit(-10))
    await desk.works(desk.stop(20))
    await a_bracket_lives(desk)
    orders = [fact for fact in desk.books.told if isinstance(fact, OrderFact)]
    assert all(fact.qty_contracts > 0 and fact.contract for fact in orders)
