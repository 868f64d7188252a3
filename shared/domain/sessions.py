"""When a product trades: hours by code, holidays and early closes of the exchanges.

What is known and from where stands in `shared.domain.session_table`. A closing time is the first
instant without trading. Every answer is in UTC; the hours follow Chicago's clock through both of
its changes. A time without zone raises ValueError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from shared.domain.business_days import SATURDAY
from shared.domain.calendar import CHICAGO, last_trading_day
from shared.domain.instruments import Product
from shared.domain.session_table import CLOSES, HOURS
from shared.domain.special_days import SpecialDay, special_day, trading_day

_DAY: Final = timedelta(days=1)
_DAYS_CLOSED_MAX: Final = 10  # no market rests for longer


@dataclass(frozen=True, slots=True)
class Session:
    """A stretch of trading without a break, `opens_at` until just before `closes_at`, in UTC.

    `trade_date` is the day its trades belong to; several sessions may share it.
    """

    opens_at: datetime
    closes_at: datetime
    trade_date: date


@dataclass(frozen=True, slots=True)
class _Hours:
    """Wall-clock hours; `is_evening` when the opening is on the evening before."""

    opens: time
    closes: time
    is_evening: bool


def is_open(product: Product, at: datetime) -> bool:
    return session_of(product, at) is not None


def session_of(product: Product, at: datetime) -> Session | None:
    """The session at that instant, or None while the market is closed."""
    return next((s for s in _from(product, at) if s.opens_at <= at), None)


def next_open(product: Product, at: datetime) -> datetime:
    """The first opening after `at`, also while the market is open."""
    return next(s.opens_at for s in _from(product, at) if s.opens_at > at)


def session_end(product: Product, at: datetime) -> datetime:
    """When the trading day ends that is under way at `at`, or else the next one.

    Day orders end then. It is later than the close of the session of `at` where a day has more
    than one: grains, and the halt of a holiday whose trades count for the next day.
    """
    session = next(_from(product, at))
    last = sessions_on(_column_of(product), product.hours, session.trade_date)[-1:]
    return last[0].closes_at if last else session.closes_at


def trading_ends(product: Product, year: int, month: int) -> datetime:
    """The first instant at which the contract of this delivery month trades no more, in UTC."""
    day = last_trading_day(product, year, month)
    close = sessions_on(_column_of(product), product.hours, day)[-1].closes_at
    if product.last_hour is None:
        return close
    zone = ZoneInfo(product.last_hour_zone)
    return min(close, datetime.combine(day, product.last_hour, zone).astimezone(UTC))


@lru_cache(maxsize=8192)
def sessions_on(column: str, hours: str, day: date) -> tuple[Session, ...]:
    """The sessions that close on `day`, in order; `column` is one of `session_table.CLOSES`."""
    special = special_day(day)
    last = None if special is None else _CLOSES[special][column]
    if day.weekday() >= SATURDAY or last is _NOT_AT_ALL:
        return ()
    closes = (
        (slot, slot.closes if last is None else min(slot.closes, last)) for slot in _HOURS[hours]
    )
    return tuple(
        Session(_utc(day - _DAY * slot.is_evening, slot.opens), _utc(day, end), trading_day(day))
        for slot, end in closes
        if (_opens_on_the_eve_of(column, day) if slot.is_evening else slot.opens < end)
    )


def _from(product: Product, at: datetime) -> Iterator[Session]:
    """The sessions that end after `at`, in order."""
    if at.utcoffset() is None:
        raise ValueError("A session needs a time with its zone.")
    day = at.astimezone(CHICAGO).date()
    column = _column_of(product)
    for ahead in range(_DAYS_CLOSED_MAX):
        for session in sessions_on(column, product.hours, day + _DAY * ahead):
            if session.closes_at > at:
                yield session


def _opens_on_the_eve_of(column: str, day: date) -> bool:
    """Grains stay shut on the evening of the longer holidays."""
    special = special_day(day - _DAY)
    return column != "grains" or special is None or special not in _NO_EVENING


def _column_of(product: Product) -> str:
    """Two exchanges have holidays of their own; the others differ by group."""
    return {"D": "dollar", "E": "vix"}.get(product.hours, str(product.group))


def _utc(day: date, wall: time) -> datetime:
    return datetime.combine(day, wall, CHICAGO).astimezone(UTC)


_NOT_AT_ALL: Final = time(0)


def _read_closes() -> tuple[Mapping[SpecialDay, Mapping[str, time | None]], frozenset[SpecialDay]]:
    head, *rows = [
        [cell.strip() for cell in line.split("|")] for line in CLOSES.strip().splitlines()
    ]
    closes = {
        SpecialDay(day): MappingProxyType(dict(zip(head[1:-1], map(_close, cells), strict=True)))
        for day, *cells, _ in rows
    }
    return MappingProxyType(closes), frozenset(SpecialDay(row[0]) for row in rows if row[-1] == "n")


def _close(cell: str) -> time | None:
    if cell == "-":
        return _NOT_AT_ALL
    return time.fromisoformat(cell) if cell else None


def _read_hours() -> Mapping[str, tuple[_Hours, ...]]:
    return MappingProxyType(
        {
            code: tuple(_slot(slot) for slot in slots.split())
            for code, slots in (line.split("|") for line in HOURS.strip().splitlines())
        }
    )


def _slot(text: str) -> _Hours:
    opens, closes = text.removeprefix("<").split("-")
    return _Hours(time.fromisoformat(opens), time.fromisoformat(closes), text.startswith("<"))


_CLOSES, _NO_EVENING = _read_closes()
_HOURS: Final = _read_hours()
