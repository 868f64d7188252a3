"""A slice's world, from its seed alone: who trades where, what is alerted, what is struck. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import count
from random import Random
from typing import Any, Final

SOLO_SYMBOL, PAIR_SYMBOL = "MNQ1!", "MES1!"
SERVICES: Final = ("api", "gateway", "execution", "recorder", "notifier")
_BRACKET_TICKS: Final = (24, 16)  # target, stop: reached now and then, by the venue's own prices
_CLOSES: Final = 0.25
_AT_ONCE: Final = 0.15  # of the alerts come in the same instant as the one before


@dataclass(frozen=True, slots=True)
class Strategy:
    """`accounts` are (name, multiplier). A target or an order: how its alerts speak."""

    name: str
    symbol: str
    accounts: tuple[tuple[str, int], ...]
    speaks: str  # orders | targets
    bracket: bool

    def settings(self) -> dict[str, Any]:
        target, stop = _BRACKET_TICKS
        levels = {"take_profit": [target], "stop_loss": stop} if self.bracket else {}
        return {"name": self.name, "symbol": self.symbol, **levels}


@dataclass(frozen=True, slots=True)
class Alert:
    """`asks` is what the checker's own model reads; `proof` is what tells a resend from a twin."""

    number: int
    strategy: str
    symbol: str
    asks: dict[str, Any]
    proof: str  # time | id | none
    pause_s: float

    def message(self, at: datetime, price: str) -> bytes:
        fields = {"strategy": self.strategy, "comment": f"n{self.number}", "symbol": self.symbol}
        if self.proof == "time":
            fields["timenow"] = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        if self.proof == "id":
            fields["alert_id"] = f"alert-{self.number}"
        return json.dumps({**fields, **self.asks, "price": price}).encode()


class Kind(StrEnum):
    KILL = "kill"  # -9
    PAUSE = "pause"  # SIGSTOP for a while
    RESTART = "restart"  # PostgreSQL, told to stop at once and started again
    BACKEND = "backend"  # -9 to one server process of PostgreSQL, which restarts all of them
    FLUSH = "flush"  # everything in Redis is gone
    CUT = "cut"
    DELAY = "delay"
    HALF_OPEN = "half-open"
    CUT_AT_COMMIT = "cut after COMMIT"


