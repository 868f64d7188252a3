"""Users as an administrator sees and changes them. What they own is not shown here."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from api.security.sessions import SignedIn
from api.users.schemas import PersonIn, PersonOut
from shared.db import audit
from shared.domain.errors import Conflict, NotFound

_LIST: Final = text("SELECT * FROM tm_list_users()")
_CHANGE: Final = text(
    "SELECT tm_change_user(CAST(:id AS bigint), CAST(:admin AS boolean),"
    " CAST(:disabled AS boolean), CAST(:is_email_verified AS boolean))"
)


async def list_people(connection: AsyncConnection) -> list[PersonOut]:
    return [PersonOut(**row._mapping) for row in await connection.execute(_LIST)]  # noqa: SLF001 - SQLAlchemy's documented name


async def change(
    connection: AsyncConnection, user: SignedIn, person_id: int, body: PersonIn
) -> None:
    """Who is disabled is signed out everywhere within a second.

    Raises NotFound `user.unknown`, and Conflict `user.last_admin`.
    """
    known = {person.id for person in await list_people(connection)}
    if person_id not in known:
        raise NotFound("user.unknown", "There is no such user.")
    values = {name: getattr(body, name) for name in PersonIn.model_fields}
    changed = await connection.execute(_CHANGE, {"id": person_id, **values})
    if changed.scalar() is None:
        raise Conflict("user.last_admin", "One administrator has to stay.")
    detail = {"target": person_id, **{name: getattr(body, name) for name in body.model_fields_set}}
    await audit.note(connection, user.user_id, user.username, "user.changed", detail)
