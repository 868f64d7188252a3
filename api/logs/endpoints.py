"""The owner's own log: alerts, orders, money, who signed in, what was edited."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Query
from pydantic import AwareDatetime

from api.access import PERSON, Router
from api.deps import Person, ReadConn
from api.logs import queries
from api.logs.schemas import Kind, Level, LogFilter, LogsOut
from api.wire import QueryId, QueryText

_PAGE: Final = 100
_PAGE_MAX: Final = 500

# From where somebody signed in is no program's business.
router = Router(PERSON, prefix="/api/logs", tags=["logs"])
ROUTERS: Final = (router,)

Instant = Annotated[AwareDatetime | None, Query()]


async def _filter(
    kind: Annotated[list[Kind] | None, Query()] = None,
    level: Level | None = None,
    code: QueryText = "",
    strategy_id: QueryId = None,
    account_id: QueryId = None,
    signal_id: QueryId = None,
    since: Instant = None,
    until: Instant = None,
) -> LogFilter:
    """`kind` may be given several times; `code` is one, or the beginning of many: `risk.`."""
    kinds = frozenset(kind or Kind)
    return LogFilter(kinds, level, code, strategy_id, account_id, signal_id, since, until)


@router.get("/")
async def list_logs(
    user: Person,
    connection: ReadConn,
    wanted: Annotated[LogFilter, Depends(_filter)],
    limit: Annotated[int, Query(ge=1, le=_PAGE_MAX)] = _PAGE,
    after: QueryText = "",
) -> LogsOut:
    """Newest first; `since` is the first instant of a span and `until` the first behind it."""
    return await queries.page(connection, user, wanted, limit, after)
