"""The inbox of one consumer: what it has handled, what failed, what was given up.

The mark "handled" commits together with the effect, so whatever arrives twice acts once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, and_, exists, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.envelope import Envelope
from shared.db.dead_letters import count as count_dead
from shared.db.failures import is_outage
from shared.db.outbox import SETTLED_AFTER, Outbox
from shared.db.tables.messaging import dead_letters, inbox, message_attempts, outbox
from shared.db.uow import read_only, unit_of_work
from shared.runtime.masking import scrub

ERROR_LENGTH_MAX: Final = 2_000
# Time for the stream to bring an event before the sweep does.
MISSED_AFTER: Final = timedelta(seconds=1)


class Page(NamedTuple):
    """Unhandled events, lowest row first, and the floor for the next look."""

    envelopes: list[Envelope]
    floor: int


class Inbox:
    """Bookkeeping of the consumer `name`. Many processes may share it."""

    def __init__(self, engine: AsyncEngine, name: str) -> None:
        self.name = name
        self._engine = engine

    is_outage = staticmethod(is_outage)

    @asynccontextmanager
    async def once(self, envelope: Envelope) -> AsyncGenerator[AsyncConnection | None]:
        """A transaction for the effect of this event; None when it was handled before.

        Row security shows the event's user, if it has one. A second process at the same moment
        waits here until the first has committed or rolled back.
        """
        async with self.once_all([envelope]) as (connection, firsts):
            yield connection if firsts else None

    @asynccontextmanager
    async def once_all(
        self, envelopes: Sequence[Envelope]
    ) -> AsyncGenerator[tuple[AsyncConnection, list[Envelope]]]:
        """One transaction for several events of one user, and which of them are new."""
        marks = [
            {"consumer": self.name, "event_id": key} for key in sorted({e.id for e in envelopes})
        ]  # sorted: of two processes with the same events one waits for the other
        async with unit_of_work(self._engine, envelopes[0].user_id) as connection:
            mark = insert(inbox).values(marks).on_conflict_do_nothing()
            rows = await connection.execute(mark.returning(inbox.c.event_id))
            new = set(rows.scalars())
            # One that came twice is new once.
            firsts = {each.id: each for each in envelopes if each.id in new}
            yield connection, list(firsts.values())

    async def count_attempt(self, envelope: Envelope, error: str) -> int:
        """Count one failed (or begun and abandoned) try; returns how many there are now."""
        fresh = insert(message_attempts).values(
            consumer=self.name,
            event_id=envelope.id,
            attempts=1,
            last_error=scrub(error, ERROR_LENGTH_MAX),
        )
        statement = fresh.on_conflict_do_update(
            index_elements=[message_attempts.c.consumer, message_attempts.c.event_id],
            set_={
                "attempts": message_attempts.c.attempts + 1,
                "last_error": fresh.excluded.last_error,
            },
        ).returning(message_attempts.c.attempts)
        async with unit_of_work(self._engine) as connection:
            attempts: int = (await connection.execute(statement)).scalar_one()
            return attempts

    async def forget_attempts(self, envelope: Envelope) -> None:
        """After success: the next failure of another kind starts from nothing."""
        async with unit_of_work(self._engine) as connection:
            await connection.execute(message_attempts.delete().where(self._attempts_of(envelope)))

    async def bury(self, envelope: Envelope, error_class: str, error: str) -> bool:
        """Give this event up: dead letter and "handled" mark in one transaction.

        False when it was handled (or buried) meanwhile.
        """
        async with self.once(envelope) as connection:
            if connection is None:
                return False
            tried = (
                await connection.execute(
                    message_attempts.delete()
                    .where(self._attempts_of(envelope))
                    .returning(message_attempts.c.attempts, message_attempts.c.first_seen_at)
                )
            ).first()
            statement = insert(dead_letters).values(
                consumer=self.name,
                event_id=envelope.id,
                stream=envelope.stream,
                envelope=envelope.model_dump(mode="json"),
                error_class=error_class,
                error=scrub(error, ERROR_LENGTH_MAX),
                attempts=0 if tried is None else tried.attempts,
                first_seen_at=func.clock_timestamp() if tried is None else tried.first_seen_at,
            )
            await connection.execute(statement.on_conflict_do_nothing())
            return True

    async def start_floor(self, streams: Sequence[str], lookback: timedelta) -> int:
        """Where the first sweep of a process starts."""
        return await Outbox(self._engine).floor(streams, lookback)

    async def unhandled(
        self, streams: Sequence[str], types: Collection[str], floor: int, limit: int
    ) -> Page:
        """Events older than a second that this consumer has not handled, above the floor.

        The new floor lies below everything unhandled and at or below a row older than a minute:
        whoever took a lower number has committed or died since, so no late row is passed over.
        """
        mine = and_(outbox.c.stream.in_(streams), outbox.c.id > floor)
        age = func.clock_timestamp() - outbox.c.created_at
        handled = exists().where(
            inbox.c.consumer == self.name, inbox.c.event_id == outbox.c.event_id
        )
        settled = select(func.max(outbox.c.id)).where(mine, age > SETTLED_AFTER)
        missed = (
            select(outbox)
            .where(mine, outbox.c.type.in_(types), age > MISSED_AFTER, ~handled)
            .order_by(outbox.c.id)
            .limit(limit)
        )
        async with read_only(self._engine) as connection:
            # Read first: what settles between the two statements stays above the floor.
            ceiling: int | None = (await connection.execute(settled)).scalar_one()
            rows = (await connection.execute(missed)).all()
        if rows and ceiling is not None:
            ceiling = min(ceiling, rows[0].id - 1)
        return Page([Envelope.from_row(row) for row in rows], max(floor, ceiling or floor))

    async def dead_letter_count(self) -> int:
        """For readiness: dead letters of this consumer that wait for a person."""
        return await count_dead(self._engine, self.name)

    def _attempts_of(self, envelope: Envelope) -> ColumnElement[bool]:
        return and_(
            message_attempts.c.consumer == self.name, message_attempts.c.event_id == envelope.id
        )


async def delete_expired(engine: AsyncEngine, kept: timedelta, *, limit: int) -> int:
    """Delete up to `limit` marks older than `kept`; returns how many."""
    statement = text(
        "DELETE FROM inbox WHERE (consumer, event_id) IN (SELECT consumer, event_id FROM inbox"
        " WHERE handled_at < clock_timestamp() - :kept LIMIT :limit)"
    ).bindparams(kept=kept, limit=limit)
    async with unit_of_work(engine) as connection:
        return (await connection.execute(statement)).rowcount
