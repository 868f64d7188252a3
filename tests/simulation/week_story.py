"""What happens in the week, and what should be seen of it: times in Chicago, troubles by name.

Signals come by a seeded rule through market hours; before each trouble every strategy is sent in,
so that it finds positions and working legs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final

from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.calendar import CHICAGO
from shared.domain.login_health import Condition
from tests.simulation.week_health import SOMEBODY
from tests.simulation.week_house import LOGINS, PRICES, House, Seat, open_house, running

SIGNALS_PER_HOUR: Final = 0.75  # of each strategy
QTY: Final = 2
_MINUTE_S: Final = 60.0
_TICK: Final = Decimal("0.25")
_STEP_TICKS_MAX: Final = {"MES": 8, "MNQ": 12}
_HOLD_S: Final = 120.0
STARTING: Final = (
    Condition.SIGNED_IN,
    Condition.STARTING,
    Condition.WAITING_FOR_SLOT,
)
START_S: Final = 120.0
_BRIEF_S: Final = 120.0
HOUR_S: Final = 3_600.0

Action = Callable[[House], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Moment:
    """When something happens: `at` is `Mon 10:00` of the week, in Chicago."""

    at: str
    action: Action


@dataclass(frozen=True, slots=True)
class Chapter:
    """A stretch that is lived through by one process; between two chapters none runs."""

    begins: str
    ends: str
    moments: tuple[Moment, ...]


_DAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "SUN")  # the last one is the next
_FIRST: Final = datetime(2026, 3, 1, tzinfo=CHICAGO)  # clocks go forward on the last day


def instant(text: str) -> datetime:
    day, _, clock = text.partition(" ")
    hour, minute = map(int, clock.split(":"))
    date = _FIRST + timedelta(days=_DAYS.index(day))
    return date.replace(hour=hour, minute=minute)


# ---- what strikes


async def enter(house: House) -> None:
    """Every strategy is sent in, on either side."""
    for number, seat in enumerate(house.seats):
        house.signal(seat, order(house, seat, (Side.BUY, Side.SELL)[number % 2]))


async def enter_where_flat(house: House) -> None:
    for number, seat in enumerate(house.seats):
        if house.chronicle.net(seat.venue_account) == 0:
            house.signal(seat, order(house, seat, (Side.BUY, Side.SELL)[number % 2]))


async def leave(house: House) -> None:
    for seat in house.seats:
        house.signal(seat, Signal(kind=SignalKind.CLOSE, dialect="test"))


async def leave_one(house: House) -> None:
    """The first that holds something is told to be flat."""
    seat = next(seat for seat in house.seats if house.chronicle.net(seat.venue_account))
    house.signal(seat, Signal(kind=SignalKind.CLOSE, dialect="test"))
    house.leaving = seat


async def check_left(house: House) -> None:
    """What was told to be flat while the market rested is so soon after the open."""
    seat = house.leaving
    if seat is not None and house.chronicle.net(seat.venue_account):
        house.found.append(f"{seat.name} is not flat at {house.clock.now()}")


async def token_expiry(house: House) -> None:
    """The token of one login is over before its time; its socket stays as it is."""
    house.health.expect("ann", _BRIEF_S + HOUR_S * 1.5, Condition.SIGNED_IN)
    await house.fault("expire_tokens", user="ann")


async def third_session(house: House) -> None:
    shown = frozenset({Condition.THIRD_SESSION})
    passing = (*STARTING, Condition.SOCKET_DOWN)
    house.health.expect("bob", _BRIEF_S, *passing, must=shown)
    await house.fault("third_session", user="bob")


async def captcha(house: House) -> None:
    """Somebody signs in elsewhere, and to sign in again the broker wants a captcha."""
    shown = frozenset({Condition.CAPTCHA_UNTIL})
    passing = (*STARTING, Condition.SOCKET_DOWN, Condition.THIRD_SESSION)
    house.health.expect("cid", 30.0, *passing, must=shown)
    house.health.expect("cid", HOUR_S - 60.0, must=shown, after_s=30.0)
    house.health.expect("cid", 150.0, *passing, must=shown, after_s=HOUR_S - 30.0)
    await house.fault("captcha_penalty", on="login")
    await house.fault("third_session", user="cid")


async def storm_429(house: House) -> None:
    """Orders are turned away for a while, reads too; the sockets stand."""
    await house.fault("storm_429", count=12)
    await enter(house)


async def storm_of_sockets(house: House) -> None:
    """Sockets end again and again, and the first that are dialled anew are turned away."""
    shown = frozenset({Condition.RATE_LIMITED_UNTIL})
    passing = (*STARTING, Condition.SOCKET_DOWN)
    for login in LOGINS:
        house.health.expect(login, 300.0, *passing, Condition.RATE_LIMITED_UNTIL)
    house.health.expect(SOMEBODY, 60.0, must=shown)
    await house.fault("storm_429", count=2)
    for _ in range(8):
        await house.fault("drop_sockets")
        await house.clock.sleep(7.0)


async def replay(house: House) -> None:
    """The events of the day are told again after the roll."""
    await house.fault("replay_day")


async def outage(house: House) -> None:
    """The broker is away for the rest of its maintenance."""
    shown = frozenset({Condition.VENUE_CLOSED})
    waiting = (Condition.WAITING_FOR_SLOT, Condition.SIGN_IN_FAILED, Condition.SOCKET_DOWN)
    for login in LOGINS:
        house.health.expect(login, 8.5 * HOUR_S, *STARTING, *waiting, must=shown)
        house.health.expect(login, HOUR_S, *STARTING, *waiting, after_s=8.5 * HOUR_S)
    await house.fault("maintenance", s=8.5 * HOUR_S - HOUR_S)  # one hour is lost to the clocks


async def check_protected(house: House) -> None:
    """What is held is held with legs of its size working, and they outlast the session."""
    held = [seat for seat in house.seats if house.chronicle.net(seat.venue_account)]
    if not held:
        house.found.append(f"nothing is held at {house.clock.now()}")
    for seat in held:
        net = abs(house.chronicle.net(seat.venue_account))
        for order_type in ("Stop", "Limit"):
            legs = house.chronicle.working(seat.venue_account, order_type)
            versions = [house.chronicle.versions[leg.id] for leg in legs]
            covered = sum(version.order_qty for version in versions)
            lasting = {version.time_in_force for version in versions}
            if (covered, lasting) != (net, {"GTC"}):
                told = f"{house.clock.now()}: {net} held, {covered} {order_type} {lasting}"
                house.found.append(f"{seat.name} {told}")


# ---- who moves time, prices and signals


def order(house: House, seat: Seat, side: Side) -> Signal:
    price = house.prices[seat.root]
    return Signal(kind=SignalKind.ORDER, dialect="test", side=side, quantity=QTY, price=price)


async def trade(house: House, rng: Random) -> None:
    """Each minute of an open market: a step of each price, and now and then a signal."""
    while True:
        await house.clock.sleep(_MINUTE_S)
        house.health.look(house.venue.hub, house.users)
        if not house.is_market_open:
            continue
        for root in PRICES:
            most = _STEP_TICKS_MAX[root]
            house.move(root, _TICK * rng.randint(-most, most))
        for seat in house.seats:
            if rng.random() < SIGNALS_PER_HOUR / 60:
                house.signal(seat, _any_signal(house, seat, rng))


def _any_signal(house: House, seat: Seat, rng: Random) -> Signal:
    if rng.random() < 0.15:
        return Signal(kind=SignalKind.CLOSE, dialect="test")
    return order(house, seat, rng.choice(list(Side)))


async def sleep_until(house: House, text: str) -> None:
    left_s = (instant(text) - house.clock.now()).total_seconds()
    await house.clock.sleep(max(0.0, left_s))


async def live(chapter: Chapter, house: House, rng: Random) -> None:
    for login in LOGINS:
        house.health.expect(login, START_S, *STARTING)
    async with running(house):
        trading = asyncio.create_task(trade(house, rng))
        try:
            for moment in chapter.moments:
                await sleep_until(house, moment.at)
                await moment.action(house)
            await sleep_until(house, chapter.ends)
            if trading.done():
                trading.result()
        finally:
            trading.cancel()
            with suppress(asyncio.CancelledError):
                await trading


async def tell(chapters: tuple[Chapter, ...], seed: int, check: Action) -> None:
    """Live the chapters one after another in one house, then check it."""
    async with open_house(instant(chapters[0].begins), seed) as house:
        rng = Random(seed)  # noqa: S311 - reproducible on purpose
        for chapter in chapters:
            await house.skip_until(instant(chapter.begins))
            await live(chapter, house, rng)
        await check(house)
