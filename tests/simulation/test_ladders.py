"""Ladders, trailing stops and break-even: the real execution and the real venue.

filled -> a pair for each earlier rung -> the first pair shrinks -> targets, stops or alerts end it
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest

from paper import rows as venue_rows
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import Bracket, BreakEven, OnAdd, Stop, Target, Trail, TrimUnit
from tests.simulation.executor import Executor, executing
from tests.simulation.parts_house import house, lives
from tests.simulation.venue_in_process import world
from tests.simulation.virtual_loop import run_virtual

ROOT: Final = "MES"
PRICE: Final = Decimal(5000)
QTY: Final = 5
SETTLE_S: Final = 3.0  # by then the legs cover what is held, no more and no less
STAGE_S_MAX: Final = 30.0
SECOND_S: Final = 1.0
DOUBT_S: Final = 25.0  # an unknown fate takes nine
TWO_STOPS_S_MAX: Final = 0.02  # on the virtual clock, where a call takes 0.002
EVEN: Final = {PRICE + Decimal("0.5"), PRICE + Decimal("0.75")}  # of either side of the spread
_FINAL: Final = frozenset({"Canceled", "Completed", "Expired", "Filled", "Rejected"})

LADDER: Final = Bracket(
    targets=(
        Target(at=Decimal(20), trim=Decimal(2), trim_unit=TrimUnit.CONTRACTS),
        Target(at=Decimal(40), trim=Decimal(1), trim_unit=TrimUnit.CONTRACTS),
        Target(at=Decimal(60)),
    ),
    stop=Stop(at=Decimal(40)),
)
RIDE: Final = Bracket(
    targets=(Target(at=Decimal(400)),),
    stop=Stop(
        at=Decimal(40),
        trail=Trail(distance=Decimal(20), trigger=Decimal(40)),
        break_even=BreakEven(after_ticks=20, plus_ticks=2),
    ),
)


def exits(executor: Executor) -> list[tuple[str, int, Decimal]]:
    """Working orders: their kind, what is open of them and their price, in order."""
    venue = executor.world.venue
    orders = venue.store.of_account(venue_rows.Order, executor.account.account)
    live = [order for order in orders if order.ord_status not in _FINAL]
    out = []
    for order in live:
        version = venue.trading.scribe.version_of(order.id)
        price = version.price if version.price is not None else version.stop_price
        assert price is not None
        left = version.order_qty - venue.trading.scribe.filled_qty(order.id)
        out.append((str(version.order_type), left, price))
    return sorted(out)


def net(executor: Executor) -> int:
    rows = executor.world.venue.store.of_account(venue_rows.Position, executor.account.account)
    return sum(row.net_pos for row in rows)


def set_rules(executor: Executor, bracket: Bracket) -> None:
    row = executor.store.strategies.one(executor.strategy)
    ruled = replace(row.strategy, rules=StrategyRules(bracket=bracket))
    executor.store.strategies.put(executor.strategy, replace(row, strategy=ruled))


def tell(executor: Executor, signal: Signal) -> None:
    executor.store.accept_signal(executor.strategy, signal)
    executor.planner.wake(executor.strategy)


async def enter(executor: Executor, side: Side, *, at: Decimal | None = PRICE) -> Decimal:
    """Held, and all legs as they should be; returns the entry's price."""
    await executor.world.price(ROOT, PRICE)
    # The quote arrives; without a price in the alert it must be too old to measure from.
    await executor.world.clock.sleep(SECOND_S if at is not None else SETTLE_S)
    order = Signal(kind=SignalKind.ORDER, dialect="test", side=side, quantity=QTY, price=at)
    tell(executor, order)
    await executor.until(lambda: abs(net(executor)) == QTY, STAGE_S_MAX)
    await executor.world.clock.sleep(SETTLE_S)
    fills = executor.world.venue.store.of_account(venue_rows.Fill, executor.account.account)
    return next(iter(fills)).price


def ladder(price: Decimal, sign: int) -> list[tuple[str, int, Decimal]]:
    stops = [("Stop", qty, price - 10 * sign) for qty in (2, 1, 2)]
    targets = [("Limit", qty, price + at * sign) for qty, at in ((2, 5), (1, 10), (2, 15))]
    return sorted([*stops, *targets])


