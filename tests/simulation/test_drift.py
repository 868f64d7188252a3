"""People trade in our accounts: the real execution gives each difference its name, and in time.

Whatever the stream tells is named within a second of it; what only a full read shows, with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import pytest

from paper.faults import Fault
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.drift import DriftKind
from shared.domain.rules.drift import DriftPolicy
from tests.simulation.executor import RECONCILE_EVERY_S, SIGNAL_AGE_S_MAX
from tests.simulation.parts_house import PRICE, ROOT, House, house, lives
from tests.simulation.virtual_loop import run_virtual

NAMED_S_MAX: Final = 1.0
# A read each half minute, the rest that follows it, and one look more.
POLLED_S_MAX: Final = RECONCILE_EVERY_S + 6.0
GONE_S_MAX: Final = 5.0


def standing(home: House) -> list[DriftKind]:
    rows = [row for row in home.store.drifts.rows() if row.ended_at is None]
    return sorted(row.drift.kind for row in rows)


def follow(home: House, policy: DriftPolicy) -> None:
    row = home.store.strategies.one(home.strategies[0])
    rules = row.strategy.rules.model_copy(update={"drift": policy})
    strategy = replace(row.strategy, rules=rules)
    home.store.strategies.put(home.strategies[0], replace(row, strategy=strategy))


def contract(home: House) -> str:
    (row,) = {row.contract for row in home.store.positions.rows()}
    return row


async def by_hand(home: House, action: str, qty: int, symbol: str | None = None) -> None:
    """Somebody's thumb on a phone."""
    account = home.executor.account.name
    name = symbol or contract(home)
    await home.world.control("manual", account=account, action=action, qty=qty, symbol=name)


async def opened(home: House, qty: int = 3) -> None:
    home.enter(Side.BUY, qty)
    await home.until(lambda: home.is_covered() and home.net() == qty)


async def named(home: House, *kinds: DriftKind, within_s: float = NAMED_S_MAX) -> None:
    await home.until(lambda: standing(home) == sorted(kinds), within_s)


Hand = Callable[[House], Awaitable[None]]


async def _sells_all(home: House) -> None:
    await by_hand(home, "Sell", 3)


async def _sells_a_part(home: House) -> None:
    await by_hand(home, "Sell", 1)


async def _sells_too_much(home: House) -> None:
    await by_hand(home, "Sell", 5)


async def _buys_more(home: House) -> None:
    await by_hand(home, "Buy", 2)


async def _busts(home: House) -> None:
    account = home.executor.account.name
    await home.world.control("fault", name=Fault.BUST_FILL, account=account)


HANDS: Final = [
    (_sells_all, [DriftKind.MANUAL_EXIT]),
    (_sells_a_part, [DriftKind.MANUAL_EXIT]),
    (_sells_too_much, [DriftKind.MANUAL_EXIT, DriftKind.MANUAL_ENTRY]),
    (_buys_more, [DriftKind.MANUAL_ENTRY]),
    (_busts, [DriftKind.FILL_BUSTED]),
]


@pytest.mark.parametrize(("hand", "kinds"), HANDS)
def test_what_the_stream_tells_is_named_within_a_second(hand: Hand, kinds: list[DriftKind]) -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            await opened(home)
            await hand(home)
            await named(home, *kinds)
            # No entry of the root meanwhile, of whomever.
            before = len(home.store.intents.rows())
            home.enter(Side.BUY, 1)
            await home.until(lambda: home.store.decisions.rows()[-1].code == kinds[0].value)
            assert len(home.store.intents.rows()) == before

    run_virtual(life())


def test_somebody_elses_position_is_named_where_we_hold_nothing() -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            await by_hand(home, "Buy", 2, "MESH6")
            await named(home, DriftKind.MANUAL_ENTRY)
            await by_hand(home, "Sell", 2, "MESH6")
            await named(home, within_s=GONE_S_MAX)

    run_virtual(life())


