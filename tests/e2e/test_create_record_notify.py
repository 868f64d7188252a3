"""From two strategies made through the API to trades, DMs and frames, over one whole day.

All services are processes of their own; a chart is replayed bar by bar, and twenty alerts come in
between: entries, adds, reverses, closes, a limit and a stop entry, targets and stops that are hit,
and two alerts that ask for nothing.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e import verdict
from tests.e2e.house import House, running_house
from tests.e2e.story import STORY, Alert, closes

pytestmark = pytest.mark.timeout(180)


@pytest_asyncio.fixture(scope="module")
async def day() -> AsyncIterator[House]:
    """The house after the whole story, every step waited for."""
    async with running_house(closes()) as house:
        began_s = time.monotonic()
        for step in STORY:
            await house.step(step)
            await house.rest(step)
        print(f"{len(house.sent)} alerts took {time.monotonic() - began_s:.1f} s")
        yield house


async def test_every_alert_was_taken_at_once(day: House) -> None:
    assert sum(isinstance(step, Alert) for step in STORY) == 20
    assert [sent.tries for sent in day.sent.values()] == [(202,)] * 20
    assert len({sent.signal_id for sent in day.sent.values()}) == 20


async def test_money_equals_the_venues_ledger_to_the_cent(day: House) -> None:
    await verdict.money_is_exact(day)


async def test_trades_are_what_the_alerts_asked_for(day: House) -> None:
    await verdict.trades_are_the_storys(day)


async def test_every_order_was_placed_once(day: House) -> None:
    await verdict.orders_are_placed_once(day)


async def test_every_message_came_once_and_of_the_right_kind(day: House) -> None:
    verdict.messages_came_once(day)


async def test_the_screen_saw_every_change_in_order(day: House) -> None:
    assert (day.view.sockets, day.view.snapshots) == (1, 1)
    await verdict.screen_saw_everything(day)
