"""One job under way: work in batches, each a transaction that also says how far it got.

A process that dies leaves a job whose lease ends; the next one goes on behind the last batch. A
process that was only slow finds another `claim` in the row and writes nothing any more.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.jobs.store import LEASE_S, Claimed
from api.resources import Resources
from api.security.sessions import SignedIn
from shared.db.tables.jobs import jobs
from shared.db.tables.people import users
from shared.db.uow import unit_of_work


class LostError(Exception):
    """Another process has it now."""


class CancelledError(Exception):
    """Its owner wants it no more."""


@dataclass(slots=True)
class Work:
    """`state` says where to go on, `result` what came of it so far; both are stored by `batch`."""

    resources: Resources
    claimed: Claimed
    row: Row[Any]
    user: SignedIn
    state: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    done: int = 0
    total: int | None = None

    @classmethod
    async def begin(cls, resources: Resources, claimed: Claimed) -> Work:
        """Raises `LostError`, `CancelledError`."""
        async with unit_of_work(resources.engine, claimed.user_id) as connection:
            row = await _mine(connection, claimed)
            query = select(users.c.username).where(users.c.id == claimed.user_id)
            name = (await connection.execute(query)).scalar_one()
        user = SignedIn(claimed.user_id, name, 0, admin=False)
        began: Work = cls(resources, claimed, row, user)
        began.state, began.result = dict(row.state), dict(row.result)
        began.done, began.total = row.progress_done, row.progress_total
        return began

    @asynccontextmanager
    async def batch(self) -> AsyncGenerator[AsyncConnection]:
        """One transaction: the work in it and how far it got. Raises as `begin`."""
        async with unit_of_work(self.resources.engine, self.claimed.user_id) as connection:
            await _mine(connection, self.claimed)
            yield connection
            values = {
                "state": self.state,
                "result": self.result,
                "progress_done": self.done,
                "progress_total": self.total,
                "lease_until": func.clock_timestamp() + timedelta(seconds=LEASE_S),
            }
            await connection.execute(
                update(jobs).where(jobs.c.id == self.claimed.id).values(values)
            )


async def _mine(connection: AsyncConnection, claimed: Claimed) -> Row[Any]:
    query = select(jobs).where(jobs.c.id == claimed.id).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None or row.claim != claimed.claim or row.ended_at is not None:
        raise LostError
    if row.cancel_requested_at is not None:
        raise CancelledError
    return row
