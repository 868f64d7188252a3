"""An entry without a price to measure from: the real execution, the real venue, one strategy.

alert without a price, no fresh quote -> order strategy -> filled, exits at the exact distance
-> target, stop or an alert that closes -> flat, and nothing works
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest

from paper import rows as venue_rows
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.order import IntentState
from tests.simulation.executor import Executor, executing
from tests.simulation.venue_in_process import world
from tests.simulation.virtual_loop import run_virtual

ROOT: Final = "MES"
PRICE: Final = Decimal(5000)
OFFSET: Final = Decimal(10)  # the executor's strategy: 40 ticks to either side
QUOTES_GROW_OLD_S: Final = 5.0
SETTLE_S: Final = 20.0
STAGE_S_MAX: Final = 30.0
_FINAL: Final = frozenset({"Canceled", "Completed", "Expired", "Filled", "Rejected"})


def working(executor: Executor) -> list[venue_rows.OrderVersion]:
    """The orders that may still trade, in the version that counts."""
    venue = executor.world.venue
    orders = venue.store.of_account(venue_rows.Order, executor.account.account)
    live = [order for order in orders if order.ord_status not in _FINAL]
    return [venue.trading.scribe.version_of(order.id) for order in live]


def net(executor: Executor) -> int:
    rows = executor.world.venue.store.of_account(venue_rows.Position, executor.account.account)
    return sum(row.net_pos for row in rows)


def signal(executor: Executor, signal: Signal) -> None:
    executor.store.accept_signal(executor.strategy, signal)
    executor.planner.wake(executor.strategy)


async def open_without_reference(executor: Executor, side: Side) -> None:
    await executor.world.price(ROOT, PRICE)
    await executor.world.clock.sleep(QUOTES_GROW_OLD_S)
    signal(executor, Signal(kind=SignalKind.ORDER, dialect="test", side=side, quantity=2))
    await executor.until(lambda: net(executor) != 0 and len(working(executor)) == 2, STAGE_S_MAX)


async def one_life(side: Side, end: str) -> None:
    async with world(7) as venue, executing(venue, 7) as executor:
        await open_without_reference(executor, side)
        sign = 1 if side is Side.BUY else -1
        fills = list(venue.venue.store.of_account(venue_rows.Fill, executor.account.account))
        assert {fill.qty for fill in fills} == {2}
        (left_as,) = venue.venue.store.of_account(
            venue_rows.OrderStrategy, executor.account.account
        )
        assert left_as.status == "ActiveStrategy"
        price = fills[0].price
        await venue.clock.sleep(SETTLE_S)
        assert net(executor) == 2 * sign
        exits = {(each.order_type, each.price or each.stop_price) for each in working(executor)}
        wanted = {("Limit", price + OFFSET * sign), ("Stop", price - OFFSET * sign)}
        assert exits == wanted
        bound = {row.state for row in executor.store.intents.rows() if row.is_leg}
        assert bound == {IntentState.WORKING}
        if end == "signal":
            signal(executor, Signal(kind=SignalKind.CLOSE, dialect="test"))
        else:
            away = 12 * sign if end == "target" else -12 * sign
            await venue.price(ROOT, PRICE + away)
        await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), working(executor)) == (0, [])
        assert all(row.ended_at is not None for row in executor.store.intents.rows())
        assert sum(row.net_qty for row in executor.store.positions.rows()) == 0
        assert {row.strategy_id for row in executor.store.fills.rows()} == {executor.strategy}


@pytest.mark.parametrize("end", ["target", "stop", "signal"])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_exits_stand_at_the_exact_distance_and_nothing_is_left(side: Side, end: str) -> None:
    run_virtual(one_life(side, end))


async def lost_answer() -> None:
    async with world(7) as venue, executing(venue, 7) as executor:
        await venue.control("fault", name="lose_answer")
        await open_without_reference(executor, Side.BUY)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), len(working(executor))) == (2, 2)
        states = {row.intent.leg: row.state for row in executor.store.intents.rows()}
        assert states == {
            "entry": IntentState.FILLED,
            "entry.tp": IntentState.WORKING,
            "entry.sl": IntentState.WORKING,
        }
        signal(executor, Signal(kind=SignalKind.CLOSE, dialect="test"))
        await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), working(executor)) == (0, [])


def test_a_lost_answer_is_found_and_never_sent_again() -> None:
    run_virtual(lost_answer())


async def shuffled(seed: int) -> None:
    async with world(seed) as venue, executing(venue, seed) as executor:
        await venue.control("fault", name="shuffle_events", count=None, seed=seed)
        await venue.control("fault", name="duplicate_events", count=None)
        await open_without_reference(executor, Side.BUY)
        await venue.clock.sleep(SETTLE_S)
        assert {row.strategy_id for row in executor.store.fills.rows()} == {executor.strategy}
        assert len(working(executor)) == 2
        signal(executor, Signal(kind=SignalKind.CLOSE, dialect="test"))
        await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), working(executor)) == (0, [])


@pytest.mark.parametrize("seed", range(8))
def test_events_in_any_order_give_every_fill_its_owner(seed: int) -> None:
    run_virtual(shuffled(seed))
