"""Closed trades wherever they are from: recorded by us, or brought in.

Those that were brought in have no account (0), and ids below zero.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Subquery, literal, select, union_all
from sqlalchemy.sql.elements import ColumnElement

from shared.db.tables.jobs import imported_trades
from shared.db.tables.records import trades

IMPORTED: Final = "Imported"
_SHARED: Final = (
    "user_id", "strategy_id", "contract", "root", "ticker", "timeframe", "side", "qty",
    "entry_price", "exit_price", "entry_at", "exit_at", "exit_reason", "gross_usd", "fees_usd",
    "net_usd", "trade_date",
)  # fmt: skip


def _columns(table: Any) -> list[ColumnElement[Any]]:
    return [table.c[name] for name in _SHARED]


def _union() -> Subquery:
    ours = select(trades.c.id, trades.c.account_id, *_columns(trades))
    brought = select(
        (literal(0, BigInteger) - imported_trades.c.id).label("id"),
        literal(0, BigInteger).label("account_id"),
        *_columns(imported_trades),
    )
    return union_all(ours, brought).subquery("closed_trades")


closed_trades: Final = _union()
