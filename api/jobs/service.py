"""Asking for a job, ending it, taking back what it brought in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func
from sqlalchemy.ext.asyncio import AsyncConnection

from api.jobs import imports, store
from api.jobs.schemas import (
    ExportStrategiesIn,
    ExportTradesIn,
    ImportStrategiesIn,
    ImportTradesIn,
    JobOut,
    UndoneOut,
)
from api.security.sessions import SignedIn
from api.strategies import service as strategies
from shared.db import audit
from shared.domain.errors import Conflict


@dataclass(frozen=True, slots=True)
class FileType:
    media_type: str
    name: str


async def create(
    connection: AsyncConnection,
    user: SignedIn,
    body: ExportTradesIn | ExportStrategiesIn | ImportTradesIn | ImportStrategiesIn,
) -> JobOut:
    """Raises Conflict `job.too_many`, and NotFound `strategy.unknown`."""
    if isinstance(body, ImportTradesIn) and body.strategy_id is not None:
        await strategies.require(connection, body.strategy_id)
    params = body.model_dump(mode="json", exclude={"kind", "text"})
    text = getattr(body, "text", "")
    row = await store.create(connection, user.user_id, body.kind, params, text)
    await _note(connection, user, "created", row)
    return store.shown(row)


async def cancel(connection: AsyncConnection, user: SignedIn, job_id: int) -> JobOut:
    """Once it has ended this changes nothing. One that nobody took yet ends at once."""
    row = await store.find(connection, job_id, lock=True)
    if row.ended_at is None and row.cancel_requested_at is None:
        values: dict[str, Any] = {"cancel_requested_at": func.now()}
        if row.status == "queued":
            told = {"code": "job.cancelled", "message": "Cancelled by its owner."}
            values |= {"status": "cancelled", "ended_at": func.now(), **told}
        row = await store.change(connection, job_id, **values)
        await _note(connection, user, "cancelled", row)
    return store.shown(row)


async def undo(connection: AsyncConnection, user: SignedIn, job_id: int) -> UndoneOut:
    """Raises Conflict `job.not_undoable`, and `strategy.open_position`."""
    row = await store.find(connection, job_id, lock=True)
    if not store.shown(row).can_undo:
        raise Conflict("job.not_undoable", "It runs, brought nothing in, or was undone already.")
    removed = await imports.undo(connection, user, row)
    await store.change(connection, job_id, undone_at=func.now())
    await _note(connection, user, "undone", row)
    return UndoneOut(message="Taken away again.", removed=removed)


async def require_file(connection: AsyncConnection, job_id: int) -> Row[Any]:
    """Raises Conflict `job.no_file`."""
    row = await store.find(connection, job_id)
    first = await store.read_part(connection, job_id, "out", 0)
    if not store.shown(row).has_file or first is None:
        raise Conflict("job.no_file", "It has not ended yet, makes no file, or the file is gone.")
    return row


def file_type(row: Row[Any]) -> FileType:
    is_csv = row.params.get("format") == "csv"
    media_type = "text/csv; charset=utf-8" if is_csv else "application/json"
    return FileType(media_type, f"{row.kind}_{row.id}.{'csv' if is_csv else 'json'}")


async def _note(connection: AsyncConnection, user: SignedIn, verb: str, row: Row[Any]) -> None:
    detail = {"job_id": row.id, "kind": row.kind}
    await audit.note(connection, user.user_id, user.username, f"job.{verb}", detail)
