"""When requests are few, exits go first; after a 429 nobody else goes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from random import Random

import httpx
import pytest

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.budget import BURST, HOUR_S, SLOT_S, RequestBudget
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Urls
from shared.brokers.tradovate.spend import Spending
from shared.domain.errors import BrokerUnavailable, Unavailable
from shared.ports.broker import Accepted, NotSent, Priority
from shared.ports.spending import Spent
from tests.unit.brokers.fake_clock import FakeClock
from tests.unit.brokers.test_adapter import ENTRY
from tests.unit.brokers.venue import LOGIN, MemoryTokens, Venue, token_answer
from tests.unit.brokers.virtual_time import VirtualClock, run


def drawn(budget: RequestBudget, priority: Priority) -> int:
    count = 0
    while count < 1_000 and budget.draw(priority) == 0:
        count += 1
    return count


def test_each_class_leaves_some_for_those_above_it() -> None:
    budget = RequestBudget(FakeClock(), metered=True)
    counts = [drawn(budget, priority) for priority in reversed(Priority) if priority]
    assert counts == [32, 12, 12, 4, 4]  # recording first, resolution last
    assert sum(counts) == BURST * 0.8
    assert drawn(budget, Priority.EXIT) == 1_000


def test_what_is_spent_comes_back_at_the_hourly_rate() -> None:
    clock = FakeClock()
    budget = RequestBudget(clock, metered=True)
    drawn(budget, Priority.ENTRY)
    wait_s = budget.draw(Priority.ENTRY)
    assert wait_s == pytest.approx(0.8)
    clock.advance(wait_s + 0.001)
    assert budget.draw(Priority.ENTRY) == 0


def test_a_venue_of_our_own_has_no_budget() -> None:
    assert drawn(RequestBudget(FakeClock(), metered=False), Priority.RECORDING) == 1_000


def test_the_hour_is_shared_out_by_class_as_the_bucket_is() -> None:
    clock = FakeClock()
    budget = RequestBudget(clock, metered=True, per_hour=100, burst=1e6)
    counts = [drawn(budget, priority) for priority in reversed(Priority) if priority]
    assert counts == [40, 15, 15, 5, 5]
    assert budget.draw(Priority.RESOLUTION) == SLOT_S
    assert drawn(budget, Priority.EXIT) == 1_000
    clock.advance(HOUR_S + SLOT_S)
    assert drawn(budget, Priority.RECORDING) == 40


def test_the_record_of_all_processes_counts_and_nothing_counts_twice() -> None:
    clock = FakeClock()
    budget = RequestBudget(clock, metered=True, per_hour=100, burst=1e6)
    assert [budget.draw(Priority.ENTRY) for _ in range(10)] == [0.0] * 10
    batch = budget.unsaved()
    assert budget.draw(Priority.ENTRY) == 0  # while the batch is on its way
    budget.saved(batch, hour_total=60)  # ten of ours, fifty of others
    assert budget.hour_spent() == 61
    assert sum(budget.unsaved().values()) == 1
    assert drawn(budget, Priority.ENTRY) == 9
    clock.advance(HOUR_S)
    assert budget.hour_spent() == 10  # the record fell silent: only what we know ourselves


async def test_a_record_that_is_away_stops_nobody_and_loses_nothing() -> None:
    class Away:
        def __init__(self) -> None:
            self.batches: list[list[Spent]] = []
            self.away = True

        async def add(self, spent: Sequence[Spent], scopes: Collection[str]) -> dict[str, int]:
            if self.away:
                raise Unavailable("db.unreachable", "x")
            self.batches.append([*spent])
            return dict.fromkeys(scopes, sum(each.requests for each in spent))

    clock, book = FakeClock(), Away()
    spending = Spending(clock, book)
    demo, live = (Urls.of(f"https://{env}.tradovateapi.com/v1") for env in ("demo", "live"))
    budget = spending.budget(demo, "ann")
    assert spending.budget(live, "ann") is budget  # the broker counts the user, not the host
    assert spending.budget(live, "bob") is not budget
    assert drawn(budget, Priority.RECORDING) == 32
    await spending.sync()
    clock.advance(120)
    assert budget.draw(Priority.ENTRY) == 0
    book.away = False
    await spending.sync()
    assert book.batches == [
        [Spent("tradovateapi.com/ann", 120, 32), Spent("tradovateapi.com/ann", 0, 1)]
    ]
    await spending.sync()
    assert book.batches[1] == []


def broker(clock: VirtualClock, venue: Venue) -> TradovateBroker:
    rng = Random(1)  # noqa: S311 - jitter, no secret

    async def answer(request: httpx.Request) -> httpx.Response:
        await clock.sleep(0.001)  # on their way side by side
        return venue.over_http(request)

    return TradovateBroker(
        LOGIN,
        Urls.of("https://demo.tradovateapi.com/v1"),
        clock,
        MemoryTokens(),
        rng,
        egress=Egress(clock, rng),
        transport=httpx.MockTransport(answer),
    )


def test_after_a_429_only_exits_and_stops_knock() -> None:
    async def scene() -> None:
        clock, venue = VirtualClock(), Venue()
        venue.http["auth/accesstokenrequest"] = token_answer(life_s=1e9)
        cold = broker(clock, venue)
        await cold.accounts()
        venue.http["order/placeorder"] = (429, None)
        refused = await cold.place(ENTRY)
        assert isinstance(refused, NotSent)
        assert refused.cause == "broker.rate_limited"
        assert 30 <= refused.retry_after_s <= 36
        venue.http["order/placeorder"] = {"orderId": 5}
        exit_ = replace(ENTRY, priority=Priority.EXIT)
        assert await cold.place(exit_) == NotSent("broker.rate_limited", 1.75)
        assert len(venue.asked["order/placeorder"]) == 1  # nobody asked again
        await clock.sleep(2)
        assert isinstance(await cold.place(ENTRY), NotSent)
        assert await cold.place(exit_) == Accepted(5)
        with pytest.raises(BrokerUnavailable, match="wait"):
            await cold.contract("MESH6")
        await cold.snapshot()  # without a stream an exit learns of its legs by this alone
        await clock.sleep(31)
        assert await cold.place(ENTRY) == Accepted(5)

    run(scene())


def test_who_is_let_in_opens_the_door_for_exits_and_for_nobody_else() -> None:
    async def scene() -> None:
        clock, venue = VirtualClock(), Venue()
        venue.http["auth/accesstokenrequest"] = token_answer(life_s=1e9)
        cold = broker(clock, venue)
        await cold.accounts()
        venue.http["order/placeorder"] = (429, None)
        venue.http["order/cancelorder"] = {"commandId": 3}
        exit_ = replace(ENTRY, priority=Priority.EXIT)
        turned_away, let_in = await asyncio.gather(cold.place(exit_), cold.cancel(11, "x"))
        assert (turned_away, let_in) == (NotSent("broker.rate_limited", 1.75), Accepted(11))
        venue.http["order/placeorder"] = {"orderId": 5}
        assert await cold.place(exit_) == Accepted(5)
        assert isinstance(await cold.place(ENTRY), NotSent)

    run(scene())


def test_entries_stop_before_the_budget_does_and_exits_go_on() -> None:
    async def scene() -> None:
        clock, venue = VirtualClock(), Venue()
        venue.http["auth/accesstokenrequest"] = token_answer(life_s=1e9)
        venue.http["order/placeorder"] = {"orderId": 5}
        cold = broker(clock, venue)
        await cold.accounts()
        outcomes = [await cold.place(ENTRY) for _ in range(80)]
        assert sum(isinstance(each, Accepted) for each in outcomes) == 55
        assert outcomes[-1] == NotSent("broker.budget_spent", 1.0)
        exits = [await cold.place(replace(ENTRY, priority=Priority.EXIT)) for _ in range(60)]
        assert all(isinstance(each, Accepted) for each in exits)

    run(scene())
