"""Rows of `intents` to values and back; the one place that knows both spellings."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.tables.trading import intents
from shared.domain.ids import AccountId, Cause, IntentId, SignalId, StrategyId, UserId
from shared.domain.instruments import product_of
from shared.domain.order import Action, IntentState, OrderIntent, OrderType, Role, TimeInForce
from shared.domain.rules.bracket import Stop


def intent_of(row: Any) -> OrderIntent:
    return OrderIntent(
        id=IntentId(row.id),
        user_id=UserId(row.user_id),
        account_id=AccountId(row.account_id),
        strategy_id=StrategyId(row.strategy_id),
        signal_id=None if row.signal_id is None else SignalId(row.signal_id),
        cause=Cause(row.cause),
        cause_id=row.cause_id,
        role=Role(row.role),
        leg=row.leg,
        attempt=row.attempt,
        action=Action(row.action),
        qty_contracts=row.qty,
        order_type=OrderType(row.order_type),
        contract=row.contract,
        time_in_force=TimeInForce(row.time_in_force),
        price=row.price,
        stop_price=row.stop_price,
        offset_ticks=row.offset_ticks,
        reference_price=row.reference_price,
        parent=None if row.parent_id is None else IntentId(row.parent_id),
        after=None if row.after_id is None else IntentId(row.after_id),
        expires_at=row.expires_at,
        offset_percent=row.offset_percent,
        rung=row.rung,
        moves=None if row.moves is None else Stop.model_validate(row.moves),
        per_position=row.per_position,
    )


def row_of(
    intent: OrderIntent,
    root: str,
    account_seq: int,
    now: object,
    *,
    as_of_event: int | None = None,
) -> dict[str, Any]:
    """`as_of_event` of a part: the last event of its account that its quantity knew of."""
    return {
        "as_of_event": as_of_event,
        "id": intent.id,
        "user_id": intent.user_id,
        "account_id": intent.account_id,
        "strategy_id": intent.strategy_id,
        "signal_id": intent.signal_id,
        "cause": intent.cause.value,
        "cause_id": intent.cause_id,
        "account_seq": account_seq,
        "role": intent.role.value,
        "leg": intent.leg,
        "attempt": intent.attempt,
        "root": root,
        "contract": intent.contract,
        "action": intent.action.value,
        "qty": intent.qty_contracts,
        "order_type": intent.order_type.value,
        "time_in_force": intent.time_in_force.value,
        "price": intent.price,
        "stop_price": intent.stop_price,
        "offset_ticks": intent.offset_ticks,
        "reference_price": intent.reference_price,
        "parent_id": intent.parent,
        "after_id": intent.after,
        "expires_at": intent.expires_at,
        "offset_percent": intent.offset_percent,
        "rung": intent.rung,
        "moves": None if intent.moves is None else intent.moves.model_dump(mode="json"),
        "per_position": intent.per_position,
        "state": IntentState.PENDING.value,
        "created_at": now,
    }


def tick_of(root: str, brokers: Decimal | None) -> Decimal:
    """The broker's tick where it differs from our table; the table's own value otherwise."""
    table = product_of(root).tick_size
    return table if brokers is None or brokers == table else brokers


async def insert_intents(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Write intents. Their ids are computed from their cause: a repeat would break the key."""
    if rows:
        await connection.execute(insert(intents), list(rows))
