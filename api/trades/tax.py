"""A year of closed trades for a tax return: by trading day, account and contract, as CSV.

A trade belongs to the trading day of its last exit, which begins at 17:00 Chicago the evening
before. Every single trade is in the export of `POST /api/jobs/`.
"""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.jobs.trade_rows import guarded
from api.trades.source import IMPORTED, closed_trades
from api.wire import as_text
from shared.db.tables.accounts import accounts

COLUMNS: Final = (
    "trade_date", "account", "contract", "trades", "contracts", "gross_usd", "fees_usd", "net_usd",
)  # fmt: skip


async def year_of(connection: AsyncConnection, year: int) -> str:
    """With a heading; rows by day, account and contract."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in await connection.execute(_query(year)):
        words = (row.trade_date.isoformat(), guarded(row.account), guarded(row.contract))
        money = (as_text(each) for each in (row.gross_usd, row.fees_usd, row.net_usd))
        writer.writerow([*words, row.trades, row.contracts, *money])
    return out.getvalue()


def _query(year: int) -> Select[Any]:
    closed = closed_trades.c
    kind = (
        closed.trade_date,
        func.coalesce(accounts.c.name, IMPORTED).label("account"),
        closed.contract,
    )
    return (
        select(
            *kind,
            func.count().label("trades"),
            func.sum(closed.qty).label("contracts"),
            func.sum(closed.gross_usd).label("gross_usd"),
            func.sum(closed.fees_usd).label("fees_usd"),
            func.sum(closed.net_usd).label("net_usd"),
        )
        .outerjoin_from(closed_trades, accounts, accounts.c.id == closed.account_id)
        .where(closed.trade_date.between(date(year, 1, 1), date(year, 12, 31)))
        .group_by(*kind)
        .order_by(*kind)
    )
