"""What was said, and what came of it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from api.controls.schemas import ControlOut, ControlsOut
from shared.db.tables.controls import controls
from shared.domain.controls import Word

_HISTORY_MAX: Final = 100
_SCOPES_MAX: Final = 1_000
_NEWEST: Final = text(f"""
    SELECT * FROM (
      SELECT DISTINCT ON (scope, scope_id, user_id) * FROM controls
      ORDER BY scope, scope_id, user_id, id DESC) newest
    WHERE word <> '{Word.RESUME}' ORDER BY id DESC LIMIT {_SCOPES_MAX}
""")  # noqa: S608 - our own constants


async def list_controls(connection: AsyncConnection) -> ControlsOut:
    history = select(controls).order_by(controls.c.id.desc()).limit(_HISTORY_MAX)
    return ControlsOut(
        in_force=[_out(row) for row in await connection.execute(_NEWEST)],
        history=[_out(row) for row in await connection.execute(history)],
    )


def _out(row: Row[Any]) -> ControlOut:
    return ControlOut(
        id=row.id,
        scope=row.scope,
        scope_id=row.scope_id,
        word=row.word,
        reason=row.reason,
        said_by=row.said_by,
        at=row.created_at,
    )
