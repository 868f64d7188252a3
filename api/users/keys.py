"""API keys: made once, shown once, revoked at once."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.resources import Resources
from api.security import api_keys as keys
from api.security.sessions import SignedIn
from api.users.schemas import KeyIn, KeyOut, NewKeyOut
from api.wire import invalid
from shared.db import audit
from shared.db.tables.people import api_keys
from shared.domain.errors import Conflict, NotFound

KEYS_MAX: Final = 50


async def create(
    connection: AsyncConnection, resources: Resources, user: SignedIn, body: KeyIn
) -> NewKeyOut:
    """Raises Conflict `api_key.too_many`, and InvalidInput for an end that is past."""
    if body.expires_at is not None and body.expires_at <= resources.clock.now():
        raise invalid("api_key.expired", "The key would be dead already.", "expires_at")
    if len(await list_keys(connection)) >= KEYS_MAX:
        raise Conflict("api_key.too_many", f"{KEYS_MAX} keys are the limit.")
    key = keys.make(resources.random_bytes)
    statement = insert(api_keys).values(
        user_id=user.user_id,
        name=body.name,
        key_hash=keys.key_hash(key),
        hint=key[: keys.HINT_LENGTH],
        scopes=sorted(body.scopes),
        expires_at=body.expires_at,
    )
    row = (await connection.execute(statement.returning(*api_keys.c))).one()
    detail = {"api_key": row.id, "scopes": list(row.scopes)}
    await audit.note(connection, user.user_id, user.username, "api_key.made", detail)
    return NewKeyOut(key=key, **_out(row).model_dump())


async def list_keys(connection: AsyncConnection) -> list[KeyOut]:
    query = select(api_keys).where(api_keys.c.revoked_at.is_(None)).order_by(api_keys.c.id)
    return [_out(row) for row in await connection.execute(query)]


async def revoke(connection: AsyncConnection, user: SignedIn, key_id: int) -> None:
    """Raises NotFound `api_key.unknown`."""
    statement = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    if (await connection.execute(statement.values(revoked_at=func.now()))).rowcount == 0:
        raise NotFound("api_key.unknown", "There is no such key.")
    await audit.note(
        connection, user.user_id, user.username, "api_key.revoked", {"api_key": key_id}
    )


def _out(row: Row[Any]) -> KeyOut:
    return KeyOut(
        id=row.id,
        name=row.name,
        hint=row.hint,
        scopes=list(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
