"""Closed trades and open ones, in the original's shape."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Query

from api.access import SESSION, Router
from api.deps import CurrentUser, ReadConn
from api.trades import queries
from api.trades.schemas import (
    Filters,
    OpenTradeOut,
    OpenTradesOut,
    TickersOut,
    TimeFramesOut,
    TradeOut,
    TradesOut,
)
from api.wire import ExactJson, QueryText

_PAGE: Final = 1_000
_PAGE_MAX: Final = 5_000

router = Router(SESSION, prefix="/api/trades", tags=["trades"])
ROUTERS: Final = (router,)


def _filters(
    user: QueryText = "",
    strategy: QueryText = "",
    symbol: QueryText = "",
    timeframe: QueryText = "",
    usageType: QueryText = "",  # noqa: N803, ARG001 - the original's name; see below
) -> Filters:
    """`usageType` says recorded strategies or traded ones: with us each strategy is both."""
    return Filters(user=user, strategy=strategy, symbol=symbol, timeframe=timeframe)


Asked = Annotated[Filters, Depends(_filters)]


@router.get("/", response_model=list[TradeOut] | TradesOut)
async def list_trades(
    user: CurrentUser,
    connection: ReadConn,
    filters: Asked,
    limit: Annotated[int, Query(ge=1, le=_PAGE_MAX)] = _PAGE,
    after: QueryText = "",
    wrap: bool = False,
) -> ExactJson:
    """Newest exit first.

    When there are more, the header `X-Next` (with `wrap=1` also `next`) goes on as `after`.
    """
    found, more = await queries.list_trades(connection, user, filters, limit, after)
    answer = ExactJson(TradesOut(trades=found, next=more) if wrap else found)
    if more is not None:
        answer.headers["X-Next"] = more
    return answer


@router.get("/open/", response_model=list[OpenTradeOut] | OpenTradesOut)
async def list_open(
    user: CurrentUser, connection: ReadConn, filters: Asked, wrap: bool = False
) -> ExactJson:
    """What strategies hold now."""
    found = await queries.list_open(connection, user, filters)
    return ExactJson(OpenTradesOut(trades=found) if wrap else found)


@router.get("/tickers/")
async def tickers(_: CurrentUser, connection: ReadConn, strat: QueryText = "") -> TickersOut:
    """Symbols that a strategy has traded, as its alerts wrote them; none without `strat`."""
    return TickersOut(tickers=await queries.names_of(connection, strat, "ticker"))


@router.get("/timeframes/")
async def timeframes(_: CurrentUser, connection: ReadConn, strat: QueryText = "") -> TimeFramesOut:
    """Time frames that a strategy has traded; none without `strat`."""
    return TimeFramesOut(timeframes=await queries.names_of(connection, strat, "timeframe"))