def is_over(executor: Executor) -> bool:
    return all(row.ended_at is not None for row in executor.store.intents.rows())


def is_even(executor: Executor) -> bool:
    """Sum of stops = net >= sum of targets."""
    open_ = exits(executor)
    stops = sum(qty for kind, qty, _ in open_ if kind == "Stop")
    targets = sum(qty for kind, qty, _ in open_ if kind == "Limit")
    return stops == abs(net(executor)) >= targets


async def up_the_ladder(side: Side, reference: Decimal | None) -> None:
    async with world(7) as venue, executing(venue, 7) as executor:
        set_rules(executor, LADDER)
        price = await enter(executor, side, at=reference)
        sign = 1 if side is Side.BUY else -1
        assert exits(executor) == ladder(price, sign)
        for away, held in ((6, 3), (11, 2), (16, 0)):
            await venue.price(ROOT, PRICE + away * sign)
            await executor.until(lambda left=held: abs(net(executor)) == left, STAGE_S_MAX)  # type: ignore[misc] # mypy cannot infer a lambda with a default
            await venue.clock.sleep(SETTLE_S)
            assert abs(net(executor)) == held
            assert is_even(executor)
        assert exits(executor) == []
        assert is_over(executor)


@pytest.mark.parametrize("reference", [PRICE, None])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_each_rung_takes_its_part(side: Side, reference: Decimal | None) -> None:
    run_virtual(up_the_ladder(side, reference))


async def ended(how: str) -> None:
    async with world(7) as venue, executing(venue, 7) as executor:
        set_rules(executor, LADDER)
        await enter(executor, Side.BUY)
        await venue.price(ROOT, PRICE + 6)
        await executor.until(lambda: net(executor) == 3, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        if how == "stop":
            await venue.price(ROOT, PRICE - 12)
        else:
            tell(executor, Signal(kind=SignalKind.CLOSE, dialect="test"))
        await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), exits(executor)) == (0, [])
        assert is_over(executor)
        assert sum(row.net_qty for row in executor.store.positions.rows()) == 0


@pytest.mark.parametrize("how", ["stop", "signal"])
def test_what_is_left_of_a_ladder_ends_whole(how: str) -> None:
    run_virtual(ended(how))


async def in_parts(parts: tuple[int, ...], climbs: int) -> None:
    """Parts of a ladder are closed by alerts; what they close and what is left is the entry."""
    async with world(7) as venue, executing(venue, 7) as executor:
        set_rules(executor, LADDER)
        await enter(executor, Side.BUY)
        held = QTY
        if climbs:
            await venue.price(ROOT, PRICE + climbs)
            await executor.until(lambda: net(executor) == QTY - 2, STAGE_S_MAX)
            await venue.clock.sleep(SETTLE_S)
            held = QTY - 2
        for part in parts:
            tell(executor, Signal(kind=SignalKind.CLOSE, dialect="test", quantity=part))
            held -= part
            await executor.until(lambda left=held: net(executor) == left, STAGE_S_MAX)  # type: ignore[misc] # mypy cannot infer a lambda with a default
            await venue.clock.sleep(SETTLE_S)
            assert net(executor) == held
            assert is_even(executor), exits(executor)
        await venue.price(ROOT, PRICE + 20)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), exits(executor)) == (0, [])
        fills = venue.venue.store.of_account(venue_rows.Fill, executor.account.account)
        sold = sum(fill.qty for fill in fills if fill.action == "Sell")
        assert sold == QTY
        assert is_over(executor)


@pytest.mark.parametrize(("parts", "climbs"), [((2,), 0), ((1, 3), 0), ((4,), 0), ((1, 1), 6)])
def test_parts_of_a_ladder_sum_to_the_entry(parts: tuple[int, ...], climbs: int) -> None:
    run_virtual(in_parts(parts, climbs))


