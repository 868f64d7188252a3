"""What recorder writes: records, trades, and what could not be recorded."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from recorder.matcher import Unmatched
from recorder.record import Book, Facts, Record, Stored, Trade, columns
from recorder.store import EXTERNAL, SeenFill
from shared.db.tables.records import recorded_positions, trades, unmatched_activity


async def add_record(connection: AsyncConnection, book: Book, facts: Facts, record: Record) -> int:
    """Returns the new row's id; its version is 1."""
    statement = (
        insert(recorded_positions)
        .values(
            user_id=facts.user_id,
            account_id=book.account_id,
            strategy_id=book.strategy_id,
            version=1,
            **columns(record),
        )
        .returning(recorded_positions.c.id)
    )
    row_id: int = (await connection.execute(statement)).scalar_one()
    return row_id


async def change_record(connection: AsyncConnection, row: Stored, record: Record) -> int:
    """Returns the new version."""
    version = row.version + 1
    await connection.execute(
        update(recorded_positions)
        .where(recorded_positions.c.id == row.id)
        .values(version=version, updated_at=func.now(), **columns(record))
    )
    return version


async def drop_record(connection: AsyncConnection, row: Stored) -> None:
    await drop_trade(connection, row.id)
    await connection.execute(delete(recorded_positions).where(recorded_positions.c.id == row.id))


async def put_trade(
    connection: AsyncConnection, book: Book, facts: Facts, row_id: int, trade: Trade
) -> None:
    """Insert or correct the one trade of a record."""
    fresh = insert(trades).values(
        user_id=facts.user_id,
        recorded_position_id=row_id,
        strategy_id=book.strategy_id,
        account_id=book.account_id,
        **columns(trade),
    )
    changed = {name: fresh.excluded[name] for name in columns(trade)}
    await connection.execute(
        fresh.on_conflict_do_update(
            index_elements=[trades.c.recorded_position_id],
            set_={**changed, "updated_at": func.now()},
        )
    )


async def drop_trade(connection: AsyncConnection, row_id: int) -> None:
    """A record that is open (again) has none."""
    await connection.execute(delete(trades).where(trades.c.recorded_position_id == row_id))


async def note_left_out(
    connection: AsyncConnection, book: Book, facts: Facts, fill_id: int, at: datetime
) -> None:
    """Remember that the trip this fill opens is not recorded, whatever the switch says later."""
    await connection.execute(
        insert(unmatched_activity)
        .values(
            user_id=facts.user_id,
            account_id=book.account_id,
            contract=book.contract,
            broker_fill_id=fill_id,
            reason=Unmatched.NOT_RECORDING.value,
            detail={"strategy_id": book.strategy_id, "filled_at": at.isoformat()},
        )
        .on_conflict_do_nothing()
    )


async def note_external(connection: AsyncConnection, seen: SeenFill) -> None:
    """A fill of nobody's, kept once; gone when it was busted or given to a strategy."""
    if not (seen.active and seen.strategy_id == EXTERNAL):
        await forget_external(connection, seen.account_id, seen.point[1])
        return
    await connection.execute(
        insert(unmatched_activity)
        .values(
            user_id=seen.user_id,
            account_id=seen.account_id,
            contract=seen.contract,
            broker_fill_id=seen.point[1],
            reason=Unmatched.EXTERNAL.value,
            detail=seen.detail,
        )
        .on_conflict_do_nothing()
    )


async def forget_external(connection: AsyncConnection, account_id: int, fill_id: int) -> None:
    await connection.execute(
        delete(unmatched_activity).where(
            unmatched_activity.c.account_id == account_id,
            unmatched_activity.c.broker_fill_id == fill_id,
            unmatched_activity.c.reason == Unmatched.EXTERNAL.value,
        )
    )
