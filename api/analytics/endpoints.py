"""What a strategy holds, and how it has done."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import Annotated, Any, Final

from fastapi import Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.access import SESSION, Router
from api.analytics.schemas import AnalyticsOut, PeriodOut
from api.analytics.selection import Selection, figures
from api.deps import CurrentUser, ReadConn, Resources
from api.recorder import queries as records
from api.recorder.schemas import RecordedOut, RecordedPositionsOut
from api.wire import ExactJson, PathId, QueryText
from shared.db.tables.strategies import strategies
from shared.db.uow import read_only
from shared.domain.errors import NotFound
from shared.domain.statistics.analytics import Analytics, Period, analytics
from shared.domain.statistics.closed import ClosedTrade

_OPEN_MAX: Final = 1_000

dashboard = Router(SESSION, prefix="/api/dashboard", tags=["dashboard"])
strategy = Router(SESSION, prefix="/api/strategies", tags=["strategies"])
router = Router(SESSION, prefix="/api/analytics", tags=["analytics"])
ROUTERS: Final = (dashboard, strategy, router)

Day = Annotated[date | None, Query()]


@dashboard.get("/analytics/{strategy_id}/", response_model=AnalyticsOut)
@strategy.get("/{strategy_id}/analytics/", response_model=AnalyticsOut)
async def of_strategy(
    user: CurrentUser,
    resources: Resources,
    strategy_id: PathId,
    since: Day = None,
    until: Day = None,
) -> ExactJson:
    """Of its closed trades; also of a deleted strategy, whose trades stay."""
    async with read_only(resources.engine, user.user_id) as connection:
        await _require(connection, strategy_id)
    selection = Selection(strategy_id=strategy_id, since=since, until=until)
    return ExactJson(await figures(resources, user, selection, _analytics))


@router.get("/", response_model=AnalyticsOut)
async def of_all(
    user: CurrentUser,
    resources: Resources,
    strategy: QueryText = "",
    symbol: QueryText = "",
    timeframe: QueryText = "",
    account: QueryText = "",
    since: Day = None,
    until: Day = None,
) -> ExactJson:
    """Of the closed trades of a filter."""
    selection = Selection("", strategy, symbol, timeframe, account, since, until)
    return ExactJson(await figures(resources, user, selection, _analytics))


@strategy.get("/{strategy_id}/positions/")
async def positions(
    _: CurrentUser, connection: ReadConn, strategy_id: PathId, wrap: bool = False
) -> list[RecordedOut] | RecordedPositionsOut:
    """What it holds now, newest entry first; closed ones are under `/api/recorder/positions/`."""
    found = await records.list_positions(connection, strategy_id, _OPEN_MAX, "", only_open=True)
    return found if wrap else found.positions


async def _require(connection: AsyncConnection, strategy_id: int) -> None:
    query = select(strategies.c.id).where(strategies.c.id == strategy_id)
    if (await connection.execute(query)).first() is None:
        raise NotFound("strategy.unknown", "There is no such strategy.")


def _analytics(trades: list[ClosedTrade]) -> AnalyticsOut:
    return _out(analytics(trades))


def _out(found: Analytics) -> AnalyticsOut:
    return AnalyticsOut(**{each.name: _shown(getattr(found, each.name)) for each in fields(found)})


def _shown(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_shown(each) for each in value]
    if isinstance(value, Period):
        return PeriodOut(begins=value.begins, net=value.net_usd, trades=value.trades)
    return value
