"""The bells recorder answers: each only names a fill or an order, the tables tell the rest."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from recorder import store, writer
from recorder.projector import Cause, project
from recorder.record import Book
from shared.contracts.envelope import Envelope
from shared.contracts.handovers import PositionHandedOver
from shared.contracts.orders import FillFeeKnown, FillRecorded, FillVoided, OrderChanged
from shared.contracts.registry import EventBody
from shared.contracts.streams import EVENTS
from shared.domain.order import Role
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
    """One per process: a consumer hands it one event at a time."""

    def __init__(self, publisher: Publisher | None = None) -> None:
        self._publisher = publisher
        self._said: tuple[UUID, list[Envelope]] | None = None

    async def handle(
        self, connection: AsyncConnection, envelope: Envelope, body: EventBody
    ) -> None:
        """The effect of one event, in the caller's transaction."""
        self._said = (envelope.id, await answer(connection, envelope, body))

    def after_commit(self, envelope: Envelope) -> None:
        """Ring for what `handle` wrote; the relay does it if we do not come this far."""
        if self._said is None or self._publisher is None:
            return
        event_id, envelopes = self._said
        if event_id == envelope.id:
            self._publisher.offer(envelopes)
        self._said = None


async def answer(
    connection: AsyncConnection, envelope: Envelope, body: EventBody
) -> list[Envelope]:
    """The events written because of this one. Raises `NotFound` for a fill nobody recorded."""
    cause = Cause(envelope.occurred_at, envelope.correlation_id, str(envelope.id))
    match body:
        case FillRecorded() | FillFeeKnown() | FillVoided():
            return await _on_fill(connection, body, cause)
        case PositionHandedOver():
            return await _on_hand_over(connection, body, cause)
        case OrderChanged():
            return await _on_order(connection, body, cause)
        case _:
            return []


async def _on_fill(
    connection: AsyncConnection, body: FillRecorded | FillFeeKnown | FillVoided, cause: Cause
) -> list[Envelope]:
    seen = await store.find_fill(connection, body.account_id, body.fill_id)
    # The fill may have been given to another owner since the bell rang: both books are read.
    owners = sorted({seen.strategy_id, body.strategy_id})
    is_given = isinstance(body, FillRecorded) and body.intent_id is None
    if store.EXTERNAL in owners or is_given:
        await writer.note_external(connection, seen)
    said: list[Envelope] = []
    for strategy_id in owners:
        if strategy_id != store.EXTERNAL:
            book = Book(seen.account_id, strategy_id, seen.contract)
            said += await project(connection, book, seen.point, cause)
    return said


async def _on_hand_over(
    connection: AsyncConnection, body: PositionHandedOver, cause: Cause
) -> list[Envelope]:
    """From the fill that began it: gone from one book, and open in the other."""
    seen = await store.find_fill(connection, body.account_id, body.opening_fill_id)
    said: list[Envelope] = []
    for strategy_id in sorted({body.from_strategy_id, body.to_strategy_id}):
        book = Book(seen.account_id, strategy_id, seen.contract)
        said += await project(connection, book, seen.point, cause)
    return said


async def _on_order(
    connection: AsyncConnection, body: OrderChanged, cause: Cause
) -> list[Envelope]:
    """A stop or a target was placed, moved or ended: the record shows where it stands."""
    if body.role not in _PROTECTIVE or body.intent_id is None or body.strategy_id == store.EXTERNAL:
        return []
    entry = await store.first_entry(connection, body.intent_id)
    if entry is None:
        return []
    book = Book(body.account_id, body.strategy_id, body.contract)
    return await project(connection, book, entry, cause)
