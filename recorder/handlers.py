"""The bells recorder answers: each only names a fill or an order, the tables tell the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from recorder import store, writer
from recorder.projector import Cause, project
from recorder.record import Book, Point
from shared.contracts.envelope import Envelope
from shared.contracts.handovers import PositionHandedOver
from shared.contracts.orders import FillFeeKnown, FillRecorded, FillVoided, OrderChanged
from shared.contracts.registry import EventBody
from shared.contracts.streams import EVENTS
from shared.domain.order import Role
from shared.streams.consumer import Said
from shared.streams.publisher import Publisher

GROUP: Final = "recorder"
STREAMS: Final = (EVENTS,)
TYPES: Final = (
    FillRecorded.type,
    FillFeeKnown.type,
    FillVoided.type,
    OrderChanged.type,
    PositionHandedOver.type,
)

_PROTECTIVE: Final = frozenset(role.value for role in Role if role.protective)


class Handlers:
    """One per process: a consumer hands it one event, or some of one user, at a time."""

    def __init__(self, publisher: Publisher | None = None) -> None:
        self._publisher = publisher
        self._said: tuple[UUID, list[Envelope]] | None = None

    async def handle(
        self, connection: AsyncConnection, envelope: Envelope, body: EventBody
    ) -> None:
        """The effect of one event, in the caller's transaction."""
        await self.together(connection, [(envelope, body)])

    async def together(self, connection: AsyncConnection, said: Sequence[Said]) -> None:
        """The same of several."""
        self._said = (said[-1][0].id, await answer(connection, said))

    def after_commit(self, envelope: Envelope) -> None:
        """Ring for what was written; the relay does it if we do not come this far."""
        if self._said is None or self._publisher is None:
            return
        event_id, envelopes = self._said
        if event_id == envelope.id:
            self._publisher.offer(envelopes)
            self._said = None


async def answer(connection: AsyncConnection, said: Sequence[Said]) -> list[Envelope]:
    """The events written because of these. Raises `NotFound` for a fill nobody recorded.

    A book that several of them name is projected once, from the earliest point any of them names.
    """
    looks: dict[Book, tuple[Point, Cause]] = {}
    for envelope, body in said:
        cause = Cause(envelope.occurred_at, envelope.correlation_id, str(envelope.id))
        for book, since in await _named(connection, body):
            known = looks.get(book)
            looks[book] = (since if known is None else min(since, known[0]), cause)
    written: list[Envelope] = []
    # In one order, so that two processes do not wait for each other's books; and all of them before
    # a trade is written, which locks what counts it.
    books = sorted(looks, key=store.book_order)
    for book in books:
        await store.lock(connection, book)
    for book in books:
        written += await project(connection, book, *looks[book])
    return written


async def _named(connection: AsyncConnection, body: EventBody) -> list[tuple[Book, Point]]:
    """Which books an event is about, and from where they have to be read."""
    match body:
        case FillRecorded() | FillFeeKnown() | FillVoided():
            return await _by_fill(connection, body)
        case PositionHandedOver():
            # From the fill that began it: gone from one book, and open in the other.
            seen = await store.find_fill(connection, body.account_id, body.opening_fill_id)
            return _books(seen, {body.from_strategy_id, body.to_strategy_id})
        case OrderChanged():
            return await _by_order(connection, body)
        case _:
            return []


async def _by_fill(
    connection: AsyncConnection, body: FillRecorded | FillFeeKnown | FillVoided
) -> list[tuple[Book, Point]]:
    seen = await store.find_fill(connection, body.account_id, body.fill_id)
    # The fill may have been given to another owner since the bell rang: both books are read.
    owners = {seen.strategy_id, body.strategy_id}
    is_given = isinstance(body, FillRecorded) and body.intent_id is None
    if store.EXTERNAL in owners or is_given:
        await writer.note_external(connection, seen)
    return _books(seen, owners - {store.EXTERNAL})


def _books(seen: store.SeenFill, owners: set[int]) -> list[tuple[Book, Point]]:
    return [(Book(seen.account_id, owner, seen.contract), seen.point) for owner in owners]


async def _by_order(connection: AsyncConnection, body: OrderChanged) -> list[tuple[Book, Point]]:
    """A stop or a target was placed, moved or ended: the record shows where it stands."""
    if body.role not in _PROTECTIVE or body.intent_id is None or body.strategy_id == store.EXTERNAL:
        return []
    entry = await store.first_entry(connection, body.intent_id)
    return (
        [] if entry is None else [(Book(body.account_id, body.strategy_id, body.contract), entry)]
    )
