"""What every row on the wire shares: its shape, its times, its encoding."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

import msgspec


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """Anything that is sent; a field at its default is left out."""


class Row(Wire, frozen=True, kw_only=True):
    id: int


class TradeDate(Wire, frozen=True, kw_only=True):
    year: int
    month: int
    day: int


def stamp(at: datetime) -> str:
    """A timestamp as the broker writes it: `2026-03-02T16:30:00.123Z`."""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def trade_date_of(day: date) -> TradeDate:
    return TradeDate(year=day.year, month=day.month, day=day.day)


def encode(value: object) -> bytes:
    """JSON with every Decimal as a number, digit for digit."""
    return _ENCODER.encode(value)


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
