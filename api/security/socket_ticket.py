"""A ticket opens one socket, of the session that asked for it, within a minute.

Only its hash is stored, and the gateway takes the row away as it believes it. Whatever ends the
session (logout, a new password, disabling) makes its tickets worthless and closes its sockets.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.security.sessions import SignedIn
from shared.contracts.ws import TICKET_PREFIX
from shared.db.tables.people import sessions, ws_tickets
from shared.domain.errors import RateLimited

LIFE: Final = timedelta(seconds=60)
# As many as a session may have sockets.
LIVE_MAX: Final = 64
_BYTES: Final = 30  # 240 bits are 48 characters of base32


async def issue(
    connection: AsyncConnection, user: SignedIn, random_bytes: Callable[[int], bytes]
) -> str:
    """The ticket, which is nowhere else. Raises RateLimited `ws.too_many_tickets`."""
    await connection.execute(delete(ws_tickets).where(ws_tickets.c.expires_at <= func.now()))
    # The session's row stands still: requests at the same moment are counted one by one.
    mine = sessions.c.id == user.session_id
    await connection.execute(select(sessions.c.id).where(mine).with_for_update())
    count = select(func.count()).where(ws_tickets.c.session_id == user.session_id)
    if (await connection.execute(count)).scalar_one() >= LIVE_MAX:
        raise RateLimited(
            "ws.too_many_tickets",
            f"{LIVE_MAX} tickets are waiting to be used.",
            retry_after_s=int(LIFE.total_seconds()),
        )
    ticket = TICKET_PREFIX + base64.b32encode(random_bytes(_BYTES)).decode()
    await connection.execute(
        insert(ws_tickets).values(
            ticket_hash=hashlib.sha256(ticket.encode()).digest(),
            user_id=user.user_id,
            session_id=user.session_id,
            expires_at=func.now() + LIFE,
        )
    )
    return ticket
