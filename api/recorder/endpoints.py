"""Recording a strategy's round trips: on, off, and what was recorded."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query

from api import edits
from api.access import SESSION, Router
from api.deps import Bells, CurrentUser, ReadConn, WriteConn
from api.recorder import queries
from api.recorder.schemas import RecordedPositionsOut, SwitchedOut
from api.wire import PathId, QueryText

_PAGE: Final = 200
_PAGE_MAX: Final = 1_000

router = Router(SESSION, prefix="/api/recorder", tags=["recorder"])
ROUTERS: Final = (router,)


@router.post("/start/{strategy_id}/")
async def start(
    user: CurrentUser, connection: WriteConn, bells: Bells, strategy_id: PathId
) -> SwitchedOut:
    """Record trips that begin from now on."""
    switched = await queries.switch(connection, strategy_id, on=True)
    bells.append(await edits.strategy(connection, user, strategy_id, "recording_on"))
    return switched


@router.post("/stop/{strategy_id}/")
async def stop(
    user: CurrentUser, connection: WriteConn, bells: Bells, strategy_id: PathId
) -> SwitchedOut:
    """Record no trip that begins from now on."""
    switched = await queries.switch(connection, strategy_id, on=False)
    bells.append(await edits.strategy(connection, user, strategy_id, "recording_off"))
    return switched


@router.get("/positions/{strategy_id}/")
async def positions(
    _: CurrentUser,
    connection: ReadConn,
    strategy_id: PathId,
    limit: Annotated[int, Query(ge=1, le=_PAGE_MAX)] = _PAGE,
    after: QueryText = "",
) -> RecordedPositionsOut:
    """Open and closed ones, newest entry first."""
    return await queries.list_positions(connection, strategy_id, limit, after)