async def adds(side: Side) -> None:
    """Two entries, one position: both brackets stand by its average, and end it together."""
    bracket = Bracket(
        targets=(Target(at=Decimal(40)),), stop=Stop(at=Decimal(80)), on_add=OnAdd.PER_POSITION
    )
    async with world(7) as venue, executing(venue, 7) as executor:
        set_rules(executor, bracket)
        sign = 1 if side is Side.BUY else -1
        await enter(executor, side)
        await venue.price(ROOT, PRICE + 8 * sign)
        await venue.clock.sleep(SECOND_S)
        add = PRICE + 8 * sign
        more = Signal(kind=SignalKind.ORDER, dialect="test", side=side, quantity=QTY, price=add)
        tell(executor, more)
        await executor.until(lambda: abs(net(executor)) == 2 * QTY, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        fills = venue.venue.store.of_account(venue_rows.Fill, executor.account.account)
        average = sum((fill.price for fill in fills), Decimal(0)) / 2
        wanted = [average + 10 * sign] * 2 + [average - 20 * sign] * 2
        stand = exits(executor)
        assert [(kind, qty) for kind, qty, _ in stand] == [("Limit", QTY)] * 2 + [("Stop", QTY)] * 2
        # Half a tick of rounding, and what is within a tick is left alone.
        off = [abs(at - exact) for (_, _, at), exact in zip(stand, wanted, strict=True)]
        assert max(off) < Decimal("0.5")
        await venue.price(ROOT, PRICE - 18 * sign)
        await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), exits(executor)) == (0, [])
        assert is_over(executor)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_an_add_moves_all_legs_to_the_new_average(side: Side) -> None:
    run_virtual(adds(side))


async def more(times: int) -> None:
    """Each entry keeps its own pairs: a newer one's first pair gives way to its rungs alone."""
    async with world(7) as venue, executing(venue, 7) as executor:
        set_rules(executor, LADDER)
        price = await enter(executor, Side.BUY)
        order = Signal(
            kind=SignalKind.ORDER, dialect="test", side=Side.BUY, quantity=QTY, price=PRICE
        )
        for entry in range(2, times + 1):
            tell(executor, order)
            await executor.until(lambda held=entry * QTY: net(executor) == held, STAGE_S_MAX)  # type: ignore[misc] # mypy cannot infer a lambda with a default
            await venue.clock.sleep(SETTLE_S)
            # Within a tick of where its entry filled a leg is left alone.
            pairs = [(kind, qty) for kind, qty, _ in ladder(price, 1)]
            assert [(kind, qty) for kind, qty, _ in exits(executor)] == sorted(pairs * entry)


def test_a_ladder_that_is_added_to_keeps_every_pair() -> None:
    run_virtual(more(4))


async def just_bought(executor: Executor, *, every_s: float) -> None:
    """Held, and its ladder perhaps not set up yet."""
    set_rules(executor, LADDER)
    await executor.world.price(ROOT, PRICE)
    await executor.world.clock.sleep(SECOND_S)
    order = Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY, quantity=QTY, price=PRICE)
    tell(executor, order)
    await executor.until(lambda: net(executor) == QTY, STAGE_S_MAX, every_s=every_s)


def stopped(executor: Executor) -> int:
    return sum(qty for kind, qty, _ in exits(executor) if kind == "Stop")


async def set_up() -> tuple[float, int]:
    """How long more is stopped than is held, and the least that was stopped meanwhile."""
    async with world(7) as venue, executing(venue, 7) as executor:
        await just_bought(executor, every_s=0.0005)
        await executor.until(lambda: stopped(executor) > QTY, STAGE_S_MAX, every_s=0.0005)
        began_s, least = venue.clock.monotonic(), QTY
        while stopped(executor) > QTY:
            await venue.clock.sleep(0.0005)
            least = min(least, stopped(executor))
        lasted_s = venue.clock.monotonic() - began_s
        await venue.clock.sleep(SETTLE_S)
        assert is_even(executor)
        return lasted_s, least


def test_two_stops_stand_for_one_contract_no_longer_than_a_few_calls() -> None:
    lasted_s, least = run_virtual(set_up())
    assert lasted_s < TWO_STOPS_S_MAX
    assert least == QTY


async def overrun(away: int) -> None:
    """The price is past a rung before its pair can work."""
    async with world(7) as venue, executing(venue, 7) as executor:
        await just_bought(executor, every_s=0.01)
        await venue.price(ROOT, PRICE + away)
        await venue.clock.sleep(SETTLE_S)
        assert net(executor) >= 0
        assert is_even(executor)
        tell(executor, Signal(kind=SignalKind.CLOSE, dialect="test"))
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), exits(executor)) == (0, [])


