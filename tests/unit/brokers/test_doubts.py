"""Two rows of one instant: guessed at once, asked about soon, right in the end."""

from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal
from typing import Any

import pytest

from shared.brokers.tradovate.cache import EntityStore
from shared.brokers.tradovate.doubts import Doubts
from shared.brokers.tradovate.limits import DOUBT_PAUSE_S_MAX
from shared.brokers.tradovate.outlet import FactOutlet
from shared.domain.errors import BrokerUnavailable
from shared.ports.broker import BalanceFact, PositionFact
from tests.fixtures.waiting import eventually
from tests.unit.brokers import rows
from tests.unit.brokers.test_adapter import held, venue
from tests.unit.brokers.test_cache import feed, last_of, over_the_wire, store_with_names
from tests.unit.brokers.venue import Venue
from tests.unit.brokers.virtual_time import VirtualClock, run

__all__ = ["venue"]  # the fixture

MONDAY = {"year": 2026, "month": 3, "day": 2}
TUESDAY = {"year": 2026, "month": 3, "day": 3}
POSITION_ID, BALANCE_ID = 77, 5
ROUND_TRIP_S = 0.4
EVENTS = 30
# One millisecond: bought two, one of them busted, one more bought.
BUSY = (
    rows.position(2, bought=2),
    rows.position(1, bought=1),
    rows.position(3, bought=3),
)


def net_of(store: EntityStore) -> int:
    return int(last_of(list(store.facts()), PositionFact).net_qty)


def cash_of(store: EntityStore) -> Decimal:
    return Decimal(last_of(list(store.facts()), BalanceFact).cash_usd)


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(BUSY)))))
@pytest.mark.parametrize("truth", range(len(BUSY)))
def test_what_the_broker_answers_stands_whatever_came_before(
    order: tuple[int, ...], truth: int
) -> None:
    store = store_with_names()
    feed(store, [("position", BUSY[number]) for number in order])
    assert store.take_doubts("position") == {POSITION_ID}
    assert not store.in_doubt
    told = store.settle("position", [over_the_wire(BUSY[truth])])
    assert net_of(store) == BUSY[truth]["netPos"]
    assert len(told) <= 1
    assert store.settle("position", [over_the_wire(BUSY[truth])]) == []


def test_a_repeat_is_no_doubt() -> None:
    store = store_with_names()
    feed(store, [("position", BUSY[0]), ("position", BUSY[0]), ("cashBalance", rows.balance())])
    feed(store, [("cashBalance", rows.balance())])
    assert not store.in_doubt


def test_a_later_row_ends_the_doubt() -> None:
    store = store_with_names()
    feed(store, [("position", BUSY[0]), ("position", BUSY[1])])
    assert store.in_doubt
    feed(store, [("position", rows.position(4, at="2026-03-02T15:31:00Z", bought=4))])
    assert not store.in_doubt


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_later_trading_day_is_later_within_one_instant(order: tuple[int, int]) -> None:
    """A new day begins with nothing bought or sold yet."""
    carried: Any = {"bought": 0, "prevPos": 2, "tradeDate": TUESDAY}
    days = (rows.position(2, bought=2, tradeDate=MONDAY), rows.position(2, **carried))
    balances = (
        rows.balance(tradeDate=MONDAY, realizedPnL=10),
        rows.balance(tradeDate=TUESDAY, realizedPnL=0),
    )
    store = store_with_names()
    feed(store, [("position", days[number]) for number in order])
    feed(store, [("cashBalance", balances[number]) for number in order])
    assert not store.in_doubt
    assert last_of(list(store.facts()), BalanceFact).realized_pnl_usd == 0
    feed(store, [("position", rows.position(3, bought=1, prevPos=2, tradeDate=TUESDAY))])
    assert net_of(store) == 3


def test_an_answer_that_is_older_than_an_event_is_not_taken() -> None:
    store = store_with_names()
    later = rows.position(4, at="2026-03-02T15:31:00Z", bought=4)
    feed(store, [("position", BUSY[0]), ("position", BUSY[1]), ("position", later)])
    assert store.settle("position", [over_the_wire(BUSY[1])]) == []
    assert net_of(store) == 4


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_balances_of_one_instant_are_in_doubt(order: tuple[int, int]) -> None:
    balances = (rows.balance(amount=100), rows.balance(amount=90))
    store = store_with_names()
    feed(store, [("cashBalance", balances[number]) for number in order])
    assert store.take_doubts("cashBalance") == {BALANCE_ID}
    store.settle("cashBalance", over_the_wire(balances[0]))
    assert cash_of(store) == 100


def test_doubts_that_could_not_be_asked_about_are_kept() -> None:
    store = store_with_names()
    store.doubt("position", [POSITION_ID])
    assert store.take_doubts("cashBalance") == frozenset()
    assert store.take_doubts("position") == {POSITION_ID}


