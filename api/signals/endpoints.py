"""The signal inspector: every alert of the user's, and what became of it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query

from api.access import SESSION, Router
from api.deps import CurrentUser, ReadConn, Resources, WriteConn
from api.signals import queries
from api.signals.schemas import ReceivedPageOut, StoryOut
from api.strategies import what_if
from api.strategies.what_if_schemas import PreviewOut
from api.wire import PathId, QueryId, QueryText

_PAGE: Final = 50
_PAGE_MAX: Final = 500

router = Router(SESSION, prefix="/api/signals", tags=["signals"])
ROUTERS: Final = (router,)


@router.get("/")
async def list_signals(
    _: CurrentUser,
    connection: ReadConn,
    strategy_id: QueryId = None,
    verdict: QueryText = "",
    limit: Annotated[int, Query(ge=1, le=_PAGE_MAX)] = _PAGE,
    after: QueryText = "",
) -> ReceivedPageOut:
    """Every delivery, newest first: accepted, blocked, duplicate and refused ones."""
    return await queries.list_received(
        connection, strategy_id=strategy_id, verdict=verdict, limit=limit, after=after
    )


@router.post("/{signal_id}/replay/")
async def replay(
    user: CurrentUser, connection: WriteConn, resources: Resources, signal_id: PathId
) -> PreviewOut:
    """What this alert would do now, account by account. Nothing is stored, no order is sent."""
    strategy_id, content = await queries.content_of(connection, signal_id)
    return await what_if.replay(what_if.Request(connection, resources, user), strategy_id, content)


@router.get("/{signal_id}/")
async def show(_: CurrentUser, connection: ReadConn, signal_id: PathId) -> StoryOut:
    """One signal from its deliveries to its fills."""
    return await queries.story(connection, signal_id)
