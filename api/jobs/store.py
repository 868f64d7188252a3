"""The rows of jobs: the queue itself, so that nothing is lost with a process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.jobs.schemas import JobOut
from shared.db.tables.jobs import job_parts, jobs
from shared.db.uow import read_only, unit_of_work
from shared.domain.errors import Conflict, NotFound
from shared.domain.ids import UserId

LEASE_S: Final = 60
OPEN_MAX: Final = 5
LISTED_MAX: Final = 200
_PART_BYTES: Final = 512 * 1024
_PARTS_KEPT: Final = timedelta(days=7)
_CLAIM: Final = text("SELECT id, user_id, claim FROM tm_claim_job(:lease_s)")
EXPORTS: Final = frozenset({"export_trades", "export_strategies"})
FINISHED: Final = ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Claimed:
    """Ours until the lease ends or somebody takes it after that: then `claim` is another."""

    id: int
    user_id: UserId
    claim: int


async def claim(engine: AsyncEngine) -> Claimed | None:
    """The oldest open job that nobody works at."""
    async with unit_of_work(engine) as connection:
        row = (await connection.execute(_CLAIM, {"lease_s": LEASE_S})).first()
    return None if row is None else Claimed(row.id, UserId(row.user_id), row.claim)


async def create(
    connection: AsyncConnection, user_id: UserId, kind: str, params: dict[str, Any], text_in: str
) -> Row[Any]:
    """Raises Conflict `job.too_many`. Files of jobs that ended long ago go meanwhile."""
    old = select(jobs.c.id).where(jobs.c.ended_at < func.now() - _PARTS_KEPT)
    await connection.execute(delete(job_parts).where(job_parts.c.job_id.in_(old)))
    open_now = select(func.count()).select_from(jobs).where(jobs.c.ended_at.is_(None))
    if (await connection.execute(open_now)).scalar_one() >= OPEN_MAX:
        raise Conflict("job.too_many", f"{OPEN_MAX} jobs are open: wait, or cancel one.")
    values = {"user_id": user_id, "kind": kind, "params": params}
    made = await connection.execute(insert(jobs).values(values).returning(jobs))
    row: Row[Any] = made.one()
    raw = text_in.encode()
    for no, start in enumerate(range(0, len(raw), _PART_BYTES)):
        await add_part(connection, row, "in", no, raw[start : start + _PART_BYTES])
    return row


async def add_part(
    connection: AsyncConnection, row: Row[Any], way: str, no: int, body: bytes
) -> None:
    values = {"job_id": row.id, "user_id": row.user_id, "way": way, "no": no, "body": body}
    await connection.execute(insert(job_parts).values(values))


async def read_part(connection: AsyncConnection, job_id: int, way: str, no: int) -> bytes | None:
    query = select(job_parts.c.body).where(
        job_parts.c.job_id == job_id, job_parts.c.way == way, job_parts.c.no == no
    )
    found = (await connection.execute(query)).scalar_one_or_none()
    return None if found is None else bytes(found)


async def read_text(engine: AsyncEngine, claimed: Claimed) -> str:
    """What an import is made of."""
    async with read_only(engine, claimed.user_id) as connection:
        query = (
            select(job_parts.c.body)
            .where(job_parts.c.job_id == claimed.id, job_parts.c.way == "in")
            .order_by(job_parts.c.no)
        )
        return b"".join((await connection.execute(query)).scalars()).decode()


async def find(connection: AsyncConnection, job_id: int, *, lock: bool = False) -> Row[Any]:
    """Raises NotFound `job.unknown`."""
    query = select(jobs).where(jobs.c.id == job_id)
    found = await connection.execute(query.with_for_update() if lock else query)
    row: Row[Any] | None = found.one_or_none()
    if row is None:
        raise NotFound("job.unknown", "There is no such job.")
    return row


async def listed(connection: AsyncConnection) -> list[JobOut]:
    """Newest first."""
    query = select(jobs).order_by(jobs.c.id.desc()).limit(LISTED_MAX)
    return [shown(row) for row in await connection.execute(query)]


async def change(connection: AsyncConnection, job_id: int, **values: Any) -> Row[Any]:
    statement = update(jobs).where(jobs.c.id == job_id).values(**values).returning(jobs)
    row: Row[Any] = (await connection.execute(statement)).one()
    return row


def shown(row: Row[Any]) -> JobOut:
    is_import = row.kind not in EXPORTS
    has_brought = bool(row.result.get("imported"))
    return JobOut(
        id=row.id,
        kind=row.kind,
        status=row.status,
        progress_done=row.progress_done,
        progress_total=row.progress_total,
        result={name: value for name, value in row.result.items() if name != "created"},
        code=row.code,
        message=row.message,
        has_file=row.kind in EXPORTS and row.status == "done",
        can_undo=is_import and has_brought and row.ended_at is not None and row.undone_at is None,
        cancel_requested=row.cancel_requested_at is not None,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        undone_at=row.undone_at,
    )
