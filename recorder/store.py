"""What recorder reads: fills, the intents and signals behind them, and its own rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Select, and_, case, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement, Tuple

from recorder.levels import Leg
from recorder.matcher import Unmatched
from recorder.record import Book, Facts, OwnedFill, Point, Record, Stored, Trade, plain
from shared.db.tables.accounts import accounts, broker_connections
from shared.db.tables.records import recorded_positions, trades, unmatched_activity
from shared.db.tables.signals import signals
from shared.db.tables.strategies import strategies
from shared.db.tables.trading import contracts, fills, intents
from shared.domain.errors import NotFound
from shared.domain.ids import Cause
from shared.domain.instruments import product_of
from shared.domain.order import Action, IntentState, Role
from shared.domain.roundtrip import BookedFill

EXTERNAL: Final = 0  # the strategy id of fills that nobody of ours owns
_SIGNED = case((fills.c.action == Action.BUY.value, fills.c.qty), else_=-fills.c.qty)


@dataclass(frozen=True, slots=True)
class SeenFill:
    """A fill as a bell names it: enough to know whose book to read, and from where."""

    user_id: int
    account_id: int
    strategy_id: int
    contract: str
    point: Point
    active: bool
    detail: dict[str, Any]


async def lock(connection: AsyncConnection, book: Book) -> None:
    """One projection of a book at a time; whoever comes second sees what the first wrote."""
    key = f"recorder:{book.account_id}:{book.strategy_id}:{book.contract}"
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


async def find_fill(connection: AsyncConnection, account_id: int, fill_id: int) -> SeenFill:
    """Raises `NotFound` when no such fill was ever recorded, active or not."""
    query = select(fills).where(fills.c.account_id == account_id, fills.c.broker_fill_id == fill_id)
    row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound("recorder.fill_unknown", "A bell names a fill that is not recorded.")
    return SeenFill(
        user_id=row.user_id,
        account_id=row.account_id,
        strategy_id=row.strategy_id,
        contract=row.contract,
        point=(row.filled_at, row.broker_fill_id),
        active=row.active,
        detail={
            "order_id": row.broker_order_id,
            "action": row.action,
            "qty": row.qty,
            "price": str(plain(row.price)),
            "filled_at": row.filled_at.isoformat(),
        },
    )


async def first_entry(connection: AsyncConnection, leg: UUID) -> Point | None:
    """The first fill of the entry that this protective intent belongs to."""
    query = (
        select(fills.c.filled_at, fills.c.broker_fill_id)
        .join(intents, intents.c.parent_id == fills.c.intent_id)
        .where(intents.c.id == leg, fills.c.active)
        .order_by(fills.c.filled_at, fills.c.broker_fill_id)
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    return None if row is None else (row[0], row[1])


async def flat_before(connection: AsyncConnection, book: Book, since: Point) -> Point | None:
    """The last fill strictly before `since` after which the owner was flat; None: never was.

    Read from fills alone, not from earlier projections: whatever those missed cannot matter.
    """
    running = (
        select(
            fills.c.filled_at,
            fills.c.broker_fill_id,
            func.sum(_SIGNED)
            .over(order_by=[fills.c.filled_at, fills.c.broker_fill_id])
            .label("net"),
        )
        .where(_of_book(book), _place() < tuple_(*since))
        .subquery()
    )
    query = (
        select(running.c.filled_at, running.c.broker_fill_id)
        .where(running.c.net == 0)
        .order_by(running.c.filled_at.desc(), running.c.broker_fill_id.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    return None if row is None else (row[0], row[1])


async def fills_after(
    connection: AsyncConnection, book: Book, start: Point | None
) -> list[OwnedFill]:
    """The active fills of a book after `start` (all of them for None), in the broker's order."""
    query = (
        select(fills, intents.c.cause, intents.c.signal_id)
        .outerjoin(intents, intents.c.id == fills.c.intent_id)
        .where(_of_book(book))
        .order_by(fills.c.filled_at, fills.c.broker_fill_id)
    )
    if start is not None:
        query = query.where(_place() > tuple_(*start))
    return [_owned(row) for row in await connection.execute(query)]


async def records_after(
    connection: AsyncConnection, book: Book, start: Point | None
) -> list[Stored]:
    """Rows of this book that opened after `start`, oldest first, with their trades."""
    query = (
        select(recorded_positions)
        .where(
            recorded_positions.c.account_id == book.account_id,
            recorded_positions.c.strategy_id == book.strategy_id,
            recorded_positions.c.contract == book.contract,
        )
        .order_by(recorded_positions.c.entry_at, recorded_positions.c.opening_fill_id)
    )
    if start is not None:
        opened = tuple_(recorded_positions.c.entry_at, recorded_positions.c.opening_fill_id)
        query = query.where(opened > tuple_(*start))
    rows = (await connection.execute(query)).all()
    closed = await _trades_of(connection, [row.id for row in rows])
    return [Stored(row.id, row.version, _read(Record, row), closed.get(row.id)) for row in rows]


