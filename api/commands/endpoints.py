"""What became of a command."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from api.access import SESSION, Router
from api.commands import service
from api.deps import CurrentUser, ReadConn
from api.schemas import Answer
from api.wire import PathId

router = Router(SESSION, prefix="/api/commands", tags=["commands"])
ROUTERS: Final = (router,)

PENDING: Final = "pending"


class CommandOut(Answer):
    """`status`: pending, done, refused (asking again changes nothing) or failed."""

    id: int
    kind: str
    status: str
    code: str | None
    message: str | None
    detail: dict[str, Any]
    created_at: datetime
    answered_at: datetime | None


@router.get("/{command_id}/")
async def show(_: CurrentUser, connection: ReadConn, command_id: PathId) -> CommandOut:
    """For whoever was answered 202."""
    row = await service.show(connection, command_id)
    return CommandOut(
        id=row.id,
        kind=row.kind,
        status=row.status or PENDING,
        code=row.code,
        message=row.message,
        detail=row.detail or {},
        created_at=row.created_at,
        answered_at=row.answered_at,
    )
