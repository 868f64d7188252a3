"""Exports: rows are read by key and written in pieces, so that any number of them may be asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.analytics.selection import Selection, conditions
from api.jobs import store
from api.jobs.trade_rows import write_csv, write_json
from api.jobs.work import Work
from api.strategies.exchange import exported
from api.trades.source import IMPORTED, closed_trades, page
from api.wire import as_text, cursor_of, read_cursor
from shared.db.tables.accounts import accounts
from shared.db.tables.strategies import strategies as strategy_rows

_ROWS_AT_ONCE: Final = 1_000


async def trades(work: Work) -> None:
    """Oldest exit first; goes on behind the last batch that was committed."""
    selection = _selection(work.row.params)
    is_csv = work.row.params["format"] == "csv"
    while not work.state.get("is_over"):
        async with work.batch() as connection:
            if work.total is None:
                counted = select(func.count()).select_from(closed_trades)
                counted = counted.where(*conditions(selection))
                work.total = (await connection.execute(counted)).scalar_one()
            rows = (await connection.execute(_page(work, selection))).all()
            no = int(work.state.get("parts", 0))
            text = _csv(rows, no) if is_csv else _json(rows, no)
            if rows:
                work.state["after"] = cursor_of(rows[-1].exit_at, rows[-1].id)
            work.state["is_over"] = len(rows) < _ROWS_AT_ONCE
            if work.state["is_over"] and not is_csv:
                text += "\n]\n"
            await store.add_part(connection, work.row, "out", no, text.encode())
            work.state["parts"] = no + 1
            work.done += len(rows)
            work.result = {"rows": work.done}


async def strategies(work: Work) -> None:
    """All in one piece: there are few."""
    async with work.batch() as connection:
        found = await exported(connection)
        text = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
        await store.add_part(connection, work.row, "out", 0, text.encode())
        work.state["parts"] = 1
        work.done = work.total = len(found)
        work.result = {"rows": len(found)}


async def next_part(connection: AsyncConnection, job_id: int, no: int) -> bytes | None:
    return await store.read_part(connection, job_id, "out", no)


def _selection(params: Mapping[str, Any]) -> Selection:
    return Selection(
        strategy=params["strategy"],
        symbol=params["symbol"],
        timeframe=params["timeframe"],
        since=_day(params["since"]),
        until=_day(params["until"]),
    )


def _day(told: str | None) -> date | None:
    return None if told is None else date.fromisoformat(told)


def _page(work: Work, selection: Selection) -> Select[Any]:
    begin = read_cursor(str(work.state.get("after", "")))
    found = page(
        lambda table: conditions(selection, table), begin, _ROWS_AT_ONCE, newest_first=False
    )
    return (
        select(
            found,
            func.coalesce(strategy_rows.c.name, "").label("strategy"),
            func.coalesce(accounts.c.name, IMPORTED).label("account"),
        )
        .outerjoin(accounts, accounts.c.id == found.c.account_id)
        .outerjoin(strategy_rows, strategy_rows.c.id == found.c.strategy_id)
        .order_by(found.c.exit_at, found.c.id)
        .limit(_ROWS_AT_ONCE)
    )


def _plain(row: Row[Any]) -> dict[str, Any]:
    return {name: _told(value) for name, value in row._mapping.items()}  # noqa: SLF001 - its public name


def _told(value: object) -> object:
    if isinstance(value, Decimal):
        return as_text(value)
    return value.isoformat() if isinstance(value, date) else value  # a datetime is a date


def _csv(rows: Any, no: int) -> str:
    return write_csv([_plain(row) for row in rows], heading=no == 0)


def _json(rows: Any, no: int) -> str:
    told = write_json([_plain(row) for row in rows], first=no == 0)
    return f"[{told}" if no == 0 else told