@pytest.mark.parametrize("away", [6, 11, 16, -11])
def test_a_price_that_runs_ahead_of_the_rungs_leaves_nothing_bare(away: int) -> None:
    run_virtual(overrun(away))


async def lost(fault: str) -> None:
    """A pair whose answer is lost, refused or late: the first pair covers meanwhile."""
    async with world(7) as venue, executing(venue, 7) as executor:
        await just_bought(executor, every_s=0.01)
        await venue.control("fault", name=fault)
        await venue.clock.sleep(4 * SETTLE_S)
        assert is_even(executor)
        tell(executor, Signal(kind=SignalKind.CLOSE, dialect="test"))
        await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), exits(executor)) == (0, [])


@pytest.mark.parametrize("fault", ["lose_answer", "reject_next", "timeout_before_accept"])
def test_a_pair_in_doubt_is_never_a_pair_too_many(fault: str) -> None:
    run_virtual(lost(fault))


async def walk(executor: Executor, *steps: int) -> list[Decimal]:
    """Where the stop stands after each price."""
    out = []
    for step in steps:
        await executor.world.price(ROOT, PRICE + step)
        await executor.world.clock.sleep(2 * SECOND_S)
        out += [price for kind, _, price in exits(executor) if kind == "Stop"]
    return out


async def ride(side: Side) -> None:
    async with world(7) as venue, executing(venue, 7) as executor:
        set_rules(executor, RIDE)
        price = await enter(executor, side)
        sign = 1 if side is Side.BUY else -1
        first = (await walk(executor, 3 * sign))[0]
        assert first == price - 10 * sign  # nothing gained enough
        even, back = await walk(executor, 6 * sign, 2 * sign)
        assert even == back == price + Decimal("0.5") * sign
        high, higher, low = await walk(executor, 12 * sign, 20 * sign, 17 * sign)
        assert (higher - high) * sign == 8
        assert low == higher
        assert (higher - price) * sign > 10
        await venue.clock.sleep(SETTLE_S)  # an old quote moves nothing
        assert walk_of(executor) == [higher]
        await venue.price(ROOT, PRICE + 10 * sign)
        await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
        await venue.clock.sleep(SETTLE_S)
        assert (net(executor), exits(executor)) == (0, [])


def walk_of(executor: Executor) -> list[Decimal]:
    return [price for kind, _, price in exits(executor) if kind == "Stop"]


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_stop_breaks_even_then_trails_and_never_loosens(side: Side) -> None:
    run_virtual(ride(side))


async def killed(after_s: float) -> None:
    """The process dies somewhere between the fill and the last resize; the next one goes on."""
    stop = Stop(at=Decimal(40), break_even=BreakEven(after_ticks=16, plus_ticks=2))
    async with house() as home:
        executor, clock = home.executor, home.world.clock
        set_rules(executor, LADDER.model_copy(update={"stop": stop}))
        async with lives(home, 1):
            await clock.sleep(SECOND_S)
            home.enter(Side.BUY, QTY)
            await home.until(lambda: home.net() == QTY)
            await clock.sleep(after_s)
        async with lives(home, 2):
            await clock.sleep(DOUBT_S)
            assert is_even(executor), exits(executor)
            assert len(exits(executor)) == 6  # three pairs: what never arrived has been replaced
            await home.world.price(ROOT, PRICE + Decimal("4.5"))
            await clock.sleep(SETTLE_S)
            assert net(executor) == QTY
            stops = {price for kind, _, price in exits(executor) if kind == "Stop"}
            assert stops, "nothing protects it"
            assert stops <= EVEN
        async with lives(home, 3):
            await clock.sleep(SECOND_S)
            await home.world.price(ROOT, PRICE - 1)
            await executor.until(lambda: net(executor) == 0, STAGE_S_MAX)
            await clock.sleep(SETTLE_S)
            assert (net(executor), exits(executor)) == (0, [])
            assert is_over(executor)


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.002, 0.003, 0.5, 1.05, 1.2])
def test_a_killed_process_loses_no_rung_and_no_tightening(after_s: float) -> None:
    run_virtual(killed(after_s))
