"""What a filter comes to, and what it could be narrowed to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Select,
    case,
    func,
    literal,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.analytics.selection import Selection
from api.analytics.selection import conditions as of_trades
from api.security.sessions import SignedIn
from api.trades import groups, notes
from api.trades.beyond import Beyond
from api.trades.schemas import FacetOut, FacetsOut, TotalsOut
from api.trades.source import IMPORTED, by_id, closed_trades
from shared.db.failures import sqlstate
from shared.db.tables.accounts import accounts
from shared.db.tables.counts import SUMS, trade_groups
from shared.db.tables.strategies import strategies
from shared.domain.errors import InvalidInput
from shared.domain.money import EXACT
from shared.domain.statistics.closed import CENT, ratio

COUNT_MS_MAX: Final = 5_000
_CANCELLED: Final = "57014"
_VALUES_MAX: Final = 1_000
_TENTH: Final = Decimal("0.1")
_HUNDRED: Final = Decimal(100)
_NOTHING: Final = dict.fromkeys(SUMS, 0)


async def totals(
    connection: AsyncConnection, user: SignedIn, selection: Selection, beyond: Beyond
) -> TotalsOut:
    """Of every closed trade of the filter. Raises InvalidInput `totals.too_long`."""
    if not selection.is_of(user):
        return _shown(_NOTHING)
    if beyond.is_empty:
        return _shown(await _of_groups(connection, selection))
    return _shown(await _of_trades(connection, selection, beyond))


async def _of_groups(connection: AsyncConnection, selection: Selection) -> dict[str, Any]:
    query, sums = groups.within(selection)
    query = query.where(*groups.conditions(selection).values())
    columns = (func.coalesce(func.sum(each), 0).label(name) for name, each in sums.items())
    return dict((await connection.execute(query.add_columns(*columns))).one()._mapping)  # noqa: SLF001 - its public name


async def _of_trades(
    connection: AsyncConnection, selection: Selection, beyond: Beyond
) -> dict[str, Any]:
    """One by one: what no group knows of."""
    source = closed_trades
    if beyond.is_of_notes:
        source = by_id(await notes.ids_of(connection, beyond.tag, beyond.words))
    closed = source.c
    won, lost = closed.net_usd > 0, closed.net_usd < 0
    columns: dict[str, ColumnElement[Any]] = {
        "trades": func.count(),
        "wins": func.count().filter(won),
        "losses": func.count().filter(lost),
        "qty": _sum(closed.qty),
        "gross_usd": _sum(closed.gross_usd),
        "fees_usd": _sum(closed.fees_usd),
        "net_usd": _sum(closed.net_usd),
        "won_usd": func.coalesce(func.sum(closed.net_usd).filter(won), 0),
    }
    query = select(*(each.label(name) for name, each in columns.items()))
    query = query.where(*of_trades(selection, source), *beyond.conditions(source))
    await connection.execute(text(f"SET LOCAL statement_timeout = {COUNT_MS_MAX}"))
    try:
        return dict((await connection.execute(query)).one()._mapping)  # noqa: SLF001 - its public name
    except DBAPIError as error:
        if sqlstate(error) != _CANCELLED:
            raise
        told = "Counting these takes longer than 5 s: ask for fewer days."
        raise InvalidInput("totals.too_long", told) from error


def _sum(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(column), 0)


def _shown(sums: dict[str, Any]) -> TotalsOut:
    trades, wins, losses = (int(sums[name]) for name in ("trades", "wins", "losses"))
    net, won = Decimal(sums["net_usd"]), Decimal(sums["won_usd"])
    lost = EXACT.subtract(net, won)
    return TotalsOut(
        trades=trades,
        wins=wins,
        losses=losses,
        break_even=trades - wins - losses,
        contracts=int(sums["qty"]),
        gross=Decimal(sums["gross_usd"]),
        fees=Decimal(sums["fees_usd"]),
        net=net,
        won=won,
        lost=lost,
        average=ratio(net, Decimal(trades), CENT),
        win_rate=ratio(wins * _HUNDRED, Decimal(wins + losses), _TENTH),
        profit_factor=ratio(won, abs(lost), CENT),
    )


async def facets(connection: AsyncConnection, user: SignedIn, selection: Selection) -> FacetsOut:
    """For each dimension its values, counted under what is asked for of the others."""
    counted: dict[str, list[FacetOut]] = {name: [] for name in groups.DIMENSIONS}
    if selection.is_of(user):
        kinds = _kinds(selection)
        parts = [_facet(kinds, name) for name in groups.DIMENSIONS]
        for row in await connection.execute(union_all(*parts)):
            counted[row.dimension].append(FacetOut(value=row.value, trades=int(row.trades)))
    for found in counted.values():
        found.sort(key=lambda each: (-each.trades, each.value))
    return FacetsOut(**{f"{_PLURAL.get(name, name)}s": each for name, each in counted.items()})


_PLURAL: Final = {"strategy": "strategie"}


def _kinds(selection: Selection) -> CTE:
    """Groups with a trade within the days, and which filter each of them passes."""
    query, sums = groups.within(selection)
    query = query.add_columns(
        *(trade_groups.c[name] for name in _KIND),
        *(each.label(f"{name}_holds") for name, each in groups.conditions(selection).items()),
        sums["trades"].label("trades"),
    )
    return query.where(sums["trades"] > 0).cte("kinds").prefix_with("MATERIALIZED")


_KIND: Final = (
    "contract", "strategy_id", "account_id", "root", "ticker", "timeframe", "side", "exit_reason",
)  # fmt: skip


def _facet(kinds: CTE, dimension: str) -> Select[Any]:
    """`dimension`, `value` and `trades` of those that pass every other filter; most first."""
    others = [kinds.c[f"{name}_holds"] for name in groups.DIMENSIONS if name != dimension]
    value = _value(kinds, dimension).label("value")
    counted = (
        select(
            literal(dimension).label("dimension"), value, func.sum(kinds.c.trades).label("trades")
        )
        .select_from(_named(kinds, dimension))
        .where(*others)
        .group_by(value)
        .subquery()
    )
    most_first = (
        select(counted)
        .where(counted.c.value != "")
        .order_by(counted.c.trades.desc(), counted.c.value)
        .limit(_VALUES_MAX)
    )
    return select(most_first.subquery())


def _named(kinds: CTE, dimension: str) -> FromClause:
    match dimension:
        case "strategy":
            return kinds.join(strategies, strategies.c.id == kinds.c.strategy_id)
        case "account":
            return kinds.outerjoin(accounts, accounts.c.id == kinds.c.account_id)
        case _:
            return kinds


def _value(kinds: CTE, dimension: str) -> ColumnElement[str]:
    """A trade is found by its ticker and by its root: it counts under both, and not by contract."""
    match dimension:
        case "strategy":
            return strategies.c.name
        case "account":
            return func.coalesce(accounts.c.name, IMPORTED)
        case "symbol":
            root, ticker = kinds.c.root, kinds.c.ticker
            both = case((root == ticker, array([root])), else_=array([root, ticker]))
            none = array([literal("")])
            return func.unnest(case((kinds.c.contract == "", both), else_=none))
        case _:
            told: ColumnElement[str] = kinds.c[dimension]
            return told
