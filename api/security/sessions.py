"""Sessions of signed-in browsers. The cookie's value is 256 random bits; only its hash is stored.

A session ends when it was idle too long or is too old: `expires_at` is the earlier of the two and
moves on with use, so every reader of the table (the gateway too) needs only that one column.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import func, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.settings import ApiSettings
from shared.db.tables.people import sessions
from shared.db.uow import read_only, unit_of_work
from shared.domain.ids import UserId

TOKEN_BYTES: Final = 32
# A session's use is noted at most this often: a page of twenty requests is not twenty writes.
TOUCH_EVERY_S: Final = 60
_TOKEN_LENGTH_MAX: Final = 128

_FIND: Final = text(
    "SELECT session_id, user_id, username, admin, csrf_secret,"
    " last_seen_at < now() - make_interval(secs => :touch_every_s) AS is_stale"
    " FROM tm_find_session(:hash)"
)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is asking. A program with a key has no session (0) and is never an administrator.

    `may_trade` False: nothing may be shown that is itself the right to trade.
    """

    user_id: UserId
    username: str
    session_id: int
    admin: bool
    may_trade: bool = True


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that may be used now. `is_stale`: its last use should be noted again."""

    who: SignedIn
    csrf_secret: bytes
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session is from, as its owner is shown it."""

    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class NewSession:
    """`token` goes into the cookie and is nowhere else."""

    session_id: int
    token: str
    csrf_secret: bytes


def token_hash(token: str) -> bytes:
    """Random input needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()


async def find(engine: AsyncEngine, token: str | None) -> LiveSession | None:
    """The live session of this cookie value. Raises `DatabaseAway`."""
    if not token or len(token) > _TOKEN_LENGTH_MAX:
        return None
    values = {"hash": token_hash(token), "touch_every_s": TOUCH_EVERY_S}
    async with read_only(engine) as connection:
        row = (await connection.execute(_FIND, values)).first()
    if row is None:
        return None
    who = SignedIn(UserId(row.user_id), row.username, row.session_id, row.admin)
    return LiveSession(who, bytes(row.csrf_secret), row.is_stale)


async def start(
    connection: AsyncConnection,
    user_id: UserId,
    settings: ApiSettings,
    random_bytes: Callable[[int], bytes],
    place: Place,
) -> NewSession:
    """A new id and a new CSRF secret, whatever the browser held before."""
    token = base64.urlsafe_b64encode(random_bytes(TOKEN_BYTES)).decode().rstrip("=")
    csrf_secret = random_bytes(TOKEN_BYTES)
    idle_s = min(settings.session_idle_s, settings.session_absolute_s)
    statement = (
        insert(sessions)
        .values(
            user_id=user_id,
            token_hash=token_hash(token),
            csrf_secret=csrf_secret,
            address=place.address,
            agent=place.agent,
            expires_at=func.now() + timedelta(seconds=idle_s),
        )
        .returning(sessions.c.id)
    )
    session_id: int = (await connection.execute(statement)).scalar_one()
    return NewSession(session_id, token, csrf_secret)


async def touch(engine: AsyncEngine, who: SignedIn, settings: ApiSettings) -> None:
    """Note the use: the idle clock starts again, the absolute one does not."""
    idle = func.now() + timedelta(seconds=settings.session_idle_s)
    absolute = sessions.c.created_at + timedelta(seconds=settings.session_absolute_s)
    statement = (
        update(sessions)
        .where(sessions.c.id == who.session_id, sessions.c.ended_at.is_(None))
        .values(last_seen_at=func.now(), expires_at=func.least(idle, absolute))
    )
    async with unit_of_work(engine, who.user_id) as connection:
        await connection.execute(statement)


async def end(connection: AsyncConnection, session_id: int) -> None:
    """Ends the session and its socket token; ending it twice changes nothing."""
    await connection.execute(
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.ended_at.is_(None))
        .values(ended_at=func.now())
    )


async def end_others(connection: AsyncConnection, user_id: UserId, kept: int | None) -> int:
    """After a changed password: every session of the user but `kept`. Returns how many ended."""
    statement = update(sessions).where(
        sessions.c.user_id == user_id,
        sessions.c.ended_at.is_(None),
        sessions.c.id != (kept if kept is not None else 0),
    )
    return (await connection.execute(statement.values(ended_at=func.now()))).rowcount
