"""What the broker shows and our books do not hold, or hold differently. Pure.

Recorder never writes fills or positions: what it finds here it asks execution to reconcile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

# Younger than this, the broker's rows may simply not have been written by execution yet.
SETTLING: Final = timedelta(seconds=5)
DIFFERENCES_MAX: Final = 50

Difference = dict[str, JsonValue]
Place = tuple[int, int]  # the broker's account and contract


@dataclass(frozen=True, slots=True)
class FillSeen:
    fill_id: int
    place: Place
    active: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class PositionSeen:
    place: Place
    net_qty: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a login: its lists reach back at most the current session."""

    fills: tuple[FillSeen, ...]
    positions: tuple[PositionSeen, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """Our net in one place, and when a fill last changed it."""

    net_qty: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Books:
    """What we hold of the accounts we know under a login; `fills` maps known ids to `active`."""

    accounts: frozenset[int]  # the broker's ids
    fills: Mapping[int, bool]
    positions: Mapping[Place, Held]


def differences(seen: Seen, books: Books, now: datetime) -> list[Difference]:
    """Settled differences in accounts we know, in a stable order, at most `DIFFERENCES_MAX`."""
    settled = now - SETTLING
    mine = [fill for fill in seen.fills if fill.place[0] in books.accounts]
    moving = {fill.place for fill in mine if fill.at > settled}
    found = [
        *_of_fills([fill for fill in mine if fill.at <= settled], books),
        *_of_positions(seen, books, settled, moving),
    ]
    return found[:DIFFERENCES_MAX]


def _of_fills(fills: list[FillSeen], books: Books) -> Iterator[Difference]:
    for fill in sorted(fills, key=lambda each: each.fill_id):
        known = books.fills.get(fill.fill_id)
        if known is None and fill.active:
            yield {"kind": "fill_missing", "fill_id": fill.fill_id, "account": fill.place[0]}
        elif known is not None and known != fill.active:
            yield {"kind": "fill_differs", "fill_id": fill.fill_id, "account": fill.place[0]}


def _of_positions(
    seen: Seen, books: Books, settled: datetime, moving: set[Place]
) -> Iterator[Difference]:
    """A place without a row at the broker is flat there."""
    theirs = {each.place: each for each in seen.positions if each.place[0] in books.accounts}
    for place in sorted(theirs.keys() | books.positions.keys()):
        their, ours = theirs.get(place), books.positions.get(place)
        is_moving = (
            place in moving
            or (their is not None and their.at > settled)
            or (ours is not None and ours.changed_at > settled)
        )
        their_qty = 0 if their is None else their.net_qty
        our_qty = 0 if ours is None else ours.net_qty
        if their_qty != our_qty and not is_moving:
            account, contract_id = place
            yield {
                "kind": "position",
                "account": account,
                "contract_id": contract_id,
                "broker": their_qty,
                "ours": our_qty,
            }
