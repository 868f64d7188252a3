"""TC-S and TC-Q: what happens to the line, and what the venue allows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.errors import BrokerUnavailable
from shared.domain.order import Action, BrokerStatus, OrderType
from shared.ports.broker import Accepted, FeedLost, NotSent, Priority, Synced
from tests.contract.broker.desk import Desk, became
from tests.contract.broker.registry import case
from tests.contract.broker.stage import Step, Trouble

SILENCE_S = 15.0  # longer than any line may be quiet before it counts as dead
HOUR_S = 3_600.0


# --- the socket -------------------------------------------------------------------------------
@case("TC-S01", "Ten quiet minutes keep the line: heartbeats, no loss, a young age.")
async def quiet(desk: Desk) -> None:
    await desk.stage.sleep(600)
    assert desk.broker.ready
    assert desk.books.losses == 0
    assert desk.broker.age_s < SILENCE_S


@case("TC-S02", "Silence without an end of the line is noticed and mended.")
async def silence(desk: Desk) -> None:
    await desk.trouble(Trouble.HALF_OPEN, step=Step.ANY)
    await desk.until(lambda: desk.books.losses > 0, "silence is noticed", 2 * SILENCE_S)
    await desk.in_sync(2)
    await desk.fills(desk.order())


@case("TC-S03", "A dropped line is told lost once, then told in sync once.")
async def dropped(desk: Desk) -> None:
    await desk.trouble(Trouble.DROP)
    await desk.in_sync(2)
    await desk.stage.sleep(5)
    signs = [fact for fact in desk.books.told if isinstance(fact, Synced | FeedLost)]
    assert [type(fact) for fact in signs] == [Synced, FeedLost, Synced]


@case("TC-S04", "What happened in the gap is repaired: fills, cancels, positions, cash.")
async def gap(desk: Desk) -> None:
    bought = await desk.works(desk.limit(-5, qty=2))
    rests = await desk.works(desk.limit(-40))
    await desk.trouble(Trouble.DOWN)
    await desk.lost()
    await desk.price(-6)
    await desk.trouble(Trouble.BY_HAND, action="Sell", qty=1)
    await desk.trouble(Trouble.UP)
    await desk.in_sync(2)
    assert desk.books.status(bought) is BrokerStatus.FILLED
    assert desk.books.status(rests) is BrokerStatus.WORKING
    assert desk.net() == 1


@case("TC-S05", "Ten drops in a row end in sync, with nothing lost or doubled.")
async def ten_drops(desk: Desk) -> None:
    for number in range(10):
        await desk.trouble(Trouble.DROP)
        await desk.in_sync(number + 2, HOUR_S)
        await desk.fills(desk.order(Action.BUY if number % 2 == 0 else Action.SELL))
    assert desk.net() == 0


@case("TC-S06", "A long outage: lost all the time, back by itself, everything there.")
async def outage(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-10))
    await desk.trouble(Trouble.DOWN)
    await desk.lost()
    await desk.stage.sleep(1_200)
    assert not desk.broker.ready
    assert desk.books.syncs == 1
    await desk.trouble(Trouble.UP)
    await desk.in_sync(2, HOUR_S)
    assert desk.books.status(order_id) is BrokerStatus.WORKING


@case("TC-S07", "A frame that cannot be read costs the line, never a fact.")
async def nonsense(desk: Desk) -> None:
    await desk.trouble(Trouble.NONSENSE)
    outcome = await desk.broker.place(desk.order())
    assert not isinstance(outcome, NotSent)
    await desk.in_sync(2)
    await desk.until(lambda: desk.net() == 1)


@case("TC-S08", "A snapshot of five million bytes is taken.")
async def big(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-10))
    await desk.trouble(Trouble.BIG, bytes=5_000_000)
    await desk.trouble(Trouble.DROP)
    await desk.in_sync(2)
    assert desk.books.status(order_id) is BrokerStatus.WORKING


@case("TC-S09", "Events between the request of a snapshot and its answer are not lost.")
async def interleaved(desk: Desk) -> None:
    await desk.works(desk.limit(-5))
    await desk.trouble(Trouble.INTERLEAVED)
    await desk.trouble(Trouble.DROP)
    await desk.lost()
    await desk.price(-6)
    await desk.in_sync(2)
    await desk.until(lambda: desk.net() == 1)


@case("TC-S10", "Hundreds of orders of one day are told whole after a return.")
async def many(desk: Desk) -> None:
    for number in range(60):
        await desk.accepted(desk.limit(-20 - number))
        await desk.accepted(desk.order(Action.BUY if number % 2 == 0 else Action.SELL))
    await desk.trouble(Trouble.DROP)
    await desk.in_sync(2)
    assert len(desk.books.orders) == 120


# --- limits -----------------------------------------------------------------------------------
@case("TC-Q01", "An order turned away for their number is NotSent, with a wait, and absent.")
async def too_many(desk: Desk) -> None:
    await desk.trouble(Trouble.TOO_MANY, count=1)
    request = desk.order()
    outcome = became(await desk.broker.place(request), NotSent)
    assert outcome.retry_after_s > 0
    assert request.client_id not in (await desk.truth()).placed_ids


@case("TC-Q02", "After such an answer entries rest by themselves, and pass when it is over.")
async def entries_rest(desk: Desk) -> None:
    await desk.trouble(Trouble.TOO_MANY, count=1)
    became(await desk.broker.place(desk.order()), NotSent)
    again = became(await desk.broker.place(desk.order()), NotSent)
    await desk.stage.sleep(again.retry_after_s + 1)
    await desk.fills(desk.order())


@case("TC-Q03", "An exit is told a short wait, and passes after it, while entries rest.")
async def exits_knock(desk: Desk) -> None:
    await desk.fills(desk.order())
    await desk.trouble(Trouble.TOO_MANY, count=1)
    exit_ = desk.order(Action.SELL, priority=Priority.EXIT)
    outcome = became(await desk.broker.place(exit_), NotSent)
    assert 0 < outcome.retry_after_s <= 3
    await desk.stage.sleep(outcome.retry_after_s)
    became(await desk.broker.place(desk.order()), NotSent)
    await desk.fills(exit_)
    assert desk.net() == 0


@case("TC-Q04", "A protective stop is told a short wait as well.")
async def stops_knock(desk: Desk) -> None:
    await desk.fills(desk.order())
    await desk.trouble(Trouble.TOO_MANY, count=1)
    stop = desk.order(
        Action.SELL, 1, OrderType.STOP, stop_price=desk.at(-10), priority=Priority.PROTECTION
    )
    outcome = became(await desk.broker.place(stop), NotSent)
    assert outcome.retry_after_s <= 3
    await desk.stage.sleep(outcome.retry_after_s)
    await desk.works(stop)


@case("TC-Q05", "A penalty is NotSent with its wait; sent again after it, it is taken once.")
async def penalty(desk: Desk) -> None:
    await desk.trouble(Trouble.WAIT, s=3)
    request = desk.order()
    outcome = became(await desk.broker.place(request), NotSent)
    assert outcome.retry_after_s >= 3
    assert desk.broker.rests_s > 0
    await desk.stage.sleep(outcome.retry_after_s)
    assert desk.broker.rests_s == 0
    await desk.fills(request)
    assert (await desk.truth()).placed_ids == (request.client_id,)


@case("TC-Q06", "Sent again before the penalty is over, it is NotSent again.")
async def penalty_too_early(desk: Desk) -> None:
    await desk.trouble(Trouble.WAIT, s=30)
    request = desk.order()
    became(await desk.broker.place(request), NotSent)
    again = became(await desk.broker.place(request), NotSent)
    assert 0 < again.retry_after_s <= 30
    await desk.stage.sleep(again.retry_after_s + 0.1)
    await desk.fills(request)


@case("TC-Q07", "A captcha at an order is NotSent; for its hour none is tried, cancels are.")
async def captcha(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-20))
    await desk.trouble(Trouble.CAPTCHA)
    outcome = became(await desk.broker.place(desk.order()), NotSent)
    assert outcome.retry_after_s >= 600
    became(await desk.broker.place(desk.order()), NotSent)
    assert desk.broker.rests_s >= 600 - 1
    became(await desk.broker.cancel(order_id, desk.new_id()), Accepted)
    await desk.stage.sleep(outcome.retry_after_s + 1)
    assert desk.broker.rests_s == 0
    await desk.fills(desk.order())


@case("TC-Q08", "A cancel and a liquidation turned away for their number pass soon after.")
async def cancel_knocks(desk: Desk) -> None:
    await desk.fills(desk.order())
    order_id = await desk.works(desk.limit(-20))
    await desk.trouble(Trouble.TOO_MANY, count=1)
    outcome = became(await desk.broker.cancel(order_id, desk.new_id()), NotSent)
    await desk.stage.sleep(outcome.retry_after_s)
    became(await desk.broker.cancel(order_id, desk.new_id()), Accepted)
    await desk.reaches(order_id, BrokerStatus.CANCELED)


@case("TC-Q09", "Reads turned away for their number say so; the feed goes on.")
async def reads_turned_away(desk: Desk) -> None:
    await desk.trouble(Trouble.TOO_MANY, count=20)
    with pytest.raises(BrokerUnavailable):
        await desk.broker.snapshot()
    assert desk.broker.ready
    assert desk.books.losses == 0


@case("TC-Q10", "A line turned away for its number is tried again, spaced out, until it is up.")
async def lines_turned_away(desk: Desk) -> None:
    await desk.trouble(Trouble.TOO_MANY, count=3)
    await desk.trouble(Trouble.DROP)
    await desk.lost()
    await desk.in_sync(2, 3 * HOUR_S)
    await desk.fills(replace(desk.order(), priority=Priority.EXIT))
