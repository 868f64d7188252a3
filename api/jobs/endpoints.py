"""Long work: 202 and an id, progress, cancelling, undoing, and what it made."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final

from fastapi import Body, Response, status
from starlette.responses import StreamingResponse

from api import idempotency
from api.access import SESSION, Router
from api.deps import CurrentUser, ReadConn, Resources, WriteConn
from api.jobs import service, store
from api.jobs.exports import next_part
from api.jobs.schemas import JobIn, JobOut, JobsOut, UndoneOut
from api.refusals import ErrorOut
from api.resources import Resources as Shared
from api.security.sessions import SignedIn
from api.wire import PathId
from shared.db.uow import read_only

_BODY_BYTES_MAX: Final = 8 * 1024 * 1024
_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/csv": {}, "application/json": {}}, "description": "File."},
    409: {"model": ErrorOut, "description": "There is no file: not yet, or no more."},
}

router = Router(SESSION, prefix="/api/jobs", tags=["jobs"])
# Whole files come in by this one.
large = Router(SESSION, prefix="/api/jobs", tags=["jobs"], max_body_size=_BODY_BYTES_MAX)
ROUTERS: Final = (router, large)


@large.post("/", status_code=status.HTTP_202_ACCEPTED)
async def create(
    user: CurrentUser,
    connection: WriteConn,
    response: Response,
    key: idempotency.Key,
    body: Annotated[JobIn, Body()],
) -> JobOut:
    """Committed and begun within a second. The same key again is the same job."""
    made = await idempotency.once(
        connection, user, key, body, response, lambda: service.create(connection, user, body)
    )
    return made or await idempotency.again(connection, user, key, JobOut)


@router.get("/")
async def list_jobs(
    _: CurrentUser, connection: ReadConn, wrap: bool = False
) -> list[JobOut] | JobsOut:
    """Newest first."""
    found = await store.listed(connection)
    return JobsOut(jobs=found) if wrap else found


@router.get("/{job_id}/")
async def show(_: CurrentUser, connection: ReadConn, job_id: PathId) -> JobOut:
    """How far it got."""
    return store.shown(await store.find(connection, job_id))


@router.post("/{job_id}/cancel/")
async def cancel(user: CurrentUser, connection: WriteConn, job_id: PathId) -> JobOut:
    """Ends before its next batch; what was brought in until then can be undone."""
    return await service.cancel(connection, user, job_id)


@router.post("/{job_id}/undo/")
async def undo(user: CurrentUser, connection: WriteConn, job_id: PathId) -> UndoneOut:
    """Takes away what an import brought in."""
    return await service.undo(connection, user, job_id)


@router.get("/{job_id}/file/", response_class=StreamingResponse, responses=_FILE)
async def fetch(
    user: CurrentUser, connection: ReadConn, resources: Resources, job_id: PathId
) -> StreamingResponse:
    """What an export wrote, for a week."""
    row = await service.require_file(connection, job_id)
    kind = service.file_type(row)
    return StreamingResponse(
        _parts(resources, user, job_id),
        media_type=kind.media_type,
        headers={"Content-Disposition": f'attachment; filename="{kind.name}"'},
    )


async def _parts(resources: Shared, user: SignedIn, job_id: int) -> AsyncGenerator[bytes]:
    """Piece by piece, each read when the one before it was taken."""
    no = 0
    while True:
        async with read_only(resources.engine, user.user_id) as connection:
            part = await next_part(connection, job_id, no)
        if part is None:
            return
        yield part
        no += 1
