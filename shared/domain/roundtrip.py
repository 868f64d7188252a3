"""Round trips: fills of one owner in one contract, from flat to flat, paired first in, first out.

    fills      +2        +1        -1        -4           +2
    position  0 -> 2      3         2    0 -> -2            0
              '---------- long ----------'  '---- short ---'

A fill that goes through flat is a close and an open; its fee is shared by quantity. Gross comes
from pairs, so a trip that is still open has the gross of what it closed so far. Nothing here is
guessed from an order's status: a trip is what its fills say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from shared.domain.ids import Cause
from shared.domain.money import average_price, gross_usd, split_usd
from shared.domain.order import Action, Role


class ExitReason(StrEnum):
    """Why contracts were closed, in the words shown to people."""

    TAKE_PROFIT = "Take Profit"
    STOP_LOSS = "Stop Loss"
    SIGNAL = "Signal"
    MANUAL = "Manual"
    RISK = "Risk"
    ROLL = "Roll"
    WINDOW = "Window"


class TripStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    STOPPED_OUT = "stopped_out"
    TARGET_HIT = "target_hit"


@dataclass(frozen=True, slots=True)
class BookedFill:
    """A fill with what its owner knows of it.

    `fee_usd` is the whole fee of the fill, None until told. `role` and `cause` are None for a fill
    that none of our intents asked for.
    """

    fill_id: int
    action: Action
    qty_contracts: int
    price: Decimal
    at: datetime
    trade_date: date
    fee_usd: Decimal | None = None
    role: Role | None = None
    cause: Cause | None = None

    @property
    def position_in_time(self) -> tuple[datetime, int]:
        """The broker's order: by time, then by its own id."""
        return self.at, self.fill_id


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of a fill that belongs to one trip; nearly always the whole fill."""

    fill: BookedFill
    qty_contracts: int
    fee_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Contracts that came in by one fill and went out by another."""

    entry_fill_id: int
    exit_fill_id: int
    qty_contracts: int
    entry_price: Decimal
    exit_price: Decimal
    gross_usd: Decimal