class Desk:
    """A broker that answers what it is told to, in virtual time."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = store_with_names()
        outlet = FactOutlet(self.store.facts, self.clock)
        self.doubts = Doubts(self.ask, self.store, outlet, self.clock)
        self.truth: dict[str, rows.Row] = {}
        self.asked_at: list[tuple[str, float]] = []
        self.away: set[str] = set()

    async def ask(self, kind: str, ids: list[int]) -> list[object]:
        self.asked_at.append((kind, self.clock.monotonic()))
        await self.clock.sleep(ROUND_TRIP_S)
        if kind in self.away:
            raise BrokerUnavailable("broker.budget_spent", "No more.", retry_after_s=1000.0)
        return [over_the_wire(self.truth[kind])]

    def hear(self, kind: str, row: rows.Row) -> None:
        self.truth[kind] = row
        self.store.apply(kind, over_the_wire(row))
        self.doubts.look()


def test_what_is_shown_is_right_within_two_seconds_of_the_last_event() -> None:
    """Rows of one instant come every 0.1 s for a while, the last of them told before another."""

    async def main() -> None:
        desk = Desk()
        task = asyncio.create_task(desk.doubts.run())
        for number in range(EVENTS):
            await desk.clock.sleep(0.1)
            desk.hear("cashBalance", rows.balance(amount=number))
            desk.hear("position", rows.position(number, bought=EVENTS - number))
        late = rows.balance(amount=-1)  # an older one that comes last
        desk.store.apply("cashBalance", over_the_wire(late))
        desk.doubts.look()
        await desk.clock.sleep(2.0)
        assert cash_of(desk.store) == net_of(desk.store) == EVENTS - 1
        for kind in ("position", "cashBalance"):
            times = [at for asked, at in desk.asked_at if asked == kind]
            assert 1 < len(times) < EVENTS
            assert min(b - a for a, b in itertools.pairwise(times)) >= 1.0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(main())


def test_no_kind_waits_for_another_and_the_longest_pause_has_an_end() -> None:
    async def main() -> None:
        desk = Desk()
        desk.away = {"cashBalance"}
        task = asyncio.create_task(desk.doubts.run())
        for number in (1, 2):
            desk.hear("cashBalance", rows.balance(amount=number))
        await desk.clock.sleep(3.0)
        for row in (BUSY[0], BUSY[1]):
            desk.hear("position", row)
        await desk.clock.sleep(2.0)
        assert net_of(desk.store) == BUSY[1]["netPos"]
        await desk.clock.sleep(DOUBT_PAUSE_S_MAX)
        assert [kind for kind, _ in desk.asked_at] == ["cashBalance", "position", "cashBalance"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(main())


async def test_the_broker_is_asked_once_for_a_burst_and_its_answer_told(venue: Venue) -> None:
    venue.snapshot = [{"users": [], "contracts": [rows.contract()]}]
    venue.http["position/items"] = [BUSY[1]]
    venue.http["cashBalance/items"] = [rows.balance(amount=90)]
    async with held(venue) as (_, facts):
        await facts.synced()
        line = venue.lines[0]
        for row in BUSY:
            await line.event("position", row)
        for amount in (90, 100, 95):
            await line.event("cashBalance", rows.balance(amount=amount))

        def right(seen: list[Any]) -> bool:
            nets = [fact.net_qty for fact in seen if isinstance(fact, PositionFact)]
            cash = [fact.cash_usd for fact in seen if isinstance(fact, BalanceFact)]
            return nets[-1:] == [1] and cash[-1:] == [90] and len(cash) > 1

        await facts.until(right, timeout_s=10)
    assert venue.asked["position/items"] == [{"ids": str(POSITION_ID)}]
    assert venue.asked["cashBalance/items"] == [{"ids": str(BALANCE_ID)}]


async def test_a_question_that_fails_is_asked_again(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.brokers.tradovate.limits.DOUBT_RETRY_S", 0.05)
    venue.http["cashBalance/items"] = 500, None
    async with held(venue) as (_, facts):
        await facts.synced()
        for amount in (90, 100):
            await venue.lines[0].event("cashBalance", rows.balance(amount=amount))

        async def not_asked() -> str | None:
            return None if venue.asked["cashBalance/items"] else "nothing was asked"

        await eventually(not_asked, within_s=10, what="the question")
        venue.http["cashBalance/items"] = [rows.balance(amount=90)]
        await facts.until(
            lambda seen: (
                [f.cash_usd for f in seen if isinstance(f, BalanceFact)][-1:] == [90]
                and sum(isinstance(f, BalanceFact) for f in seen) > 1
            ),
            timeout_s=10,
        )
    assert len(venue.asked["cashBalance/items"]) > 1
