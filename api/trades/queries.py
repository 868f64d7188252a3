"""Reading trades and what is open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, tuple_, union
from sqlalchemy.ext.asyncio import AsyncConnection

from api.analytics.selection import Selection, conditions
from api.security.sessions import SignedIn
from api.trades import notes, spots
from api.trades.beyond import Beyond
from api.trades.schemas import Filters, NamedOut, NoteOut, OpenTradeOut, StepOut, TradeOut
from api.trades.source import IMPORTED, by_id, closed_trades
from api.trades.standing import Held, standing
from api.wire import as_text, cursor_of, read_cursor
from shared.db.tables.accounts import accounts, broker_connections
from shared.db.tables.records import recorded_positions
from shared.db.tables.risk import risk_prices
from shared.db.tables.strategies import strategies, strategy_accounts
from shared.db.tables.trading import contracts
from shared.domain.instruments import PRODUCTS
from shared.domain.money import EXACT
from shared.domain.names import name_key
from shared.domain.rules import StrategyRules
from shared.domain.statistics.closed import ZERO

# More than anybody holds open at once.
_OPEN_MAX: Final = 1_000
LOOKED_AT_MAX: Final = 10_000


async def list_trades(
    connection: AsyncConnection,
    user: SignedIn,
    selection: Selection,
    beyond: Beyond,
    limit: int,
    after: str,
) -> tuple[list[TradeOut], str | None]:
    """Newest exit first, and the cursor behind the last of them.

    What lies beyond the dimensions is looked for in so many trades at once and no more: a page may
    then be short, and the cursor goes on. Raises InvalidInput `page.cursor`.
    """
    begin = read_cursor(after)
    if not selection.is_of(user):
        return [], None
    if beyond.is_of_notes:
        ids = await notes.ids_of(connection, beyond.tag, beyond.words)
        rows = await _rows(connection, ids, beyond, limit + 1, selection, begin)
        more = _behind(rows, limit)
    else:
        looked_at = limit + 1 if beyond.is_empty else max(limit + 1, LOOKED_AT_MAX)
        found = await spots.newest(connection, selection, begin, looked_at)
        rows = await _rows(connection, [row_id for _, row_id in found], beyond, limit + 1)
        more = _behind(rows, limit)
        if more is None and len(found) == looked_at:
            more = cursor_of(*found[-1])
    shown = rows[:limit]
    written = await notes.of_trades(connection, [row.id for row in shown])
    return [_trade(row, written.get(row.id, _NOTHING)) for row in shown], more


_NOTHING: Final = NoteOut(note="", tags=[])


def _behind(rows: Sequence[Row[Any]], limit: int) -> str | None:
    """The cursor behind the last that is shown; None without more of them."""
    return None if len(rows) <= limit else cursor_of(rows[limit - 1].exit_at, rows[limit - 1].id)


async def _rows(
    connection: AsyncConnection,
    ids: list[int],
    beyond: Beyond,
    limit: int,
    selection: Selection | None = None,
    begin: spots.Spot | None = None,
) -> Sequence[Row[Any]]:
    """Newest first; of `selection` behind `begin`, where the ids were found without these."""
    if not ids:
        return ()
    found = by_id(ids)
    query = (
        select(
            found,
            strategies.c.name.label("strategy"),
            strategies.c.timeframe.label("strategy_timeframe"),
            func.coalesce(accounts.c.name, IMPORTED).label("account"),
        )
        .outerjoin(accounts, accounts.c.id == found.c.account_id)
        .outerjoin(strategies, strategies.c.id == found.c.strategy_id)
        .where(*beyond.conditions(found))
        .order_by(found.c.exit_at.desc(), found.c.id.desc())
        .limit(limit)
    )
    if selection is not None:
        query = query.where(*conditions(selection, found))
    if begin is not None:
        query = query.where(tuple_(found.c.exit_at, found.c.id) < tuple_(*begin))
    return (await connection.execute(query)).all()


async def list_open(
    connection: AsyncConnection, user: SignedIn, filters: Filters, now: datetime
) -> list[OpenTradeOut]:
    """Newest entry first, as they stand at `now`."""
    if not _is_me(filters, user):
        return []
    query = _open_query().where(
        recorded_positions.c.open_qty != 0, *_where(recorded_positions, filters)
    )
    return [_open(row, now) for row in await connection.execute(query)]


async def names_of(connection: AsyncConnection, strategy: str, column: str) -> list[NamedOut]:
    """The different values of `ticker` or `timeframe` in a strategy's records."""
    if not strategy:
        return []
    both = (closed_trades, recorded_positions)
    found = union(
        *(
            select(table.c[column].label("name")).where(
                table.c[column].is_not(None), *_where(table, Filters(strategy=strategy))
            )
            for table in both
        )
    ).subquery()
    rows = await connection.execute(select(found.c.name).order_by(found.c.name))
    return [NamedOut(name=row.name) for row in rows]


