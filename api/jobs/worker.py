"""Takes open jobs, one at a time, beside everything else an API process does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from sqlalchemy import func, update

from api.jobs import exports, imports, store
from api.jobs.store import Claimed
from api.jobs.work import CancelledError, LostError, Work
from api.resources import Resources
from shared.db.failures import is_outage
from shared.db.tables.jobs import jobs
from shared.db.uow import unit_of_work
from shared.domain.errors import TradeManagerError
from shared.runtime.logging import get_logger
from shared.runtime.metrics import counter
from shared.streams.outage import Outage

_log = get_logger(__name__)

LOOK_EVERY_S: Final = 0.5
CLAIMS_MAX: Final = 5

Handler = Callable[[Work], Awaitable[None]]
HANDLERS: Final[Mapping[str, Handler]] = {
    "export_trades": exports.trades,
    "export_strategies": exports.strategies,
    "import_trades": imports.trades,
    "import_strategies": imports.strategies,
}
_ended = counter("tm_api_jobs_total", "jobs by how they ended", ("kind", "status"))


class Worker:
    """Any number of processes may run one; a job is worked at by one of them."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._outage = Outage("postgresql (jobs)", resources.clock)

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                worked = await self.once()
            except Exception as error:
                if not (is_outage(error) or isinstance(error, OSError)):
                    raise
                self._outage.failed(error)
                await self._outage.pause()
            else:
                self._outage.worked()
                if not worked:
                    await self._resources.clock.sleep(LOOK_EVERY_S)

    async def once(self) -> bool:
        """Take a job and end it; False when there is none. Raises while the database is away."""
        claimed = await store.claim(self._resources.engine)
        if claimed is None:
            return False
        if claimed.claim > CLAIMS_MAX:
            await self._end(claimed, "failed", "job.gave_up", "It failed again and again.")
            return True
        try:
            await self._work(claimed)
        except LostError:
            _log.warning("job_lost", job_id=claimed.id)
        return True

    async def _work(self, claimed: Claimed) -> None:
        try:
            work = await Work.begin(self._resources, claimed)
            await HANDLERS[work.row.kind](work)
        except CancelledError:
            await self._end(claimed, "cancelled", "job.cancelled", "Cancelled by its owner.")
        except TradeManagerError as error:
            if is_outage(error):
                raise
            await self._end(claimed, "failed", error.code, error.message)
        except LostError:
            raise
        except Exception as error:
            # The edge of a message: what nobody foresaw ends this job and no other.
            if is_outage(error) or isinstance(error, OSError):
                raise
            _log.exception("job_failed", job_id=claimed.id)
            await self._end(claimed, "failed", "internal", "Something went wrong on our side.")
        else:
            await self._end(claimed, "done", None, None)

    async def _end(
        self, claimed: Claimed, status: str, code: str | None, message: str | None
    ) -> None:
        values = {
            "status": status,
            "code": code,
            "message": message,
            "ended_at": func.now(),
            "lease_until": None,
        }
        statement = (
            update(jobs)
            .where(jobs.c.id == claimed.id, jobs.c.claim == claimed.claim)
            .where(jobs.c.ended_at.is_(None))
            .values(values)
            .returning(jobs.c.kind)
        )
        async with unit_of_work(self._resources.engine, claimed.user_id) as connection:
            kind = (await connection.execute(statement)).scalar_one_or_none()
        if kind is not None:
            _ended.labels(kind, status).inc()
