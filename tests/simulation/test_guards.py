"""No position without its stop, and nothing that works for what is gone; each guard by its name.

Whatever takes the cover away here is done by a person at the venue, and what follows is measured
there: in virtual time, by an onlooker that knows no word of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

import pytest

from execution.protector import NAKED_AFTER_S
from paper import rows as venue_rows
from paper.scribe import Changed, Sender
from shared.contracts.accounts import AccountQuarantined
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.ids import Cause
from shared.domain.order import Role
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import Bracket, Target
from shared.ports.ledger import NAKED
from tests.simulation.parts_house import PRICE, ROOT, House, house, lives
from tests.simulation.test_drift import by_hand
from tests.simulation.virtual_loop import run_virtual

QTY: Final = 3
MENDED_S_MAX: Final = 3.0
LONG_S: Final = 30.0
SLIPPAGE_TICKS: Final = 8
LIMIT: Final = PRICE - 2
TARGET_ONLY: Final = StrategyRules(bracket=Bracket(targets=(Target(at=Decimal(40)),)))
CLOSE: Final = Signal(kind=SignalKind.CLOSE, dialect="test")


async def opened(home: House, side: Side = Side.BUY) -> None:
    net = QTY if side is Side.BUY else -QTY
    home.enter(side, QTY)
    await home.until(lambda: home.is_covered() and home.net() == net)
    await home.world.clock.sleep(2.0)


def stops(home: House) -> list[venue_rows.Order]:
    watch = home.executor.watch
    return [order for order in watch.working(ours=True) if watch.type_of(order) == "Stop"]


def person(home: House) -> Sender:
    user = home.world.venue.store.user_of(home.executor.account.account)
    return Sender(user_id=user, is_automated=False)


def take_stop_away(home: House) -> None:
    for order in stops(home):
        home.world.venue.trading.cancel(order.id, person(home))
    home.world.venue.commit()


def resize_stop(home: House, qty: int) -> None:
    """A person changes what the stop is for; where it stands remains."""
    (order,) = stops(home)
    entry = home.world.venue.trading.live(order.id)
    assert entry is not None
    terms = replace(entry.terms, qty=qty)
    home.world.venue.trading.modify(Changed(order.id, terms, person(home)))
    home.world.venue.commit()


def set_rules(home: House, rules: StrategyRules) -> None:
    row = home.store.strategies.one(home.strategies[0])
    strategy = replace(row.strategy, rules=rules)
    home.store.strategies.put(home.strategies[0], replace(row, strategy=strategy))


def guards(home: House) -> int:
    return sum(row.intent.cause is Cause.GUARD for row in home.store.intents.rows())


def quarantines(home: House) -> list[str | None]:
    return [
        AccountQuarantined.model_validate(event.body).code
        for event in home.told
        if event.type == AccountQuarantined.type
    ]


async def seen_within(home: House, enough: Callable[[], bool], within_s: float) -> float:
    """Seconds until it was so at the venue."""
    began_s = home.world.clock.monotonic()
    await home.executor.until(enough, within_s, 0.05)
    assert enough(), f"not within {within_s} s"
    return home.world.clock.monotonic() - began_s


@pytest.mark.parametrize("side", list(Side))
def test_the_bracket_leaves_in_the_call_of_its_entry(side: Side) -> None:
    """At the venue there is no instant between the entry and its stop."""

    async def life() -> None:
        async with house() as home, lives(home):
            await home.world.control("slippage", ticks=SLIPPAGE_TICKS)
            await opened(home, side)
            assert home.executor.watch.spells == []
            account = home.executor.account.account
            placed = list(home.world.venue.store.of_account(venue_rows.Order, account))
            assert len({order.timestamp for order in placed}) == 1
            assert len(placed) == 3

    run_virtual(life())


def test_a_position_whose_stop_is_taken_away_is_flattened_and_told() -> None:
    """Not at once: a stop that another one replaces is gone for a moment, too."""

    async def life() -> None:
        async with house() as home, lives(home):
            await opened(home)
            take_stop_away(home)
            await home.until(lambda: home.executor.watch.net() == 0)
            await home.rest()
            (spell,) = home.executor.watch.spells
            assert spell.ended_s is not None
            assert spell.ended_s - spell.began_s <= MENDED_S_MAX
            assert quarantines(home)[:1] == [NAKED]
            (stop,) = home.intents(Role.STOP_LOSS)
            (exit_,) = home.intents(Role.EXIT)
            assert stop.ended_at is not None
            assert exit_.intent.cause is Cause.GUARD
            assert exit_.created_at - stop.ended_at >= timedelta(seconds=NAKED_AFTER_S)
            assert home.executor.working() == []

    run_virtual(life())


def test_the_watch_over_stops_survives_its_process() -> None:
    """The stop goes while nobody lives; the next process flattens what it finds bare."""

    async def life() -> None:
        async with house() as home:
            async with lives(home, 1):
                await opened(home)
            take_stop_away(home)
            await home.world.clock.sleep(10.0)
            async with lives(home, 2):
                ready_s = home.world.clock.monotonic()
                await home.until(lambda: home.executor.watch.net() == 0)
                assert home.world.clock.monotonic() - ready_s <= MENDED_S_MAX
                await home.rest()
                assert guards(home) == 1

    run_virtual(life())


def test_legs_that_are_moved_are_not_taken_for_missing() -> None:
    """Fills are two points off, so both legs move; a trader moves the stop besides."""

    async def life() -> None:
        async with house() as home, lives(home):
            await home.world.control("slippage", ticks=SLIPPAGE_TICKS)
            await opened(home)
            resize_stop(home, QTY)
            await home.world.clock.sleep(LONG_S)
            assert (guards(home), home.net(), quarantines(home)) == (0, QTY, [])
            assert home.is_covered()

    run_virtual(life())


@pytest.mark.parametrize("rules", [StrategyRules(), TARGET_ONLY])
def test_who_asked_for_no_stop_is_let_be(rules: StrategyRules) -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            set_rules(home, rules)
            home.enter(Side.BUY, QTY)
            await home.until(lambda: home.net() == QTY)
            await home.world.clock.sleep(LONG_S)
            assert (guards(home), home.net(), quarantines(home)) == (0, QTY, [])
            assert home.executor.watch.net() == QTY

    run_virtual(life())


def by_alert(home: House) -> None:
    home.store.accept_signal(home.strategies[0], CLOSE)
    home.executor.planner.wake(home.strategies[0])


@pytest.mark.parametrize("who", ["alert", "person"])
def test_nothing_of_ours_works_three_seconds_after_flat(who: str) -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            await opened(home)
            if who == "alert":
                by_alert(home)
            else:
                await by_hand(home, "Sell", QTY)
            await home.until(lambda: home.executor.watch.net() == 0)
            await seen_within(home, lambda: home.executor.working() == [], MENDED_S_MAX)
            await home.rest()
            assert home.executor.working() == []
            assert home.executor.watch.net() == 0

    run_virtual(life())


def test_a_stop_stands_for_what_has_filled_and_not_for_what_was_asked() -> None:
    """Two of five fill, then the entry is taken back: its legs were for five."""

    async def life() -> None:
        async with house() as home, lives(home):
            await home.world.control("partial", max_size=2)
            home.rest_entry(5, LIMIT)
            await home.until(lambda: home.at_work(Role.ENTRY) == 5)
            await home.world.price(ROOT, LIMIT - Decimal("0.5"))
            await home.until(lambda: home.net() == 2)
            home.take_back()
            await home.until(lambda: home.at_work(Role.ENTRY) == 0)
            await seen_within(home, lambda: home.executor.watch.covered() == 2, MENDED_S_MAX)
            await home.rest()
            assert home.is_covered()
            assert home.executor.watch.spells == []
            assert (home.net(), guards(home)) == (2, 0)

    run_virtual(life())


@pytest.mark.parametrize("qty", [1, 2, 5])
def test_a_stop_for_another_quantity_is_mended(qty: int) -> None:
    """Too small bares the rest, too large flips the position when it trades."""

    async def life() -> None:
        async with house() as home, lives(home):
            await opened(home)
            resize_stop(home, qty)
            assert home.executor.watch.covered() == qty
            await seen_within(home, lambda: home.executor.watch.covered() == QTY, MENDED_S_MAX)
            await home.rest()
            assert home.is_covered()
            assert (home.net(), guards(home)) == (QTY, 0)

    run_virtual(life())


@pytest.mark.parametrize("left", [1, 2])
def test_what_a_person_closes_is_not_closed_again_by_the_stop(left: int) -> None:
    async def life() -> None:
        async with house() as home, lives(home):
            await opened(home)
            await by_hand(home, "Sell", QTY - left)
            await seen_within(home, lambda: home.executor.watch.covered() == left, MENDED_S_MAX)
            await home.world.price(ROOT, PRICE - 14)
            await home.until(lambda: home.executor.watch.net() == 0)
            await home.rest()
            assert home.executor.watch.net() == 0
            assert home.executor.working() == []

    run_virtual(life())
