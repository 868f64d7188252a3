"""Commands: rows that ask, and the one row that answers each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.commands import CommandAnswered
from shared.contracts.envelope import Envelope
from shared.db.outbox import add
from shared.domain.ids import CommandId, UserId, event_id
from shared.ports.ledger import Command

_OPEN: Final = text("""
    SELECT c.id, c.user_id, c.kind, c.detail FROM commands c
    WHERE c.created_at > now() - interval '1 day'
      AND NOT EXISTS (SELECT 1 FROM command_results r WHERE r.command_id = c.id)
    ORDER BY c.id LIMIT 50
""")
_ANSWER: Final = text("""
    INSERT INTO command_results (command_id, user_id, status, code, message, detail)
    VALUES (:id, :user, :status, :code, :message, CAST(:detail AS jsonb))
    ON CONFLICT (command_id) DO NOTHING
    RETURNING command_id
""")


async def open_commands(connection: AsyncConnection) -> list[Command]:
    return [
        Command(CommandId(row.id), UserId(row.user_id), row.kind, row.detail)
        for row in await connection.execute(_OPEN)
    ]


async def answer(
    connection: AsyncConnection,
    command: Command,
    status: str,
    code: str,
    message: str,
    now: datetime,
    *,
    detail: Mapping[str, object] | None = None,
) -> list[Envelope]:
    """At most one result for a command; a second answer changes nothing."""
    parameters = {
        "id": command.id,
        "user": command.user_id,
        "status": status,
        "code": code,
        "message": message,
        "detail": json.dumps({} if detail is None else dict(detail)),
    }
    if (await connection.execute(_ANSWER, parameters)).first() is None:
        return []
    added = await add(
        connection,
        CommandAnswered(command_id=command.id, status=status, code=code),
        event_id=event_id(CommandAnswered.type, str(command.id)),
        correlation_id=f"command:{command.id}",
        user_id=command.user_id,
        aggregate=f"command:{command.id}",
        occurred_at=now,
    )
    return [added.envelope]
