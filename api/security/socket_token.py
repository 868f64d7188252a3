"""The token with which a browser opens sockets: `sessionId` of check-auth, 32 characters.

It is derived from the session and the moment of its issue, so that each check-auth can give the
same one again while only its hash is stored. After ten minutes check-auth issues another; the old
one stays good for ten more. It opens sockets and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Final

from sqlalchemy import case, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.tables.people import sessions

LENGTH: Final = 32
_TOKEN_BYTES: Final = 20  # 160 bits are 32 characters of base32
_RENEW_AFTER: Final = text("interval '10 minutes'")
_DEAD_AFTER: Final = text("interval '20 minutes'")


def derive(secret: bytes, session_id: int, csrf_secret: bytes, issued_at: datetime) -> str:
    """The same for the same session and moment of issue."""
    issued_us = int(issued_at.timestamp() * 1_000_000)
    message = b"socket:%d:%d:" % (session_id, issued_us) + csrf_secret
    digest = hmac.new(secret, message, hashlib.sha256).digest()
    return base64.b32encode(digest[:_TOKEN_BYTES]).decode()


def token_hash(token: str) -> bytes:
    """What `tm_find_ws_token` looks for."""
    return hashlib.sha256(token.encode()).digest()


async def current(
    connection: AsyncConnection, secret: bytes, session_id: int, csrf_secret: bytes
) -> str:
    """The session's token, a new one when there is none or it is older than ten minutes."""
    fresh = select(sessions.c.ws_issued_at).where(
        sessions.c.id == session_id,
        sessions.c.ws_issued_at > func.now() - _RENEW_AFTER,
    )
    issued_at = (await connection.execute(fresh)).scalar_one_or_none()
    if issued_at is not None:
        return derive(secret, session_id, csrf_secret, issued_at)
    return await _renew(connection, secret, session_id, csrf_secret)


async def _renew(
    connection: AsyncConnection, secret: bytes, session_id: int, csrf_secret: bytes
) -> str:
    """Under the row's lock: of two tabs that ask at once the second is given the first's token."""
    locked = (
        select(sessions.c.ws_issued_at, func.clock_timestamp().label("at"))
        .add_columns((sessions.c.ws_issued_at > func.now() - _RENEW_AFTER).label("is_fresh"))
        .where(sessions.c.id == session_id)
        .with_for_update()
    )
    row = (await connection.execute(locked)).one()
    if row.is_fresh:
        return derive(secret, session_id, csrf_secret, row.ws_issued_at)
    token = derive(secret, session_id, csrf_secret, row.at)
    # One that was dead already does not come back to life.
    is_alive = sessions.c.ws_issued_at > func.now() - _DEAD_AFTER
    await connection.execute(
        update(sessions)
        .where(sessions.c.id == session_id)
        .values(
            ws_hash=token_hash(token),
            ws_issued_at=row.at,
            ws_prev_hash=case((is_alive, sessions.c.ws_hash)),
        )
    )
    return token
