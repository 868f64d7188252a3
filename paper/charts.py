"""Bars and ticks of the past: what traded since the start, and before that a made-up past.

{symbol, chartDescription: {underlyingType, elementSize}, timeRange: {asMuchAsElements, ...}}
-> packets of bars or ticks -> end of history -> the current bar at each trade
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from random import Random
from typing import Any, Final

from paper.rows import stamp
from shared.domain.calendar import trade_date
from shared.domain.instruments import PRODUCTS
from shared.domain.price import offset

BARS_MAX: Final = 5_000
TICKS_MAX: Final = 5_000
_MINUTE: Final = timedelta(minutes=1)
_STEPS: Final = (-2, -1, -1, 0, 1, 1, 2)


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute or several; `up` and `down` count trades above and below the one before."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    up: int = 0
    down: int = 0

    def traded(self, price: Decimal) -> Bar:
        rises = price >= self.close
        return replace(
            self,
            high=max(self.high, price),
            low=min(self.low, price),
            close=price,
            up=self.up + rises,
            down=self.down + (not rises),
        )

    def joined(self, later: Bar) -> Bar:
        return replace(
            self,
            high=max(self.high, later.high),
            low=min(self.low, later.low),
            close=later.close,
            up=self.up + later.up,
            down=self.down + later.down,
        )

    def told(self) -> dict[str, Any]:
        return {
            "timestamp": stamp(self.at),
            "open": self.open,
            "high": self.high,
            "low": self.low,
            "close": self.close,
            "upVolume": self.up,
            "downVolume": self.down,
            "upTicks": self.up,
            "downTicks": self.down,
            "bidVolume": self.down,
            "offerVolume": self.up,
        }


@dataclass(frozen=True, slots=True)
class Tick:
    id: int
    at: datetime
    price: Decimal


class Charts:
    """The recorded past of each family; one thread writes, readers ask for the last so many."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._bars: dict[str, deque[Bar]] = {}
        self._ticks: dict[str, deque[Tick]] = {}
        self._count = 0

    def record(self, family: str, price: Decimal, at: datetime) -> None:
        """One trade."""
        self._count += 1
        self._ticks.setdefault(family, deque(maxlen=TICKS_MAX)).append(Tick(self._count, at, price))
        bars = self._bars.setdefault(family, deque(maxlen=BARS_MAX))
        minute = _floor(at, 1)
        if bars and bars[-1].at >= minute:
            bars[-1] = bars[-1].traded(price)
        else:
            bars.append(Bar(minute, price, price, price, price, up=1))

    def bars(
        self, family: str, minutes: int, count: int, now: datetime, last: Decimal
    ) -> list[Bar]:
        """The last `count` bars of so many minutes, the oldest first; at most BARS_MAX."""
        count = min(count, BARS_MAX)
        newest = islice(reversed(self._bars.get(family, deque())), (count + 1) * minutes)
        known = list(newest)[::-1] or [Bar(_floor(now, 1), last, last, last, last)]
        joined: list[Bar] = []
        for bar in known:
            begins = _floor(bar.at, minutes)
            if joined and joined[-1].at == begins:
                joined[-1] = joined[-1].joined(bar)
            else:
                joined.append(replace(bar, at=begins))
        missing = count - len(joined)
        return [*self._made_up(family, minutes, joined[0], missing), *joined][-count:]

    def ticks(self, family: str, count: int) -> list[Tick]:
        """The last `count` trades since the start; no past is made up for them."""
        return list(self._ticks.get(family, ()))[-count:]

    def _made_up(self, family: str, minutes: int, first: Bar, count: int) -> list[Bar]:
        """A walk back from the first known bar; each bar's close is the next one's open."""
        chance = Random(f"{self._seed}:{family}:past")  # noqa: S311 - reproducible on purpose
        tick = PRODUCTS[family].tick_size
        opens = [first.open]
        for _ in range(max(0, count)):
            before = offset(opens[-1], chance.choice(_STEPS), tick)
            opens.append(before if before > 0 else opens[-1])
        made = [
            Bar(
                first.at - minutes * n * _MINUTE,
                begins,
                max(begins, ends),
                min(begins, ends),
                ends,
                1,
                1,
            )
            for n, (ends, begins) in enumerate(pairwise(opens), 1)
        ]
        return made[::-1]


def bar_packet(packet_id: int, bars: list[Bar]) -> dict[str, Any]:
    return {"id": packet_id, "td": _day(bars[-1].at), "bars": [bar.told() for bar in bars]}


def tick_packet(packet_id: int, ticks: list[Tick], tick_size: Decimal) -> dict[str, Any]:
    """Prices in ticks from `bp`, times in milliseconds from `bt`."""
    base, begins = int(ticks[0].price / tick_size), _millis(ticks[0].at)
    told = [
        {
            "t": _millis(tick.at) - begins,
            "p": int(tick.price / tick_size) - base,
            "s": 1,
            "b": int(tick.price / tick_size) - base,
            "a": int(tick.price / tick_size) - base + 1,
            "bs": 10,
            "as": 10,
            "id": tick.id,
        }
        for tick in ticks
    ]
    day = _day(ticks[-1].at)
    return {
        "id": packet_id,
        "s": "db",
        "td": day,
        "bp": base,
        "bt": begins,
        "ts": tick_size,
        "tks": told,
    }


def _floor(at: datetime, minutes: int) -> datetime:
    minute = int(at.timestamp()) // 60
    return datetime.fromtimestamp((minute - minute % minutes) * 60, at.tzinfo)


def _day(at: datetime) -> int:
    return int(f"{trade_date(at):%Y%m%d}")


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)
