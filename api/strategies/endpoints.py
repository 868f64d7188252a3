"""Strategies: create, change, list, show."""

from __future__ import annotations

from typing import Final

from fastapi import status

from api.access import SESSION, Router
from api.deps import CurrentUser, ReadConn, Resources, WriteConn
from api.strategies import queries, service
from api.strategies.schemas import (
    CreateIn,
    NamesOut,
    SavedOut,
    StrategiesOut,
    StrategyDetail,
    StrategyFull,
    StrategyItem,
    UpdateIn,
)
from api.wire import ExactJson, PathId, QueryId, QueryText

router = Router(SESSION, prefix="/api/strategies", tags=["strategies"])
ROUTERS: Final = (router,)


@router.post("/create/", status_code=status.HTTP_201_CREATED)
@router.post("/", status_code=status.HTTP_201_CREATED)
async def create(
    user: CurrentUser, connection: WriteConn, resources: Resources, body: CreateIn
) -> SavedOut:
    """The key in the answer is the whole right to trade: treat it as a password."""
    return await service.create(connection, resources, user, body)


@router.post("/update/")
async def change(
    user: CurrentUser, connection: WriteConn, resources: Resources, body: UpdateIn
) -> SavedOut:
    """Changes only what is named."""
    return await service.change(connection, resources, user, body)


@router.get("/", response_model=list[StrategyItem] | StrategiesOut | NamesOut)
async def list_strategies(
    user: CurrentUser,
    connection: ReadConn,
    style: QueryText = "",
    manual: bool = False,
    val: QueryText = "",
    wrap: bool = False,
) -> ExactJson:
    """A bare array; `wrap=1` an object; `val=DirStrat` names only."""
    if val == "DirStrat":
        return ExactJson(await queries.list_names(connection))
    items = await queries.list_items(connection, user, style=style, manual=manual)
    return ExactJson(StrategiesOut(strategies=items) if wrap else items)


@router.get("/get-strat/", response_model=StrategyFull)
async def show_full(
    user: CurrentUser,
    connection: ReadConn,
    resources: Resources,
    id: QueryId = None,  # noqa: A002 - the original's name
    strat: QueryText = "",
) -> ExactJson:
    """By `id`, or by name in `strat`; the original's `at` beside it changes nothing."""
    return ExactJson(await queries.full(connection, user, resources.settings, id, strat))


@router.get("/{strategy_id}/", response_model=StrategyDetail)
async def show(
    user: CurrentUser, connection: ReadConn, resources: Resources, strategy_id: PathId
) -> ExactJson:
    """With the latest decisions on its signals."""
    return ExactJson(await queries.detail(connection, user, resources.settings, strategy_id))
