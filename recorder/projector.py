"""From fills to records: read a book from its last flat instant, fold it, store what differs.

Bells only say where to look. What is stored is computed from the fills table each time, so the
order in which bells arrive, repeats and restarts change nothing, and a rebuild is the same code
begun at the first fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from recorder import announce, store, writer
from recorder.levels import Leg, first_level
from recorder.matcher import Match, match
from recorder.record import (
    Book,
    Facts,
    Labels,
    OwnedFill,
    Point,
    Record,
    Stored,
    Trade,
    record_of,
    trade_of,
)
from shared.contracts.envelope import Envelope
from shared.contracts.registry import EventBody
from shared.db import outbox
from shared.domain.ids import event_id
from shared.domain.order import Role
from shared.domain.roundtrip import RoundTrip, round_trips


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a projection was made: what its events say about themselves."""

    at: datetime
    correlation_id: str
    causation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A row that is not as the fills want it; `before` None is a new one."""

    before: Stored | None
    after: Record
    trade: Trade | None


@dataclass(frozen=True, slots=True)
class Projection:
    """What would have to be written for a book to be true."""

    book: Book
    facts: Facts
    changed: tuple[Change, ...]
    gone: tuple[Stored, ...]
    unnoted: tuple[RoundTrip, ...]

    @property
    def differences(self) -> int:
        return len(self.changed) + len(self.gone) + len(self.unnoted)


async def project(
    connection: AsyncConnection, book: Book, since: Point, cause: Cause
) -> list[Envelope]:
    """Make the records of a book true from `since` on; returns the events it wrote."""
    await store.lock(connection, book)
    projection = await compare(connection, book, since)
    return [] if projection is None else await apply(connection, projection, cause)


async def compare(
    connection: AsyncConnection, book: Book, since: Point | None
) -> Projection | None:
    """Fold the fills and compare with what is stored; None when there is neither."""
    start = None if since is None else await store.flat_before(connection, book, since)
    fills = await store.fills_after(connection, book, start)
    stored = await store.records_after(connection, book, start)
    if not fills and not stored:
        return None
    facts = await store.facts_of(connection, book)
    trips = round_trips((each.booked for each in fills), facts.point_value_usd)
    noted = await _noted(connection, book, trips)
    matched = match(trips, stored, noted, recording_enabled=facts.recording_enabled)
    return Projection(
        book=book,
        facts=facts,
        changed=tuple(await _changes(connection, book, facts, matched, fills)),
        gone=matched.gone,
        unnoted=tuple(trip for trip in matched.unrecorded if trip.opening.fill_id not in noted),
    )


async def apply(
    connection: AsyncConnection, projection: Projection, cause: Cause, *, silently: bool = False
) -> list[Envelope]:
    """Write it, in the caller's transaction. `silently` writes rows and says nothing."""
    book, facts = projection.book, projection.facts
    said: list[tuple[int, int, EventBody]] = []
    for row in projection.gone:
        await writer.drop_record(connection, row)
        said.append((row.id, row.version + 1, announce.voided(book, facts, row)))
    for change in projection.changed:
        row_id, version = await _write(connection, book, facts, change)
        before = None if change.before is None else change.before.record
        bodies = announce.bodies(book, facts, before, change.after, row_id, version)
        said += [(row_id, version, body) for body in bodies]
    for trip in projection.unnoted:
        opening = trip.opening
        await writer.note_left_out(connection, book, facts, opening.fill_id, opening.at)
    envelopes = [] if silently else [_envelope(book, facts, cause, *each) for each in said]
    await outbox.add_many(connection, envelopes)
    return envelopes


async def _write(
    connection: AsyncConnection, book: Book, facts: Facts, change: Change
) -> tuple[int, int]:
    before = change.before
    if before is None:
        row_id, version = await writer.add_record(connection, book, facts, change.after), 1
    elif before.record == change.after:
        row_id, version = before.id, before.version  # only its trade was not right
    else:
        row_id = before.id
        version = await writer.change_record(connection, before, change.after)
    if change.trade is not None:
        await writer.put_trade(connection, book, facts, row_id, change.trade)
    elif before is not None and before.trade is not None:
        await writer.drop_trade(connection, row_id)
    return row_id, version


async def _changes(
    connection: AsyncConnection,
    book: Book,
    facts: Facts,
    matched: Match,
    fills: Sequence[OwnedFill],
) -> list[Change]:
    label = await _labeller(connection, matched, fills)
    found: list[Change] = []
    for trip, before in matched.kept:
        after = record_of(trip, book, facts, label(trip))
        trade = trade_of(after)
        if before is None or (before.record, before.trade) != (after, trade):
            found.append(Change(before, after, trade))
    return found


class _Labeller:
    """What alerts and protective orders say, looked up once for all trips of a projection."""

    def __init__(
        self,
        fills: Sequence[OwnedFill],
        legs: Sequence[Leg],
        alerts: dict[int, tuple[str | None, str | None]],
    ) -> None:
        self._by_fill = {each.booked.fill_id: each for each in fills}
        self._legs = legs
        self._alerts = alerts

    def __call__(self, trip: RoundTrip) -> Labels:
        entries = {self._by_fill[part.fill.fill_id].intent_id for part in trip.entries}
        legs = [leg for leg in self._legs if leg.parent in entries]
        signal_id = self._by_fill[trip.opening.fill_id].signal_id
        ticker, timeframe = (None, None) if signal_id is None else self._alerts[signal_id]
        return Labels(
            signal_id=signal_id,
            ticker=ticker,
            timeframe=timeframe,
            stop_loss_price=first_level(legs, Role.STOP_LOSS, trip.side),
            take_profit_price=first_level(legs, Role.TAKE_PROFIT, trip.side),
        )


async def _labeller(
    connection: AsyncConnection, matched: Match, fills: Sequence[OwnedFill]
) -> _Labeller:
    entries = {part.fill.fill_id for trip, _ in matched.kept for part in trip.entries}
    mine = [each for each in fills if each.booked.fill_id in entries]
    legs = await store.legs_of(connection, {f.intent_id for f in mine if f.intent_id is not None})
    asked = {f.signal_id for f in mine if f.signal_id is not None}
    return _Labeller(fills, legs, await store.labels_of_signals(connection, asked))


async def _noted(
    connection: AsyncConnection, book: Book, trips: Sequence[RoundTrip]
) -> frozenset[int]:
    entries = {part.fill.fill_id for trip in trips for part in trip.entries}
    return await store.left_out(connection, book.account_id, entries)


def _envelope(
    book: Book, facts: Facts, cause: Cause, row_id: int, version: int, body: EventBody
) -> Envelope:
    return outbox.envelope_of(
        body,
        event_id=event_id(body.type, f"{row_id}:{version}"),
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
        user_id=facts.user_id,
        account_id=book.account_id,
        aggregate=f"recorded_position:{row_id}",
        occurred_at=cause.at,
    )
