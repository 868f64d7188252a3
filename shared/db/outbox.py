"""The outbox: an event is written in the transaction that makes it true.

Afterwards the writing process rings the bell at once; what it could not publish, the relay does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.envelope import Envelope
from shared.contracts.registry import EventBody, require_registered
from shared.db.failures import is_outage
from shared.db.tables.messaging import outbox
from shared.db.uow import read_only, unit_of_work
from shared.domain.ids import AccountId, UserId

# asyncpg sends at most 32,767 parameters in a statement; a row has ten.
_ROWS_PER_INSERT: Final = 1_000
# Longer than any transaction of ours can live (`make_engine` bounds statements and idling).
SETTLED_AFTER: Final = timedelta(seconds=60)


class Added(NamedTuple):
    """`is_new` is False when the outbox held this event already; the envelope is for the bell."""

    envelope: Envelope
    is_new: bool


def envelope_of(
    body: EventBody,
    *,
    event_id: UUID,
    correlation_id: str,
    user_id: UserId | int | None,
    account_id: AccountId | int | None = None,
    seq: int | None = None,
    aggregate: str,
    occurred_at: datetime,
    causation_id: str | None = None,
) -> Envelope:
    """The envelope of a registered body. Raises `UnregisteredEventError` for any other."""
    require_registered(body)
    return Envelope(
        id=event_id,
        type=body.type,
        stream=body.stream,
        occurred_at=occurred_at,
        correlation_id=correlation_id,
        causation_id=causation_id,
        user_id=user_id,
        account_id=account_id,
        seq=seq,
        aggregate=aggregate,
        body=body.to_json(),
    )


async def add(
    connection: AsyncConnection,
    body: EventBody,
    *,
    event_id: UUID,
    correlation_id: str,
    user_id: UserId | int | None,
    account_id: AccountId | int | None = None,
    seq: int | None = None,
    aggregate: str,
    occurred_at: datetime,
    causation_id: str | None = None,
) -> Added:
    """Write one event in the caller's transaction. The same `event_id` twice is one event."""
    envelope = envelope_of(
        body,
        event_id=event_id,
        correlation_id=correlation_id,
        user_id=user_id,
        account_id=account_id,
        seq=seq,
        aggregate=aggregate,
        occurred_at=occurred_at,
        causation_id=causation_id,
    )
    new = await add_many(connection, [envelope])
    return Added(envelope, is_new=bool(new))


async def add_many(connection: AsyncConnection, envelopes: Sequence[Envelope]) -> set[UUID]:
    """Write events in the order given, in sets; returns the ids that were new."""
    new: set[UUID] = set()
    for start in range(0, len(envelopes), _ROWS_PER_INSERT):
        rows = [_row(envelope) for envelope in envelopes[start : start + _ROWS_PER_INSERT]]
        statement = (
            insert(outbox)
            .values(rows)
            .on_conflict_do_nothing(index_elements=[outbox.c.event_id])
            .returning(outbox.c.event_id)
        )
        new.update((await connection.execute(statement)).scalars())
    return new


def _row(envelope: Envelope) -> dict[str, Any]:
    return {
        "event_id": envelope.id,
        "stream": envelope.stream,
        "type": envelope.type,
        "user_id": envelope.user_id,
        "account_id": envelope.account_id,
        "seq": envelope.seq,
        "aggregate": envelope.aggregate,
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id,
        "body": envelope.body,
        "occurred_at": envelope.occurred_at,
    }


class Outbox:
    """Reads and marks of the outbox, each in a transaction of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    is_outage = staticmethod(is_outage)

    async def mark_published(self, event_ids: Iterable[UUID]) -> None:
        """Note that the bell was rung. Losing this mark only rings it twice."""
        async with unit_of_work(self._engine) as connection:
            await mark_published(connection, event_ids)

    async def floor(self, streams: Sequence[str], lookback: timedelta) -> int:
        """The newest row older than `lookback`, a minute at least: nothing appears below it."""
        age = func.clock_timestamp() - outbox.c.created_at
        query = select(func.max(outbox.c.id)).where(
            outbox.c.stream.in_(streams), age > max(lookback, SETTLED_AFTER)
        )
        async with read_only(self._engine) as connection:
            newest: int | None = (await connection.execute(query)).scalar_one()
        return newest or 0

    async def since(
        self, streams: Sequence[str], floor: int, *, older_than: timedelta, limit: int
    ) -> list[tuple[int, UUID, bool]]:
        """(row number, event id, settled) above `floor`, lowest first; bodies are not read.

        Settled means older than a minute: no open transaction can still add a row below it.
        """
        age = func.clock_timestamp() - outbox.c.created_at
        query = (
            select(outbox.c.id, outbox.c.event_id, age > SETTLED_AFTER)
            .where(outbox.c.stream.in_(streams), outbox.c.id > floor, age > older_than)
            .order_by(outbox.c.id)
            .limit(limit)
        )
        async with read_only(self._engine) as connection:
            return [(row[0], row[1], row[2]) for row in await connection.execute(query)]

    async def read(self, event_ids: Sequence[UUID]) -> list[Envelope]:
        """The envelopes of these events, in row order."""
        query = select(outbox).where(outbox.c.event_id.in_(event_ids)).order_by(outbox.c.id)
        async with read_only(self._engine) as connection:
            return [Envelope.from_row(row) for row in await connection.execute(query)]

    async def oldest_unpublished_age_s(self) -> float:
        """For readiness: 0 when everything was published."""
        query = select(
            func.extract("epoch", func.clock_timestamp() - func.min(outbox.c.created_at))
        ).where(outbox.c.published_at.is_(None))
        async with read_only(self._engine) as connection:
            age = (await connection.execute(query)).scalar()
        return float(age or 0)


async def mark_published(connection: AsyncConnection, event_ids: Iterable[UUID]) -> None:
    statement = (
        update(outbox)
        .where(outbox.c.event_id.in_(bindparam("ids", list(event_ids), expanding=True)))
        .where(outbox.c.published_at.is_(None))
        .values(published_at=func.clock_timestamp())
    )
    await connection.execute(statement)


async def take_unpublished(
    connection: AsyncConnection, *, older_than: timedelta, limit: int
) -> list[Envelope]:
    """Rows nobody rang the bell for, locked until the transaction ends; others skip them.

    Selected by "not published", never by "number greater than the last": a lower number can commit
    later and would be skipped for ever.
    """
    query = (
        select(outbox)
        .where(
            outbox.c.published_at.is_(None),
            outbox.c.created_at < func.clock_timestamp() - older_than,
        )
        .order_by(outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [Envelope.from_row(row) for row in await connection.execute(query)]


async def delete_expired(engine: AsyncEngine, kept: timedelta, *, limit: int) -> int:
    """Delete up to `limit` published rows older than `kept`; returns how many."""
    statement = text(
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE published_at IS NOT NULL"
        " AND created_at < clock_timestamp() - :kept ORDER BY id LIMIT :limit)"
    ).bindparams(kept=kept, limit=limit)
    async with unit_of_work(engine) as connection:
        return (await connection.execute(statement)).rowcount
