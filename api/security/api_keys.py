"""Keys for programs: `Authorization: Bearer tmk_...`, 200 random bits, stored as a hash.

`read` opens what changes nothing, `trade` what changes something. Neither opens what belongs to
the person: passwords, sessions, keys, broker logins.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import func, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from api.security.sessions import SignedIn
from shared.db.tables.people import api_keys
from shared.db.uow import read_only, unit_of_work
from shared.domain.ids import UserId

PREFIX: Final = "tmk_"
HINT_LENGTH: Final = 10
_RANDOM_BYTES: Final = 25
_LENGTH_MAX: Final = 100
_TOUCH_EVERY: Final = timedelta(seconds=60)
_SCHEME: Final = "bearer "
_FIND: Final = text(
    "SELECT key_id, user_id, username, scopes, last_used_at FROM tm_find_api_key(:hash)"
)


class KeyScope(StrEnum):
    READ = "read"
    TRADE = "trade"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose key it is and what it opens."""

    who: SignedIn
    key_id: int
    scopes: frozenset[str]
    last_used_at: datetime | None


def make(random_bytes: Callable[[int], bytes]) -> str:
    return PREFIX + base64.b32encode(random_bytes(_RANDOM_BYTES)).decode().lower()


def key_hash(key: str) -> bytes:
    """Random input needs no slow hash."""
    return hashlib.sha256(key.encode()).digest()


def given_in(authorization: str | None) -> str | None:
    """The key of an `Authorization` header; None where there is none of ours."""
    if authorization is None or not authorization.lower().startswith(_SCHEME):
        return None
    key = authorization[len(_SCHEME) :].strip()
    return key if key.startswith(PREFIX) and len(key) <= _LENGTH_MAX else None


async def find(engine: AsyncEngine, key: str) -> Bearer | None:
    async with read_only(engine) as connection:
        row = (await connection.execute(_FIND, {"hash": key_hash(key)})).first()
    if row is None:
        return None
    scopes = frozenset(row.scopes)
    may_trade = KeyScope.TRADE in scopes
    who = SignedIn(UserId(row.user_id), row.username, 0, admin=False, may_trade=may_trade)
    return Bearer(who, row.key_id, scopes, row.last_used_at)


async def touch(engine: AsyncEngine, bearer: Bearer, now: datetime) -> None:
    """Note the use, at most each minute."""
    if bearer.last_used_at is not None and now - bearer.last_used_at < _TOUCH_EVERY:
        return
    statement = update(api_keys).where(api_keys.c.id == bearer.key_id)
    async with unit_of_work(engine, bearer.who.user_id) as connection:
        await connection.execute(statement.values(last_used_at=func.now()))
