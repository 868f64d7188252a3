"""Once for each `Idempotency-Key`, however often a client asks again.

The key is written in the transaction of what it stands for, with the answer that was given. A
second request with it waits for the first to commit and is given that answer again; the same key
for something else is refused. Good for a day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Final, TypeVar

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from api.security.sessions import SignedIn
from shared.db.tables.commands import idempotency_keys as table
from shared.domain.errors import Conflict

T = TypeVar("T", bound=BaseModel)

KEPT: Final = timedelta(hours=24)
REPEATED: Final = "Idempotency-Replayed"

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Chosen anew by the client for each thing it wants done, and kept for retries.",
    ),
]


async def once(
    connection: AsyncConnection,
    user: SignedIn,
    key: str,
    asked: BaseModel,
    response: Response,
    do: Callable[[], Awaitable[T]],
) -> T | None:
    """What `do` answers, or None where the key's answer stands already: read it with `again`.

    Raises Conflict `idempotency.reused`.
    """
    fingerprint = _fingerprint(asked)
    if not await _claim(connection, user, key, fingerprint):
        await _require_same(connection, user, key, fingerprint)
        response.headers[REPEATED] = "true"
        return None
    answer = await do()
    values = {"answer": answer.model_dump(mode="json")}
    await connection.execute(update(table).where(*_mine(user, key)).values(values))
    return answer


async def again(connection: AsyncConnection, user: SignedIn, key: str, kind: type[T]) -> T:
    """The answer that the key was given."""
    query = select(table.c.answer).where(*_mine(user, key))
    return kind.model_validate((await connection.execute(query)).scalar_one())


async def _claim(connection: AsyncConnection, user: SignedIn, key: str, fingerprint: bytes) -> bool:
    """Waits for another transaction that has the key in its hands."""
    await connection.execute(delete(table).where(table.c.created_at < func.now() - KEPT))
    values = {"user_id": user.user_id, "key": key, "request_hash": fingerprint}
    claim = insert(table).values(values).on_conflict_do_nothing().returning(table.c.key)
    return (await connection.execute(claim)).first() is not None


async def _require_same(
    connection: AsyncConnection, user: SignedIn, key: str, fingerprint: bytes
) -> None:
    query = select(table.c.request_hash).where(*_mine(user, key))
    if bytes((await connection.execute(query)).scalar_one()) != fingerprint:
        raise Conflict("idempotency.reused", "This key stands for another request.")


def _mine(user: SignedIn, key: str) -> tuple[ColumnElement[bool], ...]:
    return table.c.user_id == user.user_id, table.c.key == key


def _fingerprint(asked: BaseModel) -> bytes:
    told = f"{type(asked).__name__}:{asked.model_dump_json()}"
    return hashlib.sha256(told.encode()).digest()
