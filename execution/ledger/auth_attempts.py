"""The book of sign-in attempts that all execution processes of an egress address share.

A transaction lock on the address makes count and entry one step; times are the database's.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.brokers.tradovate.quota import Ask, Attempt, Denied, Ending, Granted, Verb, denied
from shared.db.failures import DatabaseAway, is_contention, is_outage
from shared.db.uow import unit_of_work

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('auth:' || :scope, 0))")
_NOW: Final = text("SELECT clock_timestamp()")
_RECENT: Final = text("""
    SELECT id, verb, login, ending, at FROM broker_auth_attempts
    WHERE scope = :scope AND at > clock_timestamp() - interval '1 hour' ORDER BY at
""")
_ENTER: Final = text("""
    INSERT INTO broker_auth_attempts (scope, verb, login, at)
    VALUES (:scope, :verb, :login, clock_timestamp()) RETURNING id
""")
_SETTLE: Final = text("UPDATE broker_auth_attempts SET ending = :ending WHERE id = :id")
_FORGET: Final = text(
    "DELETE FROM broker_auth_attempts WHERE scope = :scope"
    " AND at < clock_timestamp() - interval '1 day'"
)


class PostgresAttempts:
    """See `shared.brokers.tradovate.quota.AttemptBook`. Raises DatabaseAway."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def take(self, ask: Ask) -> Granted | Denied:
        try:
            async with unit_of_work(self._engine) as connection:
                return await _take(connection, ask)
        except DBAPIError as error:
            raise _away(error) from error

    async def settle(self, attempt_id: int, ending: Ending) -> None:
        try:
            async with unit_of_work(self._engine) as connection:
                await connection.execute(_SETTLE, {"id": attempt_id, "ending": ending.value})
        except DBAPIError as error:
            raise _away(error) from error


async def _take(connection: AsyncConnection, ask: Ask) -> Granted | Denied:
    scope = {"scope": ask.scope}
    await connection.execute(_LOCK, scope)
    rows = await connection.execute(_RECENT, scope)
    recent = [
        Attempt(row.id, Verb(row.verb), row.login, Ending(row.ending), row.at) for row in rows
    ]
    no = denied(ask, recent, (await connection.execute(_NOW)).scalar_one())
    if no is not None:
        return no
    await connection.execute(_FORGET, scope)
    entered = await connection.execute(_ENTER, scope | {"verb": ask.verb, "login": ask.login})
    return Granted(entered.scalar_one())


def _away(error: DBAPIError) -> Exception:
    """An outage or a crowd is worth going on without; anything else is a mistake of ours."""
    if is_outage(error) or is_contention(error):
        return DatabaseAway("db.unreachable", "The database is away.")
    return error
