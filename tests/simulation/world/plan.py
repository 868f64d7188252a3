"""What a seed means: accounts, strategies, signals, prices and what goes wrong, drawn beforehand.

Nothing in here depends on what happens, so a plan can be printed, and any part of it left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any, Final

from shared.domain.alert_signal import Side, Signal, SignalKind, SignalOrderType
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.bracket import (
    Bracket,
    BreakEven,
    DistanceUnit,
    OnAdd,
    Stop,
    Target,
    Trail,
    plain_bracket,
)
from shared.domain.rules.limits import Limits
from tests.simulation.world.troubles import faults

LOGINS: Final = ("ann", "ann", "bob")  # of each account
START_PRICE: Final = Decimal(5000)
TICK: Final = Decimal("0.25")
SIGNALS: Final = 40
FIRST_AT_S: Final = 2.0
LAST_AT_S: Final = 56.0


@dataclass(frozen=True, slots=True)
class SeatPlan:
    login: str
    multiplier: Decimal
    exclusive: bool
    rules: AccountRules


@dataclass(frozen=True, slots=True)
class StrategyPlan:
    name: str
    root: str
    rules: StrategyRules
    seats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """`kind` names a method of the life; `args` are its own."""

    at_s: float
    kind: str
    args: dict[str, Any]

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.args.items())
        return f"{self.at_s:7.3f} {self.kind} {told}"


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    seats: tuple[SeatPlan, ...]
    strategies: tuple[StrategyPlan, ...]
    slippage_ticks: int
    partial: int | None
    bells: tuple[float, float, float]  # lost, doubled, overtaken
    events: tuple[Event, ...]
    ends_at_s: float = LAST_AT_S
    strikes_on: bool = False  # what is armed then may strike while everything comes to rest

    @property
    def faults(self) -> int:
        return sum(each.kind not in ("signal", "price") for each in self.events)


def plan_of(seed: int) -> Plan:
    rng = Random(f"world {seed}")  # noqa: S311 - reproducible on purpose
    seats = tuple(_seat(rng, login) for login in LOGINS)
    strategies = tuple(_strategies(rng))
    events = [*_signals(rng, strategies), *_prices(rng, strategies)]
    events += [Event(at_s, kind, args) for at_s, kind, args in faults(rng, LAST_AT_S)]
    return Plan(
        seed,
        seats,
        strategies,
        rng.choice((0, 0, 1, 2, 4)),
        rng.choice((None, None, None, 1)),
        rng.choice(((0.0, 0.0, 0.0), (0.3, 0.2, 0.2), (1.0, 0.0, 0.0), (0.1, 0.5, 0.3))),
        tuple(sorted(events, key=lambda each: each.at_s)),
    )


def _seat(rng: Random, login: str) -> SeatPlan:
    position_max = rng.choice((None, None, 6, 4))
    rules = AccountRules(limits=Limits(max_position_contracts=position_max))
    return SeatPlan(login, Decimal(rng.choice((1, 1, 2))), rng.random() < 0.6, rules)


def _strategies(rng: Random) -> list[StrategyPlan]:
    """The first in every account; another in two of them, in the same root or in one of its own."""
    return [
        StrategyPlan("one", "MES", StrategyRules(bracket=_bracket(rng)), (0, 1, 2)),
        StrategyPlan(
            "two", rng.choice(("MES", "MNQ")), StrategyRules(bracket=_bracket(rng)), (1, 2)
        ),
    ]


def _bracket(rng: Random) -> Bracket:
    stop_ticks, target_ticks = rng.choice((16, 24, 40)), rng.choice((16, 24, 40))
    match rng.randrange(8):
        case 0 | 1 | 2 | 3:
            return plain_bracket(target_ticks, stop_ticks)
        case 4 | 5:
            first = Target(at=Decimal(target_ticks // 2), trim=Decimal(50))
            last = Target(at=Decimal(target_ticks))
            return Bracket(targets=(first, last), stop=Stop(at=Decimal(stop_ticks)))
        case 6:
            trail = Trail(distance=Decimal(stop_ticks), unit=DistanceUnit.TICKS)
            stop = Stop(at=Decimal(stop_ticks), trail=trail)
            return Bracket(targets=(Target(at=Decimal(target_ticks)),), stop=stop)
        case _:
            stop = Stop(at=Decimal(stop_ticks), break_even=BreakEven(after_ticks=stop_ticks // 2))
            each = rng.choice((OnAdd.PER_ENTRY, OnAdd.PER_POSITION))
            return Bracket(targets=(Target(at=Decimal(target_ticks)),), stop=stop, on_add=each)


def _signals(rng: Random, strategies: tuple[StrategyPlan, ...]) -> list[Event]:
    """Alone and in bursts."""
    times: list[float] = []
    while len(times) < SIGNALS:
        at_s = rng.uniform(FIRST_AT_S, LAST_AT_S)
        burst = rng.choice((1, 1, 1, 2, 3))
        times += [at_s + number * rng.choice((0.0, 0.01, 0.3)) for number in range(burst)]
    return [
        Event(at_s, "signal", {"strategy": rng.randrange(len(strategies)), "signal": _signal(rng)})
        for at_s in times[:SIGNALS]
    ]


def _signal(rng: Random) -> Signal:
    """Without a price: that is the market's when it is sent."""
    side, qty = rng.choice((Side.BUY, Side.SELL)), rng.choice((1, 1, 2, 2, 3))
    market: dict[str, Any] = {"kind": SignalKind.ORDER, "side": side, "quantity": qty}
    away = Decimal(rng.choice((2, 4, 12))) * TICK  # so far behind the market
    limit = {**market, "order_type": SignalOrderType.LIMIT, "limit_price": away}
    some: tuple[tuple[int, dict[str, Any]], ...] = (
        (48, market),
        (14, {"kind": SignalKind.CLOSE}),
        (8, {"kind": SignalKind.CLOSE, "close_percent": Decimal(rng.choice((50, 34)))}),
        (10, {"kind": SignalKind.REVERSE, "quantity": qty}),
        (8, {"kind": SignalKind.TARGET, "target_position": rng.choice((-2, -1, 0, 1, 2))}),
        (7, limit),
        (5, {"kind": SignalKind.CANCEL}),
    )
    (chosen,) = rng.choices([each for _, each in some], [weight for weight, _ in some])
    return Signal(dialect="test", **chosen)


def _prices(rng: Random, strategies: tuple[StrategyPlan, ...]) -> list[Event]:
    """Small steps, and now and then one that reaches targets and stops."""
    events, at_s = [], 0.5
    roots = sorted({each.root for each in strategies})
    while at_s < LAST_AT_S + 2.0:
        ticks = rng.randint(-5, 5) if rng.random() < 0.85 else rng.choice((-30, -18, 18, 30))
        events.append(Event(at_s, "price", {"root": rng.choice(roots), "ticks": ticks}))
        at_s += rng.uniform(0.3, 1.8)
    return events