@pytest.mark.parametrize(("hand", "kinds"), HANDS)
def test_what_no_stream_told_is_named_with_the_next_read(
    hand: Hand, kinds: list[DriftKind]
) -> None:
    """The line is down while a person trades: what comes back with the next session has a name."""

    async def life() -> None:
        async with house() as home, lives(home):
            await opened(home)
            home.world.link.is_down = True
            home.world.link.cut()
            await hand(home)
            await home.world.clock.sleep(5.0)
            assert standing(home) == []
            home.world.link.is_down = False
            await named(home, *kinds, within_s=POLLED_S_MAX)

    run_virtual(life())


def test_a_target_that_the_broker_refused_is_named() -> None:
    target = Signal(kind=SignalKind.TARGET, dialect="test", target_position=2, price=PRICE)

    async def life() -> None:
        async with house() as home, lives(home):
            home.world.venue.faults.arm(Fault.REJECT_NEXT, 1, {})
            home.store.accept_signal(home.strategies[0], target)
            home.executor.planner.wake(home.strategies[0])
            await home.until(lambda: bool(home.store.decisions.rows()))
            await home.until(lambda: home.store.decisions.rows()[-1].ended_at is not None)
            await named(home, DriftKind.TARGET_MISSED, within_s=NAMED_S_MAX + 1.0)
            # The next alert mends it, and nothing held it up.
            home.store.accept_signal(home.strategies[0], target)
            home.executor.planner.wake(home.strategies[0])
            await home.until(lambda: home.net() == 2 and home.is_covered())
            await named(home, within_s=GONE_S_MAX)

    run_virtual(life())


def test_a_target_that_came_while_nobody_lived_is_named() -> None:
    """The process is away for longer than an entry may wait: the alert is over, and told."""
    target = Signal(kind=SignalKind.TARGET, dialect="test", target_position=2, price=PRICE)

    async def life() -> None:
        async with house() as home:
            async with lives(home, 1):
                home.store.accept_signal(home.strategies[0], target)
            await home.world.clock.sleep(SIGNAL_AGE_S_MAX + 1)
            async with lives(home, 2):
                await home.until(lambda: bool(home.store.decisions.rows()))
                await named(home, DriftKind.TARGET_MISSED, within_s=NAMED_S_MAX + 1.0)
                assert home.net() == 0

    run_virtual(life())


@pytest.mark.parametrize("policy", [DriftPolicy.ALARM, DriftPolicy.BLOCK])
def test_who_undoes_it_is_let_go_by_two_looks_unless_blocked(policy: DriftPolicy) -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            follow(home, policy)
            await opened(home)
            await by_hand(home, "Buy", 2)
            await named(home, DriftKind.MANUAL_ENTRY)
            await by_hand(home, "Sell", 2)
            await home.world.clock.sleep(GONE_S_MAX)
            strict = policy is DriftPolicy.BLOCK
            assert standing(home) == ([DriftKind.MANUAL_ENTRY] if strict else [])
            assert home.net() == 3
            assert home.is_covered()

    run_virtual(life())


@pytest.mark.parametrize("hand", [_sells_all, _sells_a_part])
def test_a_book_that_follows_is_settled_at_once(hand: Hand) -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            follow(home, DriftPolicy.FOLLOW)
            await opened(home)
            await hand(home)
            await home.until(lambda: home.net() != 3, NAMED_S_MAX)
            await home.rest()
            left = home.executor.watch.net()
            assert home.net() == left
            assert home.is_covered()
            assert [row.ending for row in home.store.drifts.rows()] == ["followed"]
            home.enter(Side.BUY, 1)
            await home.until(lambda: home.net() == left + 1 and home.is_covered())

    run_virtual(life())


def test_an_ordinary_day_is_silent() -> None:
    async def life() -> None:
        async with house(strategies=2) as home, lives(home):
            await opened(home)
            home.enter(Side.SELL, 2, strategy=1)
            await home.until(lambda: home.net(1) == -2 and home.is_covered(1))
            home.part(1)
            await home.rest()
            home.part(2)
            await home.rest()
            await home.world.price(ROOT, PRICE + 1)
            await home.rest()
            assert home.store.drifts.rows() == []

    run_virtual(life())
