"""Switching recording, and reading what was recorded."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from sqlalchemy import Row, and_, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.recorder.schemas import RecordedOut, RecordedPositionsOut, SwitchedOut
from api.wire import cursor_of, read_cursor
from shared.db.tables.accounts import accounts
from shared.db.tables.records import recorded_positions
from shared.db.tables.strategies import strategies
from shared.db.tables.trading import fills
from shared.domain.errors import NotFound

_PERCENT_STEP: Final = Decimal("0.0001")
_ROUNDING: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


async def switch(connection: AsyncConnection, strategy_id: int, *, on: bool) -> SwitchedOut:
    """Idempotent. Trips that are open stay recorded to their end. Raises NotFound."""
    statement = (
        update(strategies)
        .where(strategies.c.id == strategy_id, strategies.c.deleted_at.is_(None))
        .values(recording_enabled=on, updated_at=func.now())
        .returning(strategies.c.id)
    )
    if (await connection.execute(statement)).first() is None:
        raise _unknown()
    message = "Recording is on." if on else "Recording is off."
    return SwitchedOut(message=message, strategy_id=strategy_id, recording_enabled=on)


async def list_positions(
    connection: AsyncConnection,
    strategy_id: int,
    limit: int,
    after: str,
    *,
    only_open: bool = False,
) -> RecordedPositionsOut:
    """Raises NotFound, and InvalidInput `page.cursor`."""
    exists = select(strategies.c.id).where(
        strategies.c.id == strategy_id, strategies.c.deleted_at.is_(None)
    )
    if (await connection.execute(exists)).first() is None:
        raise _unknown()
    place = (recorded_positions.c.entry_at, recorded_positions.c.id)
    opening = and_(
        fills.c.account_id == recorded_positions.c.account_id,
        fills.c.broker_fill_id == recorded_positions.c.opening_fill_id,
    )
    query = (
        select(recorded_positions, accounts.c.name.label("account"), fills.c.broker_order_id)
        .join(accounts, accounts.c.id == recorded_positions.c.account_id)
        .outerjoin(fills, opening)
        .where(recorded_positions.c.strategy_id == strategy_id)
        .order_by(*(column.desc() for column in place))
        .limit(limit + 1)
    )
    if only_open:
        query = query.where(recorded_positions.c.open_qty != 0)
    begin = read_cursor(after)
    if begin is not None:
        query = query.where(tuple_(*place) < tuple_(*begin))
    rows = (await connection.execute(query)).all()
    shown = rows[:limit]
    more = cursor_of(shown[-1].entry_at, shown[-1].id) if len(rows) > limit else None
    return RecordedPositionsOut(positions=[_out(row) for row in shown], next=more)


def move_percent(side: str, entry: Decimal, exit_: Decimal | None) -> Decimal | None:
    """Gain in percent of the entry price, four decimals; None without an exit or a base."""
    if exit_ is None or entry == 0:
        return None
    move = exit_ - entry if side == "BUY" else entry - exit_
    share = _ROUNDING.divide(move * 100, abs(entry))
    return share.quantize(_PERCENT_STEP, context=_ROUNDING)


def _out(row: Row[Any]) -> RecordedOut:
    return RecordedOut(
        id=row.id,
        strategy_id=row.strategy_id,
        account_id=row.account_id,
        account=row.account,
        symbol=row.ticker or row.contract,
        contract=row.contract,
        timeframe=row.timeframe,
        side=row.side,
        quantity=row.qty,
        open_quantity=row.open_qty,
        entry_price=row.entry_price,
        entry_time=row.entry_at,
        exit_price=row.exit_price,
        exit_time=row.exit_at,
        exit_reason=row.exit_reason,
        pnl=row.gross_usd,
        pnl_percent=move_percent(row.side, row.entry_price, row.exit_price),
        commission=row.fees_usd,
        commission_known=row.fees_known,
        net_pnl=row.net_usd,
        stop_loss_price=row.stop_loss_price,
        take_profit_price=row.take_profit_price,
        broker_order_id=row.broker_order_id,
        status=row.status,
        signal_id=row.signal_id,
    )


def _unknown() -> NotFound:
    return NotFound("strategy.unknown", "There is no such strategy.")