@dataclass(frozen=True, slots=True)
class TripExit:
    """What one closing fill took out of the trip."""

    slice: Slice
    reason: ExitReason
    gross_usd: Decimal


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One trip. `qty_max` is the largest size held; prices are averages over all entries or exits.

    `fees_usd` holds the fees known so far; `fees_known` says whether these are all.
    """

    side: Action
    qty_max: int
    open_qty: int
    entries: tuple[Slice, ...]
    exits: tuple[TripExit, ...]
    pairs: tuple[Pair, ...]
    entry_price: Decimal
    exit_price: Decimal | None
    gross_usd: Decimal
    fees_usd: Decimal
    fees_known: bool

    @property
    def opening(self) -> BookedFill:
        return self.entries[0].fill

    @property
    def closing(self) -> BookedFill | None:
        """The fill that made it flat; None while open."""
        return None if self.open_qty else self.exits[-1].slice.fill

    @property
    def net_usd(self) -> Decimal:
        return self.gross_usd - self.fees_usd

    @property
    def exit_reason(self) -> ExitReason | None:
        """The last exit decides; None before the first."""
        return self.exits[-1].reason if self.exits else None

    @property
    def status(self) -> TripStatus:
        if self.open_qty:
            return TripStatus.OPEN
        match self.exit_reason:
            case ExitReason.STOP_LOSS:
                return TripStatus.STOPPED_OUT
            case ExitReason.TAKE_PROFIT:
                return TripStatus.TARGET_HIT
            case _:
                return TripStatus.CLOSED

    @property
    def fill_ids(self) -> frozenset[int]:
        closing = (each.slice.fill.fill_id for each in self.exits)
        return frozenset({*(each.fill.fill_id for each in self.entries), *closing})


def round_trips(fills: Iterable[BookedFill], point_value_usd: Decimal) -> list[RoundTrip]:
    """All trips of one owner in one contract, beginning flat; only the last may be open.

    Fills may be given in any order. A fill id must not occur twice.
    """
    done: list[RoundTrip] = []
    trip: _Trip | None = None
    for fill in sorted(fills, key=lambda each: each.position_in_time):
        for part in _slices(fill, 0 if trip is None else trip.net_qty):
            if trip is None:
                trip = _Trip(fill.action, point_value_usd)
            trip.take(part)
            if trip.net_qty == 0:
                done.append(trip.freeze())
                trip = None
    return done if trip is None else [*done, trip.freeze()]


def reason_of(fill: BookedFill) -> ExitReason:
    """Why this fill closed contracts. One that no intent of ours asked for was done by hand."""
    match fill.role:
        case Role.TAKE_PROFIT:
            return ExitReason.TAKE_PROFIT
        case Role.STOP_LOSS:
            return ExitReason.STOP_LOSS
        case None:
            return ExitReason.MANUAL
        case _:
            return ExitReason.MANUAL if fill.cause is None else _BECAUSE[fill.cause]


_BECAUSE: Final = {
    Cause.SIGNAL: ExitReason.SIGNAL,
    Cause.COMMAND: ExitReason.MANUAL,
    Cause.GUARD: ExitReason.RISK,
    Cause.ROLL: ExitReason.ROLL,
    Cause.WINDOW: ExitReason.WINDOW,
    Cause.HEAL: ExitReason.RISK,
    # An add that met a position of the other side is as much the strategy's wish as an alert's.
    Cause.AVERAGE: ExitReason.SIGNAL,
}


def _slices(fill: BookedFill, net_qty: int) -> Iterator[Slice]:
    """The fill whole, or the part that closes `net_qty` and the part that opens beyond it."""
    held = abs(net_qty)
    if net_qty * fill.action.sign >= 0 or fill.qty_contracts <= held:
        yield Slice(fill, fill.qty_contracts, fill.fee_usd)
        return
    parts = (held, fill.qty_contracts - held)
    fees = (None, None) if fill.fee_usd is None else split_usd(fill.fee_usd, parts)
    for qty, fee_usd in zip(parts, fees, strict=True):
        yield Slice(fill, qty, fee_usd)


@dataclass(slots=True)
class _Lot:
    """Contracts of one entry that are still held."""

    fill_id: int
    price: Decimal
    qty: int


class _Trip:
    """A trip while its fills are being read."""

    def __init__(self, side: Action, point_value_usd: Decimal) -> None:
        self._side = side
        self._point_value_usd = point_value_usd
        self._lots: deque[_Lot] = deque()
        self._open_qty = 0
        self._qty_max = 0
        self._entries: list[Slice] = []
        self._exits: list[TripExit] = []
        self._pairs: list[Pair] = []

    @property
    def net_qty(self) -> int:
        return self._side.sign * self._open_qty

    def take(self, part: Slice) -> None:
        if part.fill.action is self._side:
            self._enter(part)
        else:
            self._leave(part)

    def _enter(self, part: Slice) -> None:
        self._entries.append(part)
        self._lots.append(_Lot(part.fill.fill_id, part.fill.price, part.qty_contracts))
        self._open_qty += part.qty_contracts
        self._qty_max = max(self._qty_max, self._open_qty)

    def _leave(self, part: Slice) -> None:
        pairs = [*self._match(part)]
        self._pairs += pairs
        gross = sum((pair.gross_usd for pair in pairs), Decimal(0))
        self._exits.append(TripExit(part, reason_of(part.fill), gross))
        self._open_qty -= part.qty_contracts

    def _match(self, part: Slice) -> Iterator[Pair]:
        """Oldest contracts first."""
        wanted = part.qty_contracts
        while wanted:
            lot = self._lots[0]
            qty = min(wanted, lot.qty)
            yield Pair(
                entry_fill_id=lot.fill_id,
                exit_fill_id=part.fill.fill_id,
                qty_contracts=qty,
                entry_price=lot.price,
                exit_price=part.fill.price,
                gross_usd=gross_usd(
                    lot.price, part.fill.price, qty * self._side.sign, self._point_value_usd
                ),
            )
            wanted -= qty
            lot.qty -= qty
            if lot.qty == 0:
                self._lots.popleft()

    def freeze(self) -> RoundTrip:
        closing = [each.slice for each in self._exits]
        fees = [part.fee_usd for part in (*self._entries, *closing)]
        return RoundTrip(
            side=self._side,
            qty_max=self._qty_max,
            open_qty=self._open_qty,
            entries=tuple(self._entries),
            exits=tuple(self._exits),
            pairs=tuple(self._pairs),
            entry_price=_average(self._entries),
            exit_price=_average(closing) if closing else None,
            gross_usd=sum((each.gross_usd for each in self._exits), Decimal(0)),
            fees_usd=sum((fee for fee in fees if fee is not None), Decimal(0)),
            fees_known=None not in fees,
        )


def _average(parts: list[Slice]) -> Decimal:
    return average_price((part.fill.price, part.qty_contracts) for part in parts)
