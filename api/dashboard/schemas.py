"""The dashboard's figures."""

from __future__ import annotations

from datetime import date

from api.schemas import Answer
from api.wire import DecimalNumber


class SummaryOut(Answer):
    """Money is net of fees, in US dollars, of closed trades; `trade_date` says which day today is.

    A trade counts on the trading day of its last exit (from 17:00 Chicago on: the next day).
    """

    active_positions: int
    today_pnl: DecimalNumber
    total_pnl: DecimalNumber
    total_strategies: int
    trade_date: date
