"""Reading the dashboard's figures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.dashboard.schemas import SummaryOut
from api.trades.source import closed_trades
from shared.db.tables.records import recorded_positions
from shared.db.tables.strategies import strategies


async def summary(connection: AsyncConnection, today: date) -> SummaryOut:
    net = func.coalesce(func.sum(closed_trades.c.net_usd), Decimal(0))
    held = select(func.count()).select_from(recorded_positions)
    kept = select(func.count()).select_from(strategies)
    query = select(
        held.where(recorded_positions.c.open_qty != 0).scalar_subquery().label("held"),
        kept.where(strategies.c.deleted_at.is_(None)).scalar_subquery().label("kept"),
        select(net).where(closed_trades.c.trade_date == today).scalar_subquery().label("today_usd"),
        select(net).scalar_subquery().label("total_usd"),
    )
    row = (await connection.execute(query)).one()
    return SummaryOut(
        active_positions=row.held,
        today_pnl=row.today_usd,
        total_pnl=row.total_usd,
        total_strategies=row.kept,
        trade_date=today,
    )
