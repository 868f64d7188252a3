"""Who did what: a row in the transaction of the change itself, which no service can alter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.domain.ids import UserId

_NOTE: Final = text("""
    INSERT INTO audit_log (user_id, actor, action, detail)
    VALUES (CAST(:user AS bigint), :actor, :action, CAST(:detail AS jsonb))
""")


async def note(
    connection: AsyncConnection,
    user: UserId | None,
    actor: str,
    action: str,
    detail: Mapping[str, object],
) -> None:
    """`user` is who acted, None for the operator at the machine. `detail` holds no secret."""
    parameters = {"user": user, "actor": actor, "action": action, "detail": json.dumps(detail)}
    await connection.execute(_NOTE, parameters)