@dataclass(frozen=True, slots=True)
class Strike:
    """`after` so many alerts; `near_call`: within 50 ms of a call of the broker.

    `victim` is a process or a link; `lasts_s` counts for pauses and links.
    """

    number: int
    kind: Kind
    victim: str
    after: int
    near_call: bool = False
    wait_ms: int = 0
    lasts_s: float = 0.0

    def told(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Size:
    """What one slice has to do."""

    seed: str
    kills: int
    alerts: int
    accounts: int
    rate_per_s: float
    links: tuple[str, ...] = field(default=())


def strategies(accounts: Sequence[str]) -> tuple[Strategy, ...]:
    """One for each account alone, one for each two neighbours; no root has two in one account."""
    solo = [
        Strategy(f"Solo {i}", SOLO_SYMBOL, ((name, 1),), ("orders", "targets")[i % 2], False)
        for i, name in enumerate(accounts)
    ]
    pairs = [
        Strategy(
            f"Pair {i}",
            PAIR_SYMBOL,
            ((first, 1), (second, 2)),
            ("orders", "targets")[i % 2],
            i % 3 == 0,
        )
        for i, (first, second) in enumerate(zip(accounts[::2], accounts[1::2], strict=False))
    ]
    return (*solo, *pairs)


def alerts(size: Size, among: Sequence[Strategy]) -> Iterator[Alert]:
    """Without end: a house that recovers slowly needs more of them than were planned."""
    chance = Random(f"alerts:{size.seed}")  # noqa: S311 - reproducible on purpose
    groups = [[s for s in among if len(s.accounts) == many] for many in (1, 2)]
    groups = [group for group in groups if group]
    for number in count(1):
        strategy = chance.choice(chance.choice(groups))
        at_once = chance.random() < _AT_ONCE
        pause_s = 0.0 if at_once else chance.expovariate(size.rate_per_s * (1 - _AT_ONCE))
        proof = chance.choices(("time", "id", "none"), (8, 1, 1))[0]
        asks = _asks(chance, strategy)
        yield Alert(number, strategy.name, strategy.symbol, asks, proof, min(pause_s, 5.0))


def closings(first: int, among: Sequence[Strategy]) -> Iterator[Alert]:
    """The last alert of each strategy, so that the day ends flat."""
    for number, strategy in enumerate(among, first):
        asks = {"action": "close"} if strategy.speaks == "orders" else _target(0)
        yield Alert(number, strategy.name, strategy.symbol, asks, "time", 0.0)


def strikes(size: Size) -> tuple[Strike, ...]:
    """`kills` times -9, four fifths of them at services, half of those at a call of the broker."""
    chance = Random(f"strikes:{size.seed}")  # noqa: S311 - reproducible on purpose
    found = [*_kills(chance, size.kills), *_others(chance, size)]
    chance.shuffle(found)
    space = size.alerts / (len(found) + 1)
    return tuple(
        Strike(n, kind, victim, int(space * n), near_call, chance.randrange(45), lasts_s)
        for n, (kind, victim, near_call, lasts_s) in enumerate(found, 1)
    )


_Drawn = tuple[Kind, str, bool, float]


def _kills(chance: Random, kills: int) -> Iterator[_Drawn]:
    stores = kills // 5 if kills >= 10 else kills // 6
    for i in range(kills - stores):
        # A few more than half: now and then one misses the call it is aimed at.
        is_aimed = (i // len(SERVICES)) % 5 in (0, 2, 4)
        yield Kind.KILL, SERVICES[i % len(SERVICES)], is_aimed, 0.0
    for i in range(stores):
        kind, victim = ((Kind.KILL, "postgres"), (Kind.KILL, "valkey"), (Kind.BACKEND, "postgres"))[
            i % 3
        ]
        yield kind, victim, chance.random() < 0.5, 0.0


def _others(chance: Random, size: Size) -> Iterator[_Drawn]:
    """What does not kill: a fifth as many pauses, as many of the stores, as many of the links."""
    share = max(1, size.kills // 12)
    for i in range(share):
        victim = ("execution", "recorder", "notifier", "gateway", "api")[i % 5]
        # One API alone: longer than this and TradingView itself gives an alert up.
        longest_s = 6.0 if victim == "api" else 30.0
        yield Kind.PAUSE, victim, False, round(chance.uniform(1.0, longest_s), 1)
    for i in range(share):
        yield (Kind.FLUSH, "valkey", False, 0.0) if i % 2 else (Kind.RESTART, "postgres", False, 0)
    faults = (Kind.CUT, Kind.HALF_OPEN, Kind.DELAY, Kind.CUT_AT_COMMIT)
    for i in range(share * 2 if size.links else 0):
        link = size.links[i % len(size.links)]
        kind = faults[(i // len(size.links) + i) % len(faults)]
        if kind is Kind.CUT_AT_COMMIT and not link.endswith("postgres"):
            kind = Kind.CUT
        yield kind, link, False, round(chance.uniform(0.5, 4.0), 1)


def _asks(chance: Random, strategy: Strategy) -> dict[str, Any]:
    closes = chance.random() < _CLOSES
    if strategy.speaks == "targets":
        return _target(0 if closes else chance.choice((-3, -2, -1, 1, 2, 3)))
    if closes:
        return {"action": "close"}
    return {"action": chance.choice(("buy", "sell")), "quantity": chance.randint(1, 2)}


def _target(net: int) -> dict[str, Any]:
    side = "flat" if net == 0 else "long" if net > 0 else "short"
    return {"market_position": side, "market_position_size": abs(net)}
