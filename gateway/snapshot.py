"""A user's state as the database has it at one instant, and the events a live view has missed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.mirror import FINAL_STATUSES, Mirror, key_of
from gateway.sequence import Hole
from shared.contracts.envelope import Envelope
from shared.contracts.positions import PositionChanged
from shared.contracts.streams import EVENTS
from shared.contracts.ws import (
    AccountData,
    BalanceData,
    ConnectionData,
    OrderData,
    RecordOpenedData,
)
from shared.db.tables.messaging import outbox
from shared.db.uow import read_only
from shared.domain.ids import UserId
from shared.domain.instruments import PRODUCTS

# How many missed events are fetched at once; a larger hole is fetched in steps.
FETCH_MAX: Final = 500
# A record's events can be late by as long as a stream keeps entries.
_CLOSED_LATELY: Final = "interval '24 hours'"

_ACCOUNTS: Final = text("""
    SELECT a.id AS account_id, a.connection_id, a.name, a.enabled, a.updated_at, r.quarantine_code,
      coalesce(r.event_seq, 0) AS event_seq, b.trade_date, b.cash_usd, b.realized_pnl_usd, b.as_of
    FROM accounts a LEFT JOIN risk_state r ON r.account_id = a.id
    LEFT JOIN account_balances b ON b.account_id = a.id ORDER BY a.id
""")
_POSITIONS: Final = text("""
    SELECT p.account_id, p.strategy_id, p.contract, p.root, p.net_qty, p.avg_price, p.version,
      p.updated_at AS as_of, (SELECT max(c.point_value_usd) FROM contracts c
                              WHERE c.name = p.contract) AS point_value_usd
    FROM positions p WHERE p.net_qty <> 0
""")
_ORDERS: Final = text("""
    SELECT o.account_id, o.broker_order_id AS order_id, o.intent_id,
      coalesce(i.strategy_id, 0) AS strategy_id, i.signal_id, i.role, o.contract, o.action,
      o.status, o.order_type, o.qty, o.price, o.stop_price, o.reject_reason, o.version, o.as_of
    FROM orders o LEFT JOIN intents i ON i.id = o.intent_id
    WHERE NOT o.status = ANY (CAST(:final AS text[]))
""")
_RECORDS: Final = text("""
    SELECT r.id AS recorded_position_id, r.strategy_id, s.name AS strategy_name, r.account_id,
      a.name AS account_name, r.contract, r.ticker, r.side, r.qty, r.open_qty, r.entry_price,
      r.entry_at, r.version
    FROM recorded_positions r JOIN strategies s ON s.id = r.strategy_id
    JOIN accounts a ON a.id = r.account_id WHERE r.status = 'open'
""")
_CLOSED: Final = text(f"""
    SELECT r.id, r.version FROM trades t JOIN recorded_positions r ON r.id = t.recorded_position_id
    WHERE t.exit_at > now() - {_CLOSED_LATELY}
""")  # noqa: S608 - a constant of ours
_CONNECTIONS: Final = text("SELECT connection_id, state, reason FROM broker_sessions")


async def read_mirror(engine: AsyncEngine, user_id: UserId) -> Mirror:
    """Everything in one REPEATABLE READ transaction.

    So each account's state is exactly the sum of its events up to its `event_seq`: their writer
    commits both together. Raises what the database raises.
    """
    mirror = Mirror()
    one_instant = engine.execution_options(isolation_level="REPEATABLE READ")
    async with read_only(one_instant, user_id) as connection:
        for row in (await connection.execute(_ACCOUNTS)).mappings():
            mirror.accounts[row["account_id"]] = _account(row)
            mirror.edit_times[row["account_id"]] = row["updated_at"]
        await _read_open(connection, mirror)
        for row in (await connection.execute(_CONNECTIONS)).mappings():
            mirror.connections[row["connection_id"]] = ConnectionData(**row)
    return mirror


async def read_missed(engine: AsyncEngine, hole: Hole) -> list[Envelope]:
    """The events of a hole, the first `FETCH_MAX` of them."""
    last = min(hole.last, hole.first + FETCH_MAX - 1)
    query = (
        select(outbox)
        .where(
            outbox.c.account_id == hole.account_id,
            outbox.c.seq.between(hole.first, last),
            outbox.c.stream == EVENTS,
        )
        .order_by(outbox.c.seq)
    )
    async with read_only(engine) as connection:
        return [Envelope.from_row(row) for row in await connection.execute(query)]


async def _read_open(connection: AsyncConnection, mirror: Mirror) -> None:
    for row in (await connection.execute(_POSITIONS)).mappings():
        position = _position(row)
        mirror.positions[key_of(position)] = position
    orders = await connection.execute(_ORDERS, {"final": sorted(FINAL_STATUSES)})
    for row in orders.mappings():
        order = OrderData(**_plain(row))
        mirror.orders[order.account_id, order.order_id] = order
    for row in (await connection.execute(_RECORDS)).mappings():
        record = RecordOpenedData(**_plain(row))
        mirror.records[record.recorded_position_id] = record
        mirror.record_versions[record.recorded_position_id] = record.version
    for closed in await connection.execute(_CLOSED):
        mirror.record_versions[closed.id] = closed.version


def _account(row: RowMapping) -> AccountData:
    columns = _plain(row)
    del columns["updated_at"]
    balance = {
        name: columns.pop(name) for name in ("trade_date", "cash_usd", "realized_pnl_usd", "as_of")
    }
    told = None
    if balance["cash_usd"] is not None:
        told = BalanceData(account_id=row["account_id"], **balance)
    return AccountData(**columns, balance=told)


def _position(row: RowMapping) -> PositionChanged:
    columns = _plain(row)
    if columns["point_value_usd"] is None:
        product = PRODUCTS.get(row["root"])
        columns["point_value_usd"] = Decimal(1) if product is None else product.point_value
    return PositionChanged(**columns)


def _plain(row: RowMapping) -> dict[str, Any]:
    """As events write it: numbers without the zeros of their column, times in UTC."""
    return {name: _as_events_write(value) for name, value in row.items()}


def _as_events_write(value: object) -> object:
    if isinstance(value, Decimal):
        return Decimal(format(value.normalize(), "f"))
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value
