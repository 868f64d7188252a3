"""Facts reach the record, in an order that makes sense, whatever the database does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast

from execution.tracker import Tracker
from shared.domain.ids import ConnectionId
from shared.domain.order import Action, BrokerStatus, OrderType
from shared.ports.broker import (
    Fact,
    FeedLost,
    FillFact,
    OrderFact,
    PositionFact,
    Synced,
)
from shared.ports.ledger import Ledger
from shared.runtime.clock import SystemClock
from tests.fixtures.waiting import eventually
from tests.unit.execution.fakes import FakeLedger

NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)
ORDER = OrderFact(
    account=900,
    order_id=5,
    client_id=None,
    parent_order_id=None,
    contract_id=1,
    contract="NQZ6",
    action=Action.BUY,
    status=BrokerStatus.WORKING,
    order_type=OrderType.MARKET,
    qty_contracts=1,
    price=None,
    stop_price=None,
    at=NOW,
)
FILL = FillFact(900, 6, 5, 1, "NQZ6", Action.BUY, 1, Decimal(20000), NOW, date(2026, 11, 2))


@asynccontextmanager
async def tracking(ledger: FakeLedger) -> AsyncIterator[tuple[Tracker, asyncio.Queue[None]]]:
    """A running tracker, and a queue that gets an item after each batch."""
    batches: asyncio.Queue[None] = asyncio.Queue()
    tracker = Tracker(
        ConnectionId(1),
        cast("Ledger", ledger),
        lambda _: None,
        SystemClock(),
        changed=lambda: batches.put_nowait(None),
    )
    task = asyncio.create_task(tracker.run())
    try:
        yield tracker, batches
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def feed(tracker: Tracker, *facts: Fact) -> None:
    for fact in facts:
        await tracker.feed(fact)


async def test_a_fill_waits_for_its_order() -> None:
    ledger = FakeLedger()
    async with tracking(ledger) as (tracker, batches):
        await feed(tracker, FILL)
        await feed(tracker, ORDER)
        while sum(len(batch) for batch in ledger.applied) < 2:
            await asyncio.wait_for(batches.get(), 30)
    assert [fact for batch in ledger.applied for fact in batch] == [ORDER, FILL]


async def test_a_fill_whose_order_never_comes_is_recorded_all_the_same() -> None:
    ledger = FakeLedger()
    async with tracking(ledger) as (tracker, batches):
        await feed(tracker, FILL)
        while not any(ledger.applied):
            await asyncio.wait_for(batches.get(), 10)
    assert [fact for batch in ledger.applied for fact in batch] == [FILL]


async def test_it_is_not_quiet_while_facts_wait_for_the_record() -> None:
    ledger = FakeLedger()
    async with tracking(ledger) as (tracker, batches):
        await feed(tracker, ORDER)
        await asyncio.wait_for(batches.get(), 30)
        at_rest_s = tracker.quiet_since_s
        assert tracker.quiet_since_s == at_rest_s
        ledger.away = many = 10**6
        await feed(tracker, FILL)

        async def unasked() -> str | None:
            return None if ledger.away < many else "the ledger was not asked"

        await eventually(unasked, within_s=20, what="a refusal")
        held_up_s = tracker.quiet_since_s
        assert held_up_s > at_rest_s
        assert tracker.quiet_since_s >= held_up_s, "this very moment, again and again"
        ledger.away = 0
        await asyncio.wait_for(batches.get(), 20)
        came_s = tracker.quiet_since_s
        assert tracker.quiet_since_s == came_s


async def test_an_outage_loses_no_fact() -> None:
    ledger = FakeLedger()
    ledger.away = 2
    async with tracking(ledger) as (tracker, batches):
        await feed(tracker, ORDER)
        await asyncio.wait_for(batches.get(), 30)
    assert ledger.applied == [(ORDER,)]


async def test_synced_counts_after_what_came_before_it_was_applied() -> None:
    ledger = FakeLedger()
    async with tracking(ledger) as (tracker, batches):
        await feed(tracker, ORDER, Synced(NOW))
        await asyncio.wait_for(batches.get(), 30)
        assert ledger.applied
        assert tracker.synced_since_s is not None
        await feed(tracker, FeedLost("gone"))
        await asyncio.wait_for(batches.get(), 30)
        assert tracker.synced_since_s is None


async def test_the_newest_position_is_kept_for_comparing_and_never_written() -> None:
    ledger = FakeLedger()
    new = PositionFact(900, 1, "NQZ6", 2, Decimal(20000), NOW)
    old = PositionFact(900, 1, "NQZ6", 1, Decimal(20000), NOW.replace(hour=14))
    async with tracking(ledger) as (tracker, batches):
        await feed(tracker, new, old)
        await asyncio.wait_for(batches.get(), 30)
        assert tracker.positions == {(900, "NQZ6"): new}
    assert ledger.applied == []
