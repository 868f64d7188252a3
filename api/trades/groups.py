"""Closed trades by kind: what totals, facets and filtered pages are made of.

A filter by strategy, account, symbol, time frame, side or reason asks for whole groups, so its
cost is that of the groups, however many trades they hold. See `shared/db/tables/counts.py`.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, or_, select, true

from api.analytics.selection import Selection, under_account, under_strategy
from shared.db.tables.counts import SUMS, trade_days, trade_groups

# What a facet can be made of, beside the days.
DIMENSIONS: Final = ("strategy", "account", "symbol", "timeframe", "side", "exit_reason")
_group = trade_groups.c


def conditions(selection: Selection) -> dict[str, ColumnElement[bool]]:
    """By dimension; one that was not asked for is true."""
    found: dict[str, ColumnElement[bool]] = dict.fromkeys(DIMENSIONS, true())
    if selection.strategy:
        found["strategy"] = under_strategy(_group.strategy_id, selection.strategy)
    if selection.strategy_id is not None:
        mine = _group.strategy_id == selection.strategy_id
        found["strategy"] = and_(found["strategy"], mine)
    if selection.account:
        found["account"] = under_account(_group.account_id, selection.account)
    if selection.symbol:
        found["symbol"] = _of_symbol(selection.symbol.upper())
    if selection.timeframe:
        found["timeframe"] = _group.timeframe == selection.timeframe
    if selection.side:
        found["side"] = _group.side == selection.side
    if selection.exit_reason:
        found["exit_reason"] = _group.exit_reason == selection.exit_reason
    return found


def seen(selection: Selection) -> ColumnElement[bool]:
    """Which kinds of groups count at all; each trade stands in one of them."""
    return _group.contract == "" if not selection.symbol else _or_contract(selection.symbol.upper())


def _of_symbol(symbol: str) -> ColumnElement[bool]:
    named = or_(_group.ticker == symbol, _group.root == symbol)
    return or_(named, _group.contract == symbol)


def _or_contract(symbol: str) -> ColumnElement[bool]:
    alone = and_(_group.contract == symbol, _group.ticker != symbol, _group.root != symbol)
    return or_(_group.contract == "", alone)


def is_filtered(selection: Selection) -> bool:
    """Whether a dimension is asked for at all: days alone are not."""
    asked = (getattr(selection, name) for name in DIMENSIONS)
    return selection.strategy_id is not None or any(asked)


def within(selection: Selection) -> tuple[Select[Any], dict[str, ColumnElement[Any]]]:
    """Groups that have a trade within the days, to select from, and their sums within these days.

    What a span holds is the running sum at its end, less the one before its begin.
    """
    source: FromClause = trade_groups
    sums: dict[str, ColumnElement[Any]] = {name: _group[name] for name in SUMS}
    days: list[ColumnElement[bool]] = []
    if selection.until is not None:
        end = _as_of(selection.until, "end_of", is_before=False)
        source = source.outerjoin(end, true())
        days.append(_group.first_day <= selection.until)
        sums = {name: func.coalesce(end.c[name], 0) for name in SUMS}
    if selection.since is not None:
        begin = _as_of(selection.since, "begin_of", is_before=True)
        source = source.outerjoin(begin, true())
        days.append(_group.last_day >= selection.since)
        sums = {name: each - func.coalesce(begin.c[name], 0) for name, each in sums.items()}
    query = select().select_from(source).where(seen(selection), *days)
    return query, sums


def _as_of(day: date, name: str, *, is_before: bool) -> FromClause:
    column = trade_days.c.trade_date
    return (
        select(*(trade_days.c[each] for each in SUMS))
        .where(trade_days.c.group_key == _group.key)
        .where(column < day if is_before else column <= day)
        .order_by(column.desc())
        .limit(1)
        .lateral(name)
    )
