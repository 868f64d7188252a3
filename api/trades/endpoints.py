"""Closed trades and open ones, in the original's shape."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal

from fastapi import Depends, Query

from api.access import SESSION, Router
from api.analytics.selection import Selection
from api.deps import CurrentUser, ReadConn
from api.trades import queries, totals
from api.trades.beyond import Beyond
from api.trades.schemas import (
    FacetsOut,
    Filters,
    OpenTradeOut,
    OpenTradesOut,
    TickersOut,
    TimeFramesOut,
    TotalsOut,
    TradeOut,
    TradesOut,
)
from api.wire import ExactJson, QueryText

_PAGE: Final = 1_000
_PAGE_MAX: Final = 5_000
Amount = Annotated[Decimal | None, Query(max_digits=24, decimal_places=10, allow_inf_nan=False)]

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


def _selection(
    filters: Asked,
    account: QueryText = "",
    side: Literal["", "BUY", "SELL"] = "",
    exit_reason: QueryText = "",
    since: date | None = None,
    until: date | None = None,
) -> Selection:
    """`since` and `until` are trading days, both within."""
    return Selection(
        user=filters.user,
        strategy=filters.strategy,
        symbol=filters.symbol,
        timeframe=filters.timeframe,
        account=account,
        side=side,
        exit_reason=exit_reason,
        since=since,
        until=until,
    )


def _beyond(
    result: Literal["", "win", "loss", "even"] = "",
    net_min: Amount = None,
    net_max: Amount = None,
) -> Beyond:
    return Beyond(result=result, net_min_usd=net_min, net_max_usd=net_max)


Chosen = Annotated[Selection, Depends(_selection)]
More = Annotated[Beyond, Depends(_beyond)]


@router.get("/", response_model=list[TradeOut] | TradesOut)
async def list_trades(
    user: CurrentUser,
    connection: ReadConn,
    selection: Chosen,
    beyond: More,
    limit: Annotated[int, Query(ge=1, le=_PAGE_MAX)] = _PAGE,
    after: QueryText = "",
    wrap: bool = False,
) -> ExactJson:
    """Newest exit first.

    When there are more, the header `X-Next` (with `wrap=1` also `next`) goes on as `after`. Of a
    filter by result or amount a page may be short, or empty, and still go on.
    """
    found, more = await queries.list_trades(connection, user, selection, beyond, limit, after)
    answer = ExactJson(TradesOut(trades=found, next=more) if wrap else found)
    if more is not None:
        answer.headers["X-Next"] = more
    return answer


@router.get("/totals/")
async def show_totals(
    user: CurrentUser, connection: ReadConn, selection: Chosen, beyond: More
) -> TotalsOut:
    """Of the whole filter, however many trades it has.

    With a filter by result or amount each trade is looked at, for at most 5 s; when that is not
    enough, 422 `totals.too_long`.
    """
    return await totals.totals(connection, user, selection, beyond)


@router.get("/facets/")
async def show_facets(user: CurrentUser, connection: ReadConn, selection: Chosen) -> FacetsOut:
    """What each filter can be set to, with the number of trades, under the other filters."""
    return await totals.facets(connection, user, selection)


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
