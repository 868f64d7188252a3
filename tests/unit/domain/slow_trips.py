"""The oracle of round trips: one contract at a time, whole cents, nothing shared with the product.

Prices in ticks of ES (0.25 points, 12.50 USD), fees in cents.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TICK_CENTS = 1250


@dataclass
class Row:
    """A fill of the oracle: prices in ticks, fees in cents."""

    fill_id: int
    second: int
    buys: bool
    qty: int
    ticks: int
    fee_cents: int | None


@dataclass
class SlowTrip:
    buys: bool
    opening: int
    entry_ticks: list[int] = field(default_factory=list)
    exit_ticks: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    largest: int = 0
    gross_cents: int = 0
    fee_cents: int = 0
    fees_known: bool = True


def slow_trips(rows: list[Row]) -> list[SlowTrip]:
    trips: list[SlowTrip] = []
    for row in sorted(rows, key=lambda each: (each.second, each.fill_id)):
        units: list[SlowTrip] = []
        for _ in range(row.qty):
            if not trips or not trips[-1].held:
                trips.append(SlowTrip(row.buys, row.fill_id))
            trip = trips[-1]
            units.append(trip)
            if trip.buys == row.buys:
                trip.held.append(row.ticks)
                trip.entry_ticks.append(row.ticks)
                trip.largest = max(trip.largest, len(trip.held))
            else:
                move = row.ticks - trip.held.pop(0)
                trip.gross_cents += (move if trip.buys else -move) * TICK_CENTS
                trip.exit_ticks.append(row.ticks)
        share_fee(row, units)
    return trips


def share_fee(row: Row, units: list[SlowTrip]) -> None:
    if row.fee_cents is None:
        for trip in units:
            trip.fees_known = False
        return
    last = units[-1]
    beyond = 0 if units[0] is last else sum(1 for trip in units if trip is last)
    last.fee_cents += row.fee_cents * beyond // row.qty
    units[0].fee_cents += row.fee_cents - row.fee_cents * beyond // row.qty
