"""One bracket's life, and the instants of it at which something may strike.

    alert -> entry with its legs -> filled, legs moved to the fill -> held -> its end -> over

The end is a target or a stop that is hit, or an alert that closes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final

from paper.faults import Fault
from shared.brokers.tradovate.limits import CAPTCHA_REST_S
from tests.simulation.executor import Executor

CONTRACT: Final = "MESH6"
ROOT: Final = "MES"
PRICE: Final = Decimal(5000)
# Fills are two points off the quote, so that the legs have to be moved after the entry.
SLIPPAGE_TICKS: Final = 8
ABOVE_TARGET: Final = PRICE + 14
BELOW_STOP: Final = PRICE - 14

QUOTED_S: Final = 0.5  # until the price is known to everybody
STAGE_S_MAX: Final = 12.0  # what has not come by then is not waited for; the end is checked alike
HELD_S: Final = 1.0
SETTLE_S: Final = 12.0  # longer than anything of ours can be on its way
LAST_S: Final = 5.0
RETURN_S_MAX: Final = 7_200.0  # after strikes a sign-in may have to rest an hour
REST_S_MAX: Final = 120.0
_APART_S: Final = 0.005  # no two things happen in one millisecond


class Moment(StrEnum):
    """When something may strike, in the order of a life."""

    ENTRY = "entry"  # before the alert
    FILLED = "filled"  # the venue has filled the entry, nobody of ours knows
    HELD = "held"  # the bracket stands where it belongs
    EXITING = "exiting"  # the end has begun, and nobody of ours knows how it goes
    OVER = "over"  # the life would have been over


class Exit(StrEnum):
    TARGET = "target"
    STOP = "stop"
    SIGNAL = "signal"


Strike = Callable[[Executor], Awaitable[None]]
Strikes = Mapping[Moment, Sequence[Strike]]


async def live(executor: Executor, exit_: Exit, strikes: Strikes) -> None:
    """The whole life; strikes land at the beginning of their moment, in their order."""
    world = executor.world
    await world.control("slippage", ticks=SLIPPAGE_TICKS)
    await world.price(ROOT, PRICE)
    await world.clock.sleep(QUOTED_S)
    await land(executor, strikes, Moment.ENTRY)
    executor.buy(PRICE)
    await executor.until_told(lambda: executor.owned() != 0, STAGE_S_MAX)
    await land(executor, strikes, Moment.FILLED)
    await world.clock.sleep(HELD_S)
    await land(executor, strikes, Moment.HELD)
    await _begin_the_end(executor, exit_)
    await land(executor, strikes, Moment.EXITING)
    await executor.until_told(lambda: executor.owned() == 0, STAGE_S_MAX)
    await land(executor, strikes, Moment.OVER)
    await world.clock.sleep(HELD_S)
    executor.unspent = _unspent(executor)
    # Alone the hour of a captcha is lived to its end; in pairs that would take hours.
    alone = sum(map(len, strikes.values())) == 1
    await _calm(executor, CAPTCHA_REST_S + REST_S_MAX if alone else REST_S_MAX)


async def _begin_the_end(executor: Executor, exit_: Exit) -> None:
    match exit_:
        case Exit.TARGET:
            await executor.world.price(ROOT, ABOVE_TARGET)
        case Exit.STOP:
            await executor.world.price(ROOT, BELOW_STOP)
        case Exit.SIGNAL:
            legs = len(executor.working())
            executor.close()
            await executor.until_told(lambda: len(executor.working()) < legs, 1.0)


async def _calm(executor: Executor, rest_s_max: float) -> None:
    """No further strike, and time for everything of ours to come to rest."""
    world = executor.world
    for fault in Fault:
        world.venue.faults.arm(fault, 0, {})
    world.link.chance, world.link.is_down = 0.0, False
    world.link.armed.clear()
    await world.clock.sleep(SETTLE_S)
    await executor.until(lambda: executor.is_ready, RETURN_S_MAX, 1.0)
    await executor.until(executor.is_at_rest, rest_s_max, 1.0)
    await world.clock.sleep(LAST_S)


def _unspent(executor: Executor) -> frozenset[str]:
    """Names of what was armed and has not acted even once."""
    world = executor.world
    faults = {fault.value for fault in Fault if world.venue.faults.is_untouched(fault)}
    return frozenset(faults | {str(blow.strike) for blow in world.link.armed})


async def land(executor: Executor, strikes: Strikes, moment: Moment) -> None:
    for strike in strikes.get(moment, ()):
        await strike(executor)
        await executor.world.clock.sleep(_APART_S)
