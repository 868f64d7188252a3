"""What is stored of a round trip: pure values, and how a trip becomes one.

A `Record` is a row of `recorded_positions` without its id and version, a `Trade` a row of
`trades`. Both are compared as values, so "did anything change" is `==`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import JsonValue

from shared.domain.order import Action
from shared.domain.roundtrip import BookedFill, RoundTrip, TripExit, TripStatus

# A place in the broker's order of fills: time, then the broker's id.
Point = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Book:
    """Whose fills are paired with each other: one strategy's in one contract of one account."""

    account_id: int
    strategy_id: int
    contract: str


@dataclass(frozen=True, slots=True)
class OwnedFill:
    """A fill of a book, with the intent and signal behind it."""

    booked: BookedFill
    intent_id: UUID | None
    signal_id: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands around a book."""

    user_id: int
    strategy_name: str
    account_name: str
    root: str
    point_value_usd: Decimal
    recording_enabled: bool


@dataclass(frozen=True, slots=True)
class Labels:
    """What the alert and the protective orders say about a trip; None where nobody said it."""

    signal_id: int | None = None
    ticker: str | None = None
    timeframe: str | None = None
    stop_loss_price: Decimal | None = None
    take_profit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """`exit_price` averages the exits so far; the other exit columns are filled once flat."""

    opening_fill_id: int
    contract: str
    root: str
    ticker: str | None
    timeframe: str | None
    side: str
    qty: int
    open_qty: int
    entry_price: Decimal
    exit_price: Decimal | None
    entry_at: datetime
    exit_at: datetime | None
    exit_reason: str | None
    stop_loss_price: Decimal | None
    take_profit_price: Decimal | None
    gross_usd: Decimal
    fees_usd: Decimal
    net_usd: Decimal
    fees_known: bool
    status: str
    signal_id: int | None
    exits: list[dict[str, JsonValue]]

    @property
    def is_open(self) -> bool:
        return self.status == TripStatus.OPEN

    @property
    def closed_qty(self) -> int:
        return sum(int(str(each["qty"])) for each in self.exits)

    @property
    def point(self) -> Point:
        return self.entry_at, self.opening_fill_id


@dataclass(frozen=True, slots=True)
class Trade:
    contract: str
    root: str
    ticker: str | None
    timeframe: str | None
    side: str
    qty: int
    entry_price: Decimal
    exit_price: Decimal
    entry_at: datetime
    exit_at: datetime
    exit_reason: str
    gross_usd: Decimal
    fees_usd: Decimal
    net_usd: Decimal
    trade_date: date


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it stands in the database, with its trade if it has one."""

    id: int
    version: int
    record: Record
    trade: Trade | None


def columns(row: Record | Trade) -> dict[str, Any]:
    """By column name, as the database wants them."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


def plain(number: Decimal) -> Decimal:
    """The same number without the zeros a column or a division puts behind it."""
    return Decimal(format(number.normalize(), "f"))


def record_of(trip: RoundTrip, book: Book, facts: Facts, labels: Labels) -> Record:
    closing = trip.closing
    reason = trip.exit_reason
    return Record(
        opening_fill_id=trip.opening.fill_id,
        contract=book.contract,
        root=facts.root,
        ticker=labels.ticker,
        timeframe=labels.timeframe,
        side="BUY" if trip.side is Action.BUY else "SELL",
        qty=trip.qty_max,
        open_qty=trip.open_qty,
        entry_price=plain(trip.entry_price),
        exit_price=None if trip.exit_price is None else plain(trip.exit_price),
        entry_at=trip.opening.at,
        exit_at=None if closing is None else closing.at,
        exit_reason=None if closing is None or reason is None else reason.value,
        stop_loss_price=labels.stop_loss_price,
        take_profit_price=labels.take_profit_price,
        gross_usd=plain(trip.gross_usd),
        fees_usd=plain(trip.fees_usd),
        net_usd=plain(trip.net_usd),
        fees_known=trip.fees_known,
        status=trip.status.value,
        signal_id=labels.signal_id,
        exits=[_exit(each) for each in trip.exits],
    )


def trade_of(record: Record) -> Trade | None:
    """The trade a record makes; None while it is open."""
    if record.exit_at is None or record.exit_price is None or record.exit_reason is None:
        return None
    return Trade(
        contract=record.contract,
        root=record.root,
        ticker=record.ticker,
        timeframe=record.timeframe,
        side=record.side,
        qty=record.qty,
        entry_price=record.entry_price,
        exit_price=record.exit_price,
        entry_at=record.entry_at,
        exit_at=record.exit_at,
        exit_reason=record.exit_reason,
        gross_usd=record.gross_usd,
        fees_usd=record.fees_usd,
        net_usd=record.net_usd,
        trade_date=trade_date_of(record.exits),
    )


def trade_date_of(exits: Sequence[dict[str, JsonValue]]) -> date:
    """The trading day of the last exit."""
    return date.fromisoformat(str(exits[-1]["trade_date"]))


def _exit(taken: TripExit) -> dict[str, JsonValue]:
    fill = taken.slice.fill
    return {
        "fill_id": fill.fill_id,
        "at": fill.at.isoformat(),
        "trade_date": fill.trade_date.isoformat(),
        "qty": taken.slice.qty_contracts,
        "price": str(plain(fill.price)),
        "role": None if fill.role is None else fill.role.value,
        "reason": taken.reason.value,
        "gross_usd": str(plain(taken.gross_usd)),
    }