async def left_out(
    connection: AsyncConnection, account_id: int, fill_ids: Collection[int]
) -> frozenset[int]:
    """Which of these fills opened a trip while the strategy was not being recorded."""
    query = select(unmatched_activity.c.broker_fill_id).where(
        unmatched_activity.c.account_id == account_id,
        unmatched_activity.c.broker_fill_id.in_(fill_ids),
        unmatched_activity.c.reason == Unmatched.NOT_RECORDING.value,
    )
    return frozenset((await connection.execute(query)).scalars())


async def facts_of(connection: AsyncConnection, book: Book) -> Facts:
    """Raises `NotFound` without such a strategy and account, `InvalidInput` without a point value.

    The broker's word on the contract wins over our own table.
    """
    root = select(fills.c.root).where(_of_book(book, active_only=False)).limit(1).scalar_subquery()
    query = (
        select(
            strategies.c.user_id,
            strategies.c.name.label("strategy_name"),
            strategies.c.recording_enabled,
            accounts.c.name.label("account_name"),
            contracts.c.point_value_usd,
            root.label("root"),
        )
        .select_from(strategies)
        .join(accounts, accounts.c.id == book.account_id)
        .join(broker_connections, broker_connections.c.id == accounts.c.connection_id)
        .outerjoin(
            contracts,
            and_(
                contracts.c.environment == broker_connections.c.environment,
                contracts.c.name == book.contract,
            ),
        )
        .where(strategies.c.id == book.strategy_id)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound("recorder.owner_unknown", "The strategy of a fill does not exist.")
    value = row.point_value_usd
    return Facts(
        user_id=row.user_id,
        strategy_name=row.strategy_name,
        account_name=row.account_name,
        root=row.root,
        point_value_usd=product_of(row.root).point_value if value is None else plain(value),
        recording_enabled=row.recording_enabled,
    )


async def labels_of_signals(
    connection: AsyncConnection, signal_ids: Collection[int]
) -> dict[int, tuple[str | None, str | None]]:
    """Signal id -> (symbol as the alert wrote it, timeframe)."""
    if not signal_ids:
        return {}
    symbol = signals.c.content["symbol"].astext
    timeframe = signals.c.content["timeframe"].astext
    query = select(signals.c.id, symbol, timeframe).where(signals.c.id.in_(signal_ids))
    return {row[0]: (row[1], row[2]) for row in await connection.execute(query)}


async def legs_of(connection: AsyncConnection, entries: Collection[UUID]) -> list[Leg]:
    """The protective intents of these entries."""
    if not entries:
        return []
    query = select(
        intents.c.parent_id,
        intents.c.role,
        intents.c.price,
        intents.c.stop_price,
        intents.c.state,
    ).where(
        intents.c.parent_id.in_(entries),
        intents.c.role.in_([role.value for role in Role if role.protective]),
    )
    return [
        Leg(row[0], Role(row[1]), _exact(row[2]), _exact(row[3]), IntentState(row[4]))
        for row in await connection.execute(query)
    ]


async def all_books(connection: AsyncConnection, account_id: int | None = None) -> list[Book]:
    """Every book that has fills or records, busted ones included."""
    found = _books(fills, account_id).union(_books(recorded_positions, account_id))
    rows = await connection.execute(found)
    books = (Book(row.account_id, row.strategy_id, row.contract) for row in rows)
    return sorted(books, key=book_order)


def _books(table: Any, account_id: int | None) -> Select[tuple[int, int, str]]:
    query: Select[tuple[int, int, str]] = select(
        table.c.account_id, table.c.strategy_id, table.c.contract
    ).where(table.c.strategy_id != EXTERNAL)
    return query if account_id is None else query.where(table.c.account_id == account_id)


def _place() -> Tuple:
    """Where a fill stands in the broker's order, as a `Point`."""
    return tuple_(fills.c.filled_at, fills.c.broker_fill_id)


def book_order(book: Book) -> tuple[int, int, str]:
    return book.account_id, book.strategy_id, book.contract


def _of_book(book: Book, *, active_only: bool = True) -> ColumnElement[bool]:
    mine = and_(
        fills.c.account_id == book.account_id,
        fills.c.contract == book.contract,
        fills.c.strategy_id == book.strategy_id,
    )
    return and_(mine, fills.c.active) if active_only else mine


async def _trades_of(connection: AsyncConnection, row_ids: Sequence[int]) -> dict[int, Trade]:
    if not row_ids:
        return {}
    query = select(trades).where(trades.c.recorded_position_id.in_(row_ids))
    return {row.recorded_position_id: _read(Trade, row) for row in await connection.execute(query)}


def _owned(row: Row[Any]) -> OwnedFill:
    booked = BookedFill(
        fill_id=row.broker_fill_id,
        action=Action(row.action),
        qty_contracts=row.qty,
        price=plain(row.price),
        at=row.filled_at,
        trade_date=row.trade_date,
        fee_usd=_exact(row.fee_usd),
        role=None if row.role is None else Role(row.role),
        cause=None if row.cause is None else Cause(row.cause),
    )
    return OwnedFill(booked, row.intent_id, row.signal_id)


def _exact(number: Decimal | None) -> Decimal | None:
    return None if number is None else plain(number)


def _read(kind: Any, row: Row[Any]) -> Any:
    values = {field.name: getattr(row, field.name) for field in fields(kind)}
    return kind(
        **{
            name: plain(value) if isinstance(value, Decimal) else value
            for name, value in values.items()
        }
    )
