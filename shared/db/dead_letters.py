"""Dead letters: looked at, replayed or dropped by a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.envelope import Envelope
from shared.db.outbox import add_many
from shared.db.tables.messaging import dead_letters, inbox, message_attempts, outbox
from shared.db.uow import read_only, unit_of_work

LIST_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event one consumer gave up, and why."""

    letter_id: int
    consumer: str
    envelope: Envelope
    error_class: str
    error: str
    attempts: int
    first_seen_at: datetime
    died_at: datetime


async def waiting(
    engine: AsyncEngine, consumer: str | None = None, limit: int = LIST_MAX
) -> list[DeadLetter]:
    """Oldest first; of every consumer, unless one is named."""
    query = select(dead_letters).order_by(dead_letters.c.id).limit(min(limit, LIST_MAX))
    if consumer is not None:
        query = query.where(dead_letters.c.consumer == consumer)
    async with read_only(engine) as connection:
        return [_letter(row) for row in await connection.execute(query)]


async def count(engine: AsyncEngine, consumer: str | None = None) -> int:
    """For readiness."""
    query = select(func.count()).select_from(dead_letters)
    if consumer is not None:
        query = query.where(dead_letters.c.consumer == consumer)
    async with read_only(engine) as connection:
        found: int = (await connection.execute(query)).scalar_one()
        return found


async def replay(engine: AsyncEngine, letter_id: int) -> bool:
    """Hand the event to its consumer again; False when there is no such letter.

    It goes through the outbox once more under a new row number, so the stream and the sweep both
    find it. Other consumers have handled it and skip it.
    """
    async with unit_of_work(engine) as connection:
        letter = await _remove(connection, letter_id)
        if letter is None:
            return False
        for table in (inbox, message_attempts):
            await connection.execute(
                delete(table).where(
                    and_(table.c.consumer == letter.consumer, table.c.event_id == letter.event_id)
                )
            )
        await connection.execute(delete(outbox).where(outbox.c.event_id == letter.event_id))
        await add_many(connection, [Envelope.model_validate(letter.envelope)])
        return True


async def drop(engine: AsyncEngine, letter_id: int) -> UUID | None:
    """Give the event up for good; its id for the audit log, None when there is no such letter."""
    async with unit_of_work(engine) as connection:
        letter = await _remove(connection, letter_id)
        return None if letter is None else letter.event_id


async def _remove(connection: AsyncConnection, letter_id: int) -> Any:
    statement = delete(dead_letters).where(dead_letters.c.id == letter_id).returning(dead_letters)
    return (await connection.execute(statement)).first()


def _letter(row: Any) -> DeadLetter:
    return DeadLetter(
        letter_id=row.id,
        consumer=row.consumer,
        envelope=Envelope.model_validate(row.envelope),
        error_class=row.error_class,
        error=row.error,
        attempts=row.attempts,
        first_seen_at=row.first_seen_at,
        died_at=row.died_at,
    )
