"""Which round trip is which record, and what belongs to nobody. Pure.

A record is known by the fill that opened it. Late truth can move that: an earlier fill turns up, or
the first one is busted. Then the trip that holds the record's opening fill among its entries
inherits the record, so that its id lives on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from recorder.record import Stored
from shared.domain.roundtrip import RoundTrip


class Unmatched(StrEnum):
    """Why activity of an account is in no record."""

    EXTERNAL = "fill.external"  # no intent of ours asked for it, and nobody gave it to a strategy
    NOT_RECORDING = "recording.off"  # the strategy was not being recorded when this fill opened


@dataclass(frozen=True, slots=True)
class Match:
    """`kept` pairs each recorded trip with its row, None for a new one."""

    kept: tuple[tuple[RoundTrip, Stored | None], ...]
    gone: tuple[Stored, ...]
    unrecorded: tuple[RoundTrip, ...]


def match(
    trips: Sequence[RoundTrip],
    stored: Sequence[Stored],
    unrecorded_fills: Collection[int],
    *,
    recording_enabled: bool,
) -> Match:
    """Decide for each trip whether and as which row it is recorded.

    A trip that has a row is always finished. One that was left out when it opened stays out: the
    switch decides about openings, never about the past, so a rebuild decides the same.
    """
    heirs = _heirs(trips, stored)
    kept: list[tuple[RoundTrip, Stored | None]] = []
    unrecorded: list[RoundTrip] = []
    for index, trip in enumerate(trips):
        row = heirs.get(index)
        left_out = any(part.fill.fill_id in unrecorded_fills for part in trip.entries)
        if row is not None or (recording_enabled and not left_out):
            kept.append((trip, row))
        else:
            unrecorded.append(trip)
    taken = {row.id for row in heirs.values()}
    gone = tuple(row for row in stored if row.id not in taken)
    return Match(tuple(kept), gone, tuple(unrecorded))


def _heirs(trips: Sequence[RoundTrip], stored: Sequence[Stored]) -> dict[int, Stored]:
    """Trip index -> row: by the opening fill, and what is left by any entry."""
    rows = {row.record.opening_fill_id: row for row in stored}
    heirs: dict[int, Stored] = {}
    for index, trip in enumerate(trips):
        if (row := rows.pop(trip.opening.fill_id, None)) is not None:
            heirs[index] = row
    for index, trip in enumerate(trips):
        if index not in heirs and (row := _inherited(trip, rows)) is not None:
            heirs[index] = rows.pop(row.record.opening_fill_id)
    return heirs


def _inherited(trip: RoundTrip, rows: dict[int, Stored]) -> Stored | None:
    """A fill among the entries opened the row on the same side: its direction never changes."""
    found = (rows.get(part.fill.fill_id) for part in trip.entries)
    return next((row for row in found if row is not None), None)
