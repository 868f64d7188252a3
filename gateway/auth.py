"""Who opens a socket, and what of it is theirs."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.hub import Hub
from shared.contracts.ws import TICKET_PREFIX, Auth
from shared.db.failures import is_outage
from shared.db.uow import read_only, unit_of_work
from shared.domain.ids import UserId
from shared.ports.clock import Clock
from shared.streams.outage import Outage

LIVE_EVERY_S: Final = 0.5

_TICKET: Final = text("SELECT session_id, user_id, username FROM tm_use_ws_ticket(:hash)")
_FIND: Final = text("SELECT session_id, user_id, username FROM tm_find_ws_token(:hash)")
_LIVE: Final = text("SELECT tm_live_sessions(CAST(:ids AS bigint[]))")
_OWNS: Final = text("SELECT 1 FROM accounts WHERE id = :id OR connection_id = :id LIMIT 1")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whose socket this is, and by which session."""

    user_id: UserId
    username: str
    session_id: int


def is_same_name(given: str, known: str) -> bool:
    """Without regard to case, in a time that says nothing about where they differ."""
    return hmac.compare_digest(given.casefold().encode(), known.casefold().encode())


async def sign_in(engine: AsyncEngine, auth: Auth) -> SignedIn | None:
    """The session of this token or ticket if it is this user's. Raises when the database is away.

    Either is 160 random bits or more and found by its hash, so the look-up leaks nothing of it.
    """
    token_hash = {"hash": hashlib.sha256(auth.token.encode()).digest()}
    if auth.token.startswith(TICKET_PREFIX):
        # Used up also when the name turns out to be another's.
        async with unit_of_work(engine) as connection:
            row = (await connection.execute(_TICKET, token_hash)).first()
    else:
        async with read_only(engine) as connection:
            row = (await connection.execute(_FIND, token_hash)).first()
    if row is None or not is_same_name(auth.user, row.username):
        return None
    return SignedIn(UserId(row.user_id), row.username, row.session_id)


async def owns(engine: AsyncEngine, user_id: UserId, main_or_account_id: int) -> bool:
    """Whether this is one of the user's connections or accounts; row security hides all others."""
    async with read_only(engine, user_id) as connection:
        found = await connection.execute(_OWNS, {"id": main_or_account_id})
        return found.first() is not None


class SessionWatch:
    """Closes the sockets of sessions that ended or whose user was disabled, within a second."""

    def __init__(self, engine: AsyncEngine, hub: Hub, clock: Clock) -> None:
        self._engine = engine
        self._hub = hub
        self._clock = clock
        self._outage = Outage("postgresql (sessions)", clock)

    async def run(self) -> None:
        """For ever. With the database away nobody can sign out either, so sockets stay."""
        while True:
            await self._clock.sleep(LIVE_EVERY_S)
            if not (ids := self._hub.session_ids()):
                continue
            try:
                live = await self._live(ids)
            except Exception as error:
                if not (is_outage(error) or isinstance(error, TimeoutError)):
                    raise
                self._outage.failed(error)
                await self._outage.pause()
                continue
            self._outage.worked()
            self._hub.end_sessions(set(ids) - live)

    async def _live(self, ids: list[int]) -> set[int]:
        async with read_only(self._engine) as connection:
            return set((await connection.execute(_LIVE, {"ids": ids})).scalars())
