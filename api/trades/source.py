"""Closed trades wherever they are from: recorded by us, or brought in.

Those that were brought in have no account (0), and ids below zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    Table,
    any_,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from shared.db.tables.jobs import imported_trades
from shared.db.tables.records import trades

IMPORTED: Final = "Imported"
_SHARED: Final = (
    "user_id", "strategy_id", "contract", "root", "ticker", "timeframe", "side", "qty",
    "entry_price", "exit_price", "entry_at", "exit_at", "exit_reason", "gross_usd", "fees_usd",
    "net_usd", "trade_date",
)  # fmt: skip
Where = Callable[[Any], Iterable[ColumnElement[bool]]]


def _id(table: Table) -> ColumnElement[int]:
    mine: ColumnElement[int] = table.c.id
    return mine if table is trades else literal(0, BigInteger) - mine


def _rows(table: Table) -> Select[Any]:
    no_account = literal(0, BigInteger).label("account_id")
    account = table.c.account_id if table is trades else no_account
    return select(_id(table).label("id"), account, *(table.c[name] for name in _SHARED))


closed_trades: Final = union_all(_rows(trades), _rows(imported_trades)).subquery("closed_trades")


def page(
    where: Where, begin: tuple[datetime, int] | None, limit: int, *, newest_first: bool = True
) -> Subquery:
    """The first `limit` behind `begin`, by exit and id, of those that `where` asks for.

    Each of the two tables is read along its own index and only so far: put together first and
    sorted then, a page would cost what all trades of the user cost.
    """
    parts = [_part(table, where, begin, limit, newest_first) for table in (trades, imported_trades)]
    return union_all(*parts).subquery("closed_trades")


def _part(
    table: Table, where: Where, begin: tuple[datetime, int] | None, limit: int, newest_first: bool
) -> Select[Any]:
    place = tuple_(table.c.exit_at, _id(table))
    order = table.c.exit_at, _id(table)
    query = _rows(table).where(*where(table)).limit(limit)
    if newest_first:
        query = query.order_by(*(each.desc() for each in order))
        return query if begin is None else query.where(place < tuple_(*begin))
    query = query.order_by(*order)
    return query if begin is None else query.where(place > tuple_(*begin))


def by_id(ids: Iterable[int]) -> Subquery:
    """Those of these ids, each looked up by its key."""
    told = [*ids]
    ours = any_(literal([each for each in told if each > 0], ARRAY(BigInteger)))
    theirs = any_(literal([-each for each in told if each < 0], ARRAY(BigInteger)))
    return union_all(
        _rows(trades).where(trades.c.id == ours),
        _rows(imported_trades).where(imported_trades.c.id == theirs),
    ).subquery("closed_trades")
