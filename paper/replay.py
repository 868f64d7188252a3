"""Prices out of a chart exported by TradingView: `time,open,high,low,close[,Volume]`.

Each bar becomes four trades, open-low-high-close or open-high-low-close by a seeded rule. At the
end the last price holds.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

from paper.market import family_of
from shared.domain.errors import AlertRefused
from shared.domain.symbols import read_symbol

POINTS_PER_BAR: Final = 4
DEFAULT_ROOT: Final = "NQ"
_BARS_MAX: Final = 2_000_000
_DEFAULT_BAR_S: Final = 60.0
_FIRST_WORDS: Final = re.compile(r"^[^,]+")


class BadPricesError(ValueError):
    """The file is no chart export; the message says where."""


@dataclass(frozen=True, slots=True)
class Bar:
    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


@dataclass(frozen=True, slots=True)
class Point:
    """One trade of the replay; `at` is the beginning of its bar."""

    at: datetime
    price: Decimal


class Replay:
    """A cursor over the trades of a file."""

    def __init__(self, family: str, bars: list[Bar], seed: int) -> None:
        self.family = family
        self.at = 0
        self.point_s = _bar_s(bars) / POINTS_PER_BAR
        self._bars = bars
        self._seed = seed

    @property
    def length(self) -> int:
        return len(self._bars) * POINTS_PER_BAR

    @property
    def first_price(self) -> Decimal:
        return self._bars[0].open

    def next(self) -> Point | None:
        """The next trade, or None at the end."""
        if self.at >= self.length:
            return None
        number, step = divmod(self.at, POINTS_PER_BAR)
        self.at += 1
        bar = self._bars[number]
        return Point(bar.at, _walked(bar, self._seed + number)[step])


def read_replay(path: Path, seed: int) -> Replay:
    """Raises BadPricesError for a file without bars or with a line that is none."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        names = {name.strip().lower(): name for name in reader.fieldnames or ()}
        missing = {"time", "open", "high", "low", "close"} - set(names)
        if missing:
            raise BadPricesError(f"the header lacks {', '.join(sorted(missing))}")
        bars = list(_bars(reader, names))
    if not bars:
        raise BadPricesError("there is no bar in the file")
    return Replay(family_of(root_of(path)), bars, seed)


def root_of(path: Path) -> str:
    """The root that a file's name tells: `CME_MINI_NQ1!, 5.csv`, `NQ1!.csv`, `NQ.csv`."""
    words = _FIRST_WORDS.match(path.stem)
    symbol = words.group().strip() if words else ""
    today = datetime.now(UTC).date()  # only a contract's year depends on it, and is not used
    for candidate in (symbol, symbol.rpartition("_")[2]):
        try:
            return read_symbol(candidate, today).root
        except AlertRefused:
            continue
    return DEFAULT_ROOT


def _bars(reader: csv.DictReader[str], names: dict[str, str]) -> Iterator[Bar]:
    for number, row in enumerate(reader, start=2):
        if number > _BARS_MAX:
            raise BadPricesError(f"more than {_BARS_MAX} lines")
        cells = {key: row[name] or "" for key, name in names.items()}
        try:
            yield Bar(
                _instant(cells["time"]),
                Decimal(cells["open"]),
                Decimal(cells["high"]),
                Decimal(cells["low"]),
                Decimal(cells["close"]),
            )
        except (InvalidOperation, ValueError) as error:
            raise BadPricesError(f"line {number} is no bar") from error


def _instant(text: str) -> datetime:
    text = text.strip()
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _walked(bar: Bar, seed: int) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    low_first = Random(seed).random() < 0.5  # noqa: S311, PLR2004 - a reproducible even chance
    middle = (bar.low, bar.high) if low_first else (bar.high, bar.low)
    return (bar.open, *middle, bar.close)


def _bar_s(bars: list[Bar]) -> float:
    """The shortest distance between two bars: gaps of a night or a weekend are passed over."""
    steps = [s for a, b in pairwise(bars) if (s := (b.at - a.at).total_seconds()) > 0]
    return min(steps, default=_DEFAULT_BAR_S)
