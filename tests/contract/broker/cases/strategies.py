"""TC-B from 30 on: entries whose exits the broker places itself, at distances from the fill."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from shared.domain.order import Action, BrokerStatus, OrderType, TimeInForce
from shared.ports.broker import (
    Accepted,
    Bracket,
    NotSent,
    OrderFact,
    Refused,
    StrategyRequest,
    Trailing,
    Unknown,
)
from tests.contract.broker.desk import QUIET_S, Desk, became
from tests.contract.broker.registry import case
from tests.contract.broker.stage import Step, Trouble

HOUR_S = 3_600.0


def bracket(desk: Desk, qty: int = 1, target: int | None = 10, stop: int | None = 5) -> Bracket:
    return Bracket(
        qty,
        take_profit=None if target is None else target * desk.stage.point,
        stop_loss=None if stop is None else stop * desk.stage.point,
    )


def strategy(desk: Desk, *brackets: Bracket, action: Action = Action.BUY) -> StrategyRequest:
    return StrategyRequest(
        account=desk.account.account,
        account_name=desk.account.name,
        client_id=desk.new_id(),
        contract=desk.stage.contract,
        action=action,
        qty_contracts=sum(each.qty_contracts for each in brackets),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        brackets=brackets,
    )


def exits(desk: Desk, request: StrategyRequest, status: BrokerStatus) -> list[OrderFact]:
    orders = desk.books.orders.values()
    return [o for o in orders if o.strategy == request.client_id and o.status is status]


async def come(desk: Desk, request: StrategyRequest, status: BrokerStatus, count: int) -> None:
    await desk.until(
        lambda: len(exits(desk, request, status)) == count, f"{count} are {status}", HOUR_S
    )


async def stands(desk: Desk, request: StrategyRequest, count: int) -> Decimal:
    """Started, filled, so many exits working; the price of the entry."""
    outcome = became(await desk.broker.start(request), Accepted)
    assert outcome.is_strategy
    await come(desk, request, BrokerStatus.WORKING, count)
    entry = desk.books.of(request.client_id)
    assert entry is not None
    await desk.until(lambda: desk.filled_qty(entry.order_id) == request.qty_contracts)
    return desk.fills_of(entry.order_id)[0].price


def levels(desk: Desk, request: StrategyRequest) -> list[tuple[Decimal, int]]:
    """Where its working exits stand, and for how many contracts."""
    found = exits(desk, request, BrokerStatus.WORKING)
    return sorted((o.price or o.stop_price or Decimal(0), o.qty_contracts) for o in found)


@case("TC-B30", "Exits placed by the broker stand at the exact distance from the fill of a buy.")
async def long_strategy(desk: Desk) -> None:
    request = strategy(desk, bracket(desk, 2))
    price = await stands(desk, request, 2)
    assert levels(desk, request) == [(price - 5, 2), (price + 10, 2)]
    await desk.price(12)
    await come(desk, request, BrokerStatus.FILLED, 1)
    await come(desk, request, BrokerStatus.CANCELED, 1)
    await desk.until(lambda: desk.net() == 0)


@case("TC-B31", "The exits of a sell stand the other way round.")
async def short_strategy(desk: Desk) -> None:
    request = strategy(desk, bracket(desk), action=Action.SELL)
    price = await stands(desk, request, 2)
    assert levels(desk, request) == [(price - 10, 1), (price + 5, 1)]
    await desk.price(7)
    await come(desk, request, BrokerStatus.FILLED, 1)
    await desk.until(lambda: desk.net() == 0)


@case("TC-B32", "Several brackets share the entry out; each target ends its own stop only.")
async def several_brackets(desk: Desk) -> None:
    request = strategy(desk, bracket(desk, 2), bracket(desk, 1, target=20))
    price = await stands(desk, request, 4)
    expected = [(price - 5, 1), (price - 5, 2), (price + 10, 2), (price + 20, 1)]
    assert levels(desk, request) == expected
    await desk.price(12)
    await come(desk, request, BrokerStatus.FILLED, 1)
    await come(desk, request, BrokerStatus.CANCELED, 1)
    await desk.until(lambda: desk.net() == 1)
    assert levels(desk, request) == [(price - 5, 1), (price + 20, 1)]


@case("TC-B33", "A stop that trails follows the market up and never down.")
async def trails(desk: Desk) -> None:
    whole = replace(bracket(desk, target=None), follows=True)
    request = strategy(desk, whole)
    price = await stands(desk, request, 1)
    assert [level for level, _ in levels(desk, request)] == [price - 5]
    await desk.price(20)
    await desk.price(14)
    await come(desk, request, BrokerStatus.FILLED, 1)
    (stop,) = exits(desk, request, BrokerStatus.FILLED)
    assert all(fill.price > price for fill in desk.fills_of(stop.order_id))


@case("TC-B34", "From its trigger on a stop is brought to the entry's price: break even.")
async def break_even(desk: Desk) -> None:
    trailing = Trailing(Decimal(5), Decimal(5), desk.stage.tick)
    request = strategy(desk, replace(bracket(desk, target=None), trailing=trailing))
    price = await stands(desk, request, 1)
    await desk.price(8)
    await desk.price(-1)
    await come(desk, request, BrokerStatus.FILLED, 1)
    (stop,) = exits(desk, request, BrokerStatus.FILLED)
    assert all(fill.price > price - 5 for fill in desk.fills_of(stop.order_id))


@case(
    "TC-B35", "Interrupted, its exits are cancelled and the position stays; a second time: final."
)
async def interrupted(desk: Desk) -> None:
    request = strategy(desk, bracket(desk, 2))
    await stands(desk, request, 2)
    became(await desk.broker.interrupt(request.client_id), Accepted)
    await come(desk, request, BrokerStatus.CANCELED, 2)
    assert desk.net() == 2
    again = became(await desk.broker.interrupt(request.client_id), Refused)
    assert again.code == "broker.order_final"


@case("TC-B36", "One that nobody knows cannot be interrupted: final.")
async def interrupt_nothing(desk: Desk) -> None:
    outcome = became(await desk.broker.interrupt(desk.new_id()), Refused)
    assert outcome.code == "broker.order_final"


@case("TC-B37", "A distance off the tick refuses the whole; no entry goes without its exits.")
async def distance_off_the_tick(desk: Desk) -> None:
    off = replace(bracket(desk), stop_loss=desk.stage.point * 5 + desk.stage.tick / 2)
    became(await desk.broker.start(strategy(desk, off)), Refused)
    await desk.stage.sleep(2)
    assert not (await desk.truth()).orders


@case("TC-B38", "Started with a lost answer: Unknown; entry and exits are found, once.")
async def lost_start(desk: Desk) -> None:
    await desk.trouble(Trouble.LOSE_ANSWER)
    request = strategy(desk, bracket(desk))
    became(await desk.broker.start(request), Unknown)
    assert await desk.found(request.client_id) is not None
    await come(desk, request, BrokerStatus.WORKING, 2)


@case("TC-B39", "Started on a line that breaks first: Unknown; absent for good after quiet.")
async def cut_start(desk: Desk) -> None:
    await desk.trouble(Trouble.CUT_BEFORE, step=Step.START)
    request = strategy(desk, bracket(desk))
    became(await desk.broker.start(request), Unknown)
    await desk.stage.sleep(QUIET_S)
    await desk.until(lambda: desk.broker.ready, "ready", HOUR_S)
    assert await desk.found(request.client_id) is None
    assert not (await desk.truth()).orders


@case("TC-B40", "With no connection it is NotSent.")
async def no_connection(desk: Desk) -> None:
    await desk.trouble(Trouble.DOWN)
    await desk.lost()
    became(await desk.broker.start(strategy(desk, bracket(desk))), NotSent)


@case("TC-B41", "Events in chance orders and twice name the same entry and the same exits.")
async def shuffled(desk: Desk) -> None:
    for seed in range(3):
        await desk.trouble(Trouble.SHUFFLED, seed=seed)
        await desk.trouble(Trouble.DOUBLED)
        await desk.price(0)
        request = strategy(desk, bracket(desk, 2), bracket(desk, 1, target=20))
        await stands(desk, request, 4)
        await desk.price(25)
        await come(desk, request, BrokerStatus.FILLED, 2)
        await come(desk, request, BrokerStatus.CANCELED, 2)


@case("TC-B42", "What its exits did while the feed was down is told on return, with its name.")
async def hit_unseen(desk: Desk) -> None:
    request = strategy(desk, bracket(desk))
    await stands(desk, request, 2)
    await desk.trouble(Trouble.DOWN)
    await desk.lost()
    await desk.price(12)
    await desk.trouble(Trouble.UP)
    await desk.in_sync(2)
    await come(desk, request, BrokerStatus.FILLED, 1)
    await come(desk, request, BrokerStatus.CANCELED, 1)
    assert desk.net() == 0


@case("TC-B43", "An entry that fills bit by bit has exits for every part in the end.")
async def partial_entry(desk: Desk) -> None:
    await desk.trouble(Trouble.PARTIAL, size=1)
    whole = strategy(desk, bracket(desk, 3))
    request = replace(whole, order_type=OrderType.LIMIT, price=desk.at(-5))
    became(await desk.broker.start(request), Accepted)
    for _ in range(3):
        await desk.stage.sleep(1)
        await desk.price(-6)
    await desk.until(lambda: desk.net() == 3)
    await desk.stage.sleep(2)
    stops = [o for o in exits(desk, request, BrokerStatus.WORKING) if o.stop_price is not None]
    assert sum(stop.qty_contracts for stop in stops) == 3
