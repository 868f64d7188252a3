"""Tries to sign in, counted in PostgreSQL so that all processes see them.

Ten failures in five minutes, for one user name or from one address, and each further try has to
wait, twice as long each time. Nobody is locked out: a stranger could otherwise do that to anyone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.tables.people import login_attempts
from shared.domain.errors import RateLimited
from shared.domain.ids import UserId

WINDOW: Final = timedelta(minutes=5)
FREE_TRIES: Final = 10
OVERALL_TRIES_MAX: Final = 1_000
DELAY_S_FIRST: Final = 2
DELAY_S_MAX: Final = 60
KEPT: Final = timedelta(days=1)

_LOCK: Final = text("SELECT pg_advisory_xact_lock(:kind, hashtext(:key))")
# Always locked in this order, so two tries cannot wait for each other.
_NAME: Final = 1_953_316_961
_ADDRESS: Final = 1_953_316_962

_a = login_attempts.c


@dataclass(frozen=True, slots=True)
class Tries:
    """Failures within the window; `since_last_s` is None when there was none."""

    failures: int
    since_last_s: float | None


def wait_s(tries: Tries) -> int:
    """Whole seconds until the next try is looked at; 0: now. Pure."""
    if tries.failures < FREE_TRIES or tries.since_last_s is None:
        return 0
    over = min(tries.failures - FREE_TRIES, 10)
    delay_s = min(DELAY_S_MAX, DELAY_S_FIRST * 2**over)
    return max(0, int(delay_s - tries.since_last_s) + 1) if tries.since_last_s < delay_s else 0


def username_key(username: str) -> str:
    """As the database compares names."""
    return username.strip().lower()[:200]


async def begin(connection: AsyncConnection, username: str, address: str) -> int:
    """Write a try down as failed, before it is looked at; returns its row for `succeed`.

    Raises `RateLimited` when it comes too early; then it is not written and costs nothing. Tries
    that come together are counted one after the other: the locks end with the transaction.
    """
    name = username_key(username)
    await connection.execute(_LOCK, {"kind": _NAME, "key": name})
    await connection.execute(_LOCK, {"kind": _ADDRESS, "key": address})
    if found_s := await _longest_wait_s(connection, name, address):
        raise RateLimited("auth.throttled", "Too many tries; wait a little.", retry_after_s=found_s)
    statement = insert(login_attempts).values(username_key=name, address=address, succeeded=False)
    attempt_id: int = (await connection.execute(statement.returning(_a.id))).scalar_one()
    return attempt_id


async def succeed(connection: AsyncConnection, attempt_id: int, user_id: UserId) -> None:
    """The try was right after all."""
    statement = update(login_attempts).where(_a.id == attempt_id)
    await connection.execute(statement.values(succeeded=True, user_id=user_id))


async def forget_old(connection: AsyncConnection) -> None:
    """For the retention chore: a day is long enough."""
    await connection.execute(delete(login_attempts).where(_a.created_at < func.now() - KEPT))


async def _longest_wait_s(connection: AsyncConnection, name: str, address: str) -> int:
    overall = select(func.count()).where(_a.created_at > func.now() - WINDOW)
    if (await connection.execute(overall)).scalar_one() >= OVERALL_TRIES_MAX:
        return DELAY_S_MAX
    # An address never clears its record: whoever owns one account could clear it at will.
    waits_s = [wait_s(await _tries(connection, _a.address == address, after_id=0))]
    by_name = _a.username_key == name
    # A stranger who fails in somebody's name must not keep that person out of her own machine.
    known = select(_a.id).where(by_name, _a.address == address, _a.succeeded)
    if (await connection.execute(known.limit(1))).first() is None:
        last = select(func.max(_a.id)).where(by_name, _a.succeeded)
        cleared = (await connection.execute(last)).scalar_one() or 0
        waits_s.append(wait_s(await _tries(connection, by_name, after_id=cleared)))
    return max(waits_s)


async def _tries(connection: AsyncConnection, whose: ColumnElement[bool], after_id: int) -> Tries:
    age_s = func.extract("epoch", func.now() - func.max(_a.created_at))
    query = select(func.count().label("failures"), age_s.label("age_s")).where(
        whose, _a.created_at > func.now() - WINDOW, ~_a.succeeded, _a.id > after_id
    )
    row = (await connection.execute(query)).one()
    return Tries(row.failures, None if row.age_s is None else float(row.age_s))
