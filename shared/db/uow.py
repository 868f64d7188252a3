"""The unit of work: the only file of the product that begins, commits or rolls back.

Every database effect of one decision stands in one transaction. A transaction is never open while
a broker or Discord is being talked to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ResourceClosedError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.db.failures import DatabaseAway, is_outage
from shared.domain.ids import UserId

_SET_USER: Final = text("SELECT set_config('app.user_id', :user_id, true)")
_READ_ONLY: Final = text("SET TRANSACTION READ ONLY")
_ROLLBACK_TIMEOUT_S: Final = 2.0


@asynccontextmanager
async def unit_of_work(
    engine: AsyncEngine, user_id: UserId | int | None = None
) -> AsyncGenerator[AsyncConnection]:
    """One transaction: commits on success, rolls back on any exception. Nobody else commits.

    With `user_id` row security shows that user's rows only, until the transaction ends. After a
    cancel or a time-out the connection is thrown away: a reply may still be on its way, and the
    next user of the connection must not get it.

    Whatever is raised at the commit itself says nothing about its result: it may have happened.
    """
    connection = await _begin(engine, user_id, read_only=False)
    try:
        yield connection
        await connection.commit()
    except BaseException as error:
        await _shielded(_undo(connection, error))
        if isinstance(error, TimeoutError):
            raise _silent() from error
        raise
    await _shielded(_give_back(connection))


@asynccontextmanager
async def read_only(
    engine: AsyncEngine, user_id: UserId | int | None = None
) -> AsyncGenerator[AsyncConnection]:
    """One transaction that PostgreSQL itself keeps from writing; always rolled back."""
    connection = await _begin(engine, user_id, read_only=True)
    try:
        yield connection
    except BaseException as error:
        await _shielded(_undo(connection, error))
        if isinstance(error, TimeoutError):
            raise _silent() from error
        raise
    await _shielded(_give_back(connection))


def _silent() -> DatabaseAway:
    """The driver waited for longer than the server may take: a dead link, or we stood still."""
    return DatabaseAway("db.silent", "The database does not answer.")


async def _begin(
    engine: AsyncEngine, user_id: UserId | int | None, *, read_only: bool
) -> AsyncConnection:
    """Raises `DatabaseAway` when no connection can be had; then nothing was done."""
    try:
        try:
            return await _begin_once(engine, user_id, read_only=read_only)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        # The pooled connection died since its last use (a restart of PostgreSQL). Nothing was
        # done on it yet, so trying once more on a new one is safe.
        return await _begin_once(engine, user_id, read_only=read_only)
    except PoolTimeoutError as error:
        raise DatabaseAway("db.pool_exhausted", "The database is busy.") from error
    except (DBAPIError, OSError) as error:  # TimeoutError is an OSError
        if isinstance(error, DBAPIError) and not is_outage(error):
            raise
        raise DatabaseAway("db.unreachable", "The database is away.") from error


async def _begin_once(
    engine: AsyncEngine, user_id: UserId | int | None, *, read_only: bool
) -> AsyncConnection:
    connection = await engine.connect()
    try:
        await connection.begin()
        if read_only:
            await connection.execute(_READ_ONLY)
        if user_id is not None:
            await connection.execute(_SET_USER, {"user_id": str(user_id)})
    except BaseException as error:
        await _shielded(_undo(connection, error))
        raise
    return connection


async def _undo(connection: AsyncConnection, error: BaseException) -> None:
    """Roll back, and throw the connection away if a reply may still be on its way to it."""
    if not isinstance(error, Exception) or isinstance(error, TimeoutError):
        await _throw_away(connection)
    await _give_back(connection)


async def _give_back(connection: AsyncConnection) -> None:
    """Clean, or not at all; closing rolls back what is open. Raises nothing.

    What was committed or read is so, whatever becomes of the connection afterwards.
    """
    try:
        async with asyncio.timeout(_ROLLBACK_TIMEOUT_S):
            await connection.close()
    except (DBAPIError, OSError):  # a time-out is an OSError
        await _throw_away(connection)


async def _throw_away(connection: AsyncConnection) -> None:
    with suppress(DBAPIError, OSError, ResourceClosedError):  # closing may have got that far
        await connection.invalidate()


async def _shielded(work: object) -> None:
    """Finish `work` even when this task is cancelled meanwhile; the cancel is raised afterwards."""
    task = asyncio.ensure_future(work)  # type: ignore[call-overload] # any awaitable will do
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
