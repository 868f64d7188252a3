"""What a filter comes to, and what it could be narrowed to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, select, text
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
    kinds = await _kinds(connection, selection) if selection.is_of(user) else ()
    return FacetsOut(
        strategies=_facet(kinds, "strategy"),
        accounts=_facet(kinds, "account"),
        symbols=_facet(kinds, "symbol"),
        timeframes=_facet(kinds, "timeframe"),
        sides=_facet(kinds, "side"),
        exit_reasons=_facet(kinds, "exit_reason"),
    )


_KIND: Final = ("contract", "root", "ticker", "timeframe", "side", "exit_reason")


async def _kinds(connection: AsyncConnection, selection: Selection) -> Sequence[Row[Any]]:
    """Groups with a trade within the days, and which filter each of them passes."""
    query, sums = groups.within(selection)
    found = query.add_columns(
        func.coalesce(strategies.c.name, "").label("strategy"),
        func.coalesce(accounts.c.name, IMPORTED).label("account"),
        *(trade_groups.c[name] for name in _KIND),
        *(each.label(f"{name}_holds") for name, each in groups.conditions(selection).items()),
        sums["trades"].label("trades"),
    )
    found = found.outerjoin(strategies, strategies.c.id == trade_groups.c.strategy_id)
    found = found.outerjoin(accounts, accounts.c.id == trade_groups.c.account_id)
    return (await connection.execute(found.where(sums["trades"] > 0))).all()


def _facet(kinds: Iterable[Row[Any]], dimension: str) -> list[FacetOut]:
    counted: Counter[str] = Counter()
    others = [f"{name}_holds" for name in groups.DIMENSIONS if name != dimension]
    for kind in kinds:
        values = kind._mapping  # noqa: SLF001 - its public name
        if all(values[name] for name in others):
            for value in _values(kind, dimension):
                counted[value] += int(kind.trades)
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [FacetOut(value=value, trades=count) for value, count in ordered[:_VALUES_MAX]]


def _values(kind: Row[Any], dimension: str) -> Iterator[str]:
    """A trade is found by its ticker and by its root: it counts under both."""
    if dimension == "symbol":
        yield from {kind.ticker, kind.root} - {""} if kind.contract == "" else ()
    elif value := getattr(kind, dimension):
        yield value
