"""Has a strategy been silent for too long? Judged by the hours of its own market.

A chart that lost its alert looks exactly like a quiet market, so the owner says what is odd: no
accepted alert for so much market time, or none by a time of day. Each silence is told once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shared.domain.calendar import trade_date
from shared.domain.errors import TradeManagerError
from shared.domain.gates.windows import reached
from shared.domain.instruments import Product, product_of
from shared.domain.rules import Watchdog
from shared.domain.sessions import next_open, session_of
from shared.domain.symbols import read_symbol

# More market time than the longest silence that can be asked for (31 days of it).
_LOOK_BACK: Final = timedelta(days=70)
# Shorter than events are remembered: a silence that is older has been told.
_TOLD_FOR: Final = timedelta(days=6)
# A strategy that takes its symbols from its alerts keeps the hours of the index futures.
_ANY_MARKET: Final = "ES"

QUIET: Final = "watchdog.quiet"
NOT_BY: Final = "watchdog.not_by"


@dataclass(frozen=True, slots=True)
class Silence:
    """`since` or `due_at` (UTC) names it: the same silence is the same value at every look."""

    code: str
    since: datetime
    due_at: datetime | None


def silences(
    rules: Watchdog, symbol: str | None, heard_at: datetime | None, since: datetime, now: datetime
) -> tuple[Silence, ...]:
    """What is odd at `now`. `heard_at` is the last accepted alert.

    `since` is when somebody last changed the strategy: what was not asked for before then is not
    missed.
    """
    product = _product(symbol, now)
    began = since if heard_at is None else max(since, heard_at)
    found = []
    if rules.quiet_s is not None and _is_quiet(rules.quiet_s, product, began, now):
        found.append(Silence(QUIET, began, None))
    if rules.due_by is not None:
        missed = _missed(rules.due_by, ZoneInfo(rules.zone), product, began, now)
        if missed is not None:
            # Named by its day alone: which alert was the last one before it says nothing more.
            found.append(Silence(NOT_BY, missed, missed))
    return tuple(found)


def _is_quiet(quiet_s: int, product: Product, began: datetime, now: datetime) -> bool:
    """Quiet now, and not yet so long ago that it was told and forgotten."""
    if _open_s(product, began, now, quiet_s) < quiet_s:
        return False
    return _open_s(product, began, now - _TOLD_FOR, quiet_s) < quiet_s


def _missed(
    due_by: time, zone: ZoneInfo, product: Product, began: datetime, now: datetime
) -> datetime | None:
    """Today's instant, if its market traded before it and nothing was heard since midnight."""
    today = now.astimezone(zone).date()
    midnight = reached(datetime.combine(today, time(0)), zone)
    due_at = reached(datetime.combine(today, due_by), zone)
    if now < due_at or began >= midnight or not _open_s(product, midnight, due_at, 1):
        return None
    return due_at


def _open_s(product: Product, since: datetime, now: datetime, enough_s: int) -> int:
    """Whole seconds in which the market was open; no more of them are counted than are asked."""
    at, found_s = max(since, now - _LOOK_BACK), 0
    while at < now and found_s < enough_s:
        session = session_of(product, at)
        if session is None:
            at = next_open(product, at)
        else:
            found_s += (min(session.closes_at, now) - at) // timedelta(seconds=1)
            at = session.closes_at
    return found_s


def _product(symbol: str | None, now: datetime) -> Product:
    if symbol is None:
        return product_of(_ANY_MARKET)
    try:
        return product_of(read_symbol(symbol, trade_date(now)).root)
    except TradeManagerError:
        return product_of(_ANY_MARKET)