def _is_me(filters: Filters, user: SignedIn) -> bool:
    """Nobody sees another's trades; asking for them is answered as for somebody without any."""
    return not filters.user or filters.user.casefold() == user.username.casefold()


def _where(table: Any, filters: Filters) -> Iterator[ColumnElement[bool]]:
    if filters.strategy:
        named = select(strategies.c.id).where(strategies.c.name_key == name_key(filters.strategy))
        yield table.c.strategy_id.in_(named)
    if filters.symbol:
        symbol = filters.symbol.upper()
        yield or_(
            func.upper(table.c.ticker) == symbol,
            table.c.root == symbol,
            table.c.contract == symbol,
        )
    if filters.timeframe:
        yield table.c.timeframe == filters.timeframe


def _open_query() -> Select[Any]:
    pair = and_(
        strategy_accounts.c.strategy_id == recorded_positions.c.strategy_id,
        strategy_accounts.c.account_id == recorded_positions.c.account_id,
    )
    listed = and_(
        contracts.c.environment == broker_connections.c.environment,
        contracts.c.name == recorded_positions.c.contract,
    )
    priced = and_(
        risk_prices.c.connection_id == accounts.c.connection_id,
        risk_prices.c.contract == recorded_positions.c.contract,
    )
    return (
        select(
            recorded_positions,
            strategies.c.name.label("strategy"),
            strategies.c.symbol.label("strategy_symbol"),
            strategies.c.timeframe.label("strategy_timeframe"),
            strategies.c.rules,
            accounts.c.name.label("account"),
            accounts.c.broker_account_id,
            func.coalesce(strategy_accounts.c.multiplier, accounts.c.multiplier).label("mult"),
            contracts.c.tick_size,
            contracts.c.point_value_usd,
            risk_prices.c.bid,
            risk_prices.c.ask,
            risk_prices.c.seen_at,
        )
        .join(accounts, accounts.c.id == recorded_positions.c.account_id)
        .join(broker_connections, broker_connections.c.id == accounts.c.connection_id)
        .outerjoin(strategies, strategies.c.id == recorded_positions.c.strategy_id)
        .outerjoin(strategy_accounts, pair)
        .outerjoin(contracts, listed)
        .outerjoin(risk_prices, priced)
        .order_by(recorded_positions.c.entry_at.desc(), recorded_positions.c.id.desc())
        .limit(_OPEN_MAX)
    )


def _common(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "Strat_Name": row.strategy or "",
        "Ticker": row.ticker or row.contract,
        "TimeFrame": row.timeframe or row.strategy_timeframe or "",
        "Direction": row.side,
        "Open_Time": row.entry_at,
        "Open_Price": row.entry_price,
        "account": row.account,
        "account_id": row.account_id,
        "strategy_id": row.strategy_id,
        "contract": row.contract,
        "gross": row.gross_usd,
        "fees": row.fees_usd,
        "net": row.net_usd,
    }


def _signed(side: str, qty: int) -> int:
    return qty if side == "BUY" else -qty


def _trade(row: Row[Any], written: NoteOut) -> TradeOut:
    return TradeOut(
        **_common(row),
        note=written.note,
        tags=written.tags,
        Closed_Time=row.exit_at,
        Closed_Price=row.exit_price,
        Position_Size=_signed(row.side, row.qty),
        Profit=row.net_usd,
        Drawdown=as_text(min(row.gross_usd, ZERO)),
        max_dd=as_text(min(row.gross_usd, ZERO)),
        exit_reason=row.exit_reason,
    )


def _open(row: Row[Any], now: datetime) -> OpenTradeOut:
    step, amount = _step(row)
    bracket = StrategyRules.model_validate(row.rules or {}).bracket
    return OpenTradeOut(
        **_common(row),
        Running_Pos=_signed(row.side, row.open_qty),
        Account=str(row.broker_account_id),
        Nickname=row.account,
        **standing(_held(row), now),
        StratTicker=row.strategy_symbol or row.ticker or row.root,
        Stoploss=row.stop_loss_price,
        TakeProfit=[] if row.take_profit_price is None else [row.take_profit_price],
        SLTP_Data=StepOut(
            amnt=amount,
            mult=row.mult,
            step=step,
            TP_inc=[target.at for target in bracket.targets],
            StratID=row.strategy_id,
        ),
    )


def _held(row: Row[Any]) -> Held:
    step, amount = _step(row)
    return Held(
        qty=_signed(row.side, row.open_qty),
        entry_price=row.entry_price,
        entry_at=row.entry_at,
        stop_price=row.stop_loss_price,
        target_price=row.take_profit_price,
        bid=row.bid,
        ask=row.ask,
        seen_at=row.seen_at,
        point_value_usd=amount / step,
    )


def _step(row: Row[Any]) -> tuple[Decimal, Decimal]:
    """A price step and its US dollars: the broker's word, before it is heard our own table's."""
    if row.tick_size is not None:
        return row.tick_size, EXACT.multiply(row.tick_size, row.point_value_usd)
    product = PRODUCTS[row.root]
    return product.tick_size, product.tick_value
