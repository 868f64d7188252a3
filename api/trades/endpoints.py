"""Closed trades and open ones, in the original's shape."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Path, Query, Response

from api.access import SESSION, Router
from api.analytics.selection import Selection
from api.deps import Clock, CurrentUser, ReadConn, WriteConn
from api.trades import notes, queries, tax, totals
from api.trades.beyond import Beyond
from api.trades.schemas import (
    FacetsOut,
    Filters,
    NoteChangeIn,
    NoteIn,
    NoteOut,
    OpenTradeOut,
    OpenTradesOut,
    TagsOut,
    TickersOut,
    TimeFramesOut,
    TotalsOut,
    TradeOut,
    TradesOut,
)
from api.wire import BIGINT_MAX, ExactJson, QueryText

_PAGE: Final = 1_000
_PAGE_MAX: Final = 5_000
Amount = Annotated[Decimal | None, Query(max_digits=24, decimal_places=10, allow_inf_nan=False)]
# What was brought in has an id below zero.
TradeId = Annotated[int, Path(ge=-BIGINT_MAX, le=BIGINT_MAX)]
Year = Annotated[int, Query(ge=1970, le=2200)]
_CSV: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/csv": {}}, "description": "One line a day, account and contract."}
}

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
    tag: QueryText = "",
    q: QueryText = "",
) -> Beyond:
    """`q`: these words stand in the note or among the tags."""
    return Beyond(result, net_min, net_max, tag, q)


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

    With a filter by result, amount, tag or words each trade is looked at, for at most 5 s; when
    that is not enough, 422 `totals.too_long`.
    """
    return await totals.totals(connection, user, selection, beyond)


@router.get("/facets/")
async def show_facets(user: CurrentUser, connection: ReadConn, selection: Chosen) -> FacetsOut:
    """What each filter can be set to, with the number of trades, under the other filters."""
    return await totals.facets(connection, user, selection)


@router.get("/tags/")
async def list_tags(_: CurrentUser, connection: ReadConn) -> TagsOut:
    """Every tag that stands on a trade."""
    return TagsOut(tags=await notes.tags(connection))


@router.get("/{trade_id}/note/")
async def show_note(_: CurrentUser, connection: ReadConn, trade_id: TradeId) -> NoteOut:
    """What its owner wrote on a closed trade; empty where nothing was."""
    return await notes.read(connection, trade_id)


@router.put("/{trade_id}/note/")
async def put_note(
    user: CurrentUser, connection: WriteConn, trade_id: TradeId, body: NoteIn
) -> NoteOut:
    """In place of what was written."""
    return await notes.write(connection, user, trade_id, body.note, body.tags)


@router.patch("/{trade_id}/note/")
async def change_note(
    user: CurrentUser, connection: WriteConn, trade_id: TradeId, body: NoteChangeIn
) -> NoteOut:
    """The note or the tags alone."""
    return await notes.write(connection, user, trade_id, body.note, body.tags)


@router.get("/tax/", response_class=Response, responses=_CSV)
async def tax_year(_: CurrentUser, connection: ReadConn, year: Year) -> Response:
    """A year by trading day, account and contract, as CSV in US dollars."""
    told = {"Content-Disposition": f'attachment; filename="trades-{year}.csv"'}
    return Response(await tax.year_of(connection, year), media_type="text/csv", headers=told)


@router.get("/open/", response_model=list[OpenTradeOut] | OpenTradesOut)
async def list_open(
    user: CurrentUser, connection: ReadConn, clock: Clock, filters: Asked, wrap: bool = False
) -> ExactJson:
    """What strategies hold now, and how it stands at the last price."""
    found = await queries.list_open(connection, user, filters, clock.now())
    return ExactJson(OpenTradesOut(trades=found) if wrap else found)


@router.get("/tickers/")
async def tickers(_: CurrentUser, connection: ReadConn, strat: QueryText = "") -> TickersOut:
    """Symbols that a strategy has traded, as its alerts wrote them; none without `strat`."""
    return TickersOut(tickers=await queries.names_of(connection, strat, "ticker"))


@router.get("/timeframes/")
async def timeframes(_: CurrentUser, connection: ReadConn, strat: QueryText = "") -> TimeFramesOut:
    """Time frames that a strategy has traded; none without `strat`."""
    return TimeFramesOut(timeframes=await queries.names_of(connection, strat, "timeframe"))
