"""Reading deliveries and signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from api.signals.schemas import (
    DecisionOut,
    DeliveryOut,
    FillOut,
    IntentOut,
    OrderOut,
    OutcomeOut,
    ReceivedOut,
    ReceivedPageOut,
    StoryOut,
)
from api.wire import cursor_of, read_cursor
from shared.db.tables.accounts import accounts
from shared.db.tables.signals import alerts, signal_decisions, signals
from shared.db.tables.strategies import strategies
from shared.db.tables.trading import fills, intents, orders
from shared.domain.errors import NotFound
from shared.runtime.masking import mask, scrub

T = TypeVar("T", bound=BaseModel)

_BODY_LETTERS_MAX: Final = 2_048
# Far more than any one signal has; a bound all the same.
_PARTS_MAX: Final = 1_000


async def list_received(
    connection: AsyncConnection, *, strategy_id: int | None, verdict: str, limit: int, after: str
) -> ReceivedPageOut:
    """Every delivery of the user's, whatever became of it. Raises InvalidInput `page.cursor`."""
    query = (
        select(alerts, strategies.c.name.label("strategy"), signals.c.content)
        .outerjoin(strategies, strategies.c.id == alerts.c.strategy_id)
        .outerjoin(signals, signals.c.id == alerts.c.signal_id)
        .order_by(alerts.c.received_at.desc(), alerts.c.id.desc())
        .limit(limit + 1)
    )
    if strategy_id is not None:
        query = query.where(alerts.c.strategy_id == strategy_id)
    if verdict:
        query = query.where(alerts.c.verdict == verdict)
    begin = read_cursor(after)
    if begin is not None:
        query = query.where(tuple_(alerts.c.received_at, alerts.c.id) < tuple_(*begin))
    rows = (await connection.execute(query)).all()
    shown = rows[:limit]
    more = cursor_of(shown[-1].received_at, shown[-1].id) if len(rows) > limit else None
    outcomes = await _outcomes(connection, [row.signal_id for row in shown if row.signal_id])
    items = [_received(row, outcomes.get(row.signal_id, [])) for row in shown]
    return ReceivedPageOut(signals=items, next=more)


async def story(connection: AsyncConnection, signal_id: int) -> StoryOut:
    """Raises NotFound."""
    query = (
        select(signals, strategies.c.name.label("strategy"))
        .join(strategies, strategies.c.id == signals.c.strategy_id)
        .where(signals.c.id == signal_id)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound("signal.unknown", "There is no such signal.")
    meant = await _rows(
        connection,
        select(intents)
        .where(intents.c.signal_id == signal_id)
        .order_by(intents.c.account_id, intents.c.account_seq),
    )
    ids = [intent.id for intent in meant]
    return StoryOut(
        id=row.id,
        strategy_id=row.strategy_id,
        strategy=row.strategy,
        seq=row.seq,
        status=row.status,
        code=row.code,
        received_at=row.received_at,
        created_at=row.created_at,
        content=_masked(row.content),
        deliveries=await _deliveries(connection, signal_id),
        decisions=await _decisions(connection, signal_id),
        intents=[_from(IntentOut, each) for each in meant],
        orders=await _orders(connection, ids),
        fills=await _fills(connection, ids),
    )


async def content_of(connection: AsyncConnection, signal_id: int) -> tuple[int, dict[str, Any]]:
    """Whose signal it is, and what it said. Raises NotFound."""
    query = select(signals.c.strategy_id, signals.c.content).where(signals.c.id == signal_id)
    row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound("signal.unknown", "There is no such signal.")
    return row.strategy_id, row.content


async def _deliveries(connection: AsyncConnection, signal_id: int) -> list[DeliveryOut]:
    query = select(alerts).where(alerts.c.signal_id == signal_id)
    found = await _rows(connection, query.order_by(alerts.c.received_at, alerts.c.id))
    return [_from(DeliveryOut, row, alert_id=row.id, body=_shown(row.body)) for row in found]


async def _decisions(connection: AsyncConnection, signal_id: int) -> list[DecisionOut]:
    query = (
        select(signal_decisions, accounts.c.name.label("account"))
        .outerjoin(accounts, accounts.c.id == signal_decisions.c.account_id)
        .where(signal_decisions.c.signal_id == signal_id)
        .order_by(signal_decisions.c.account_id)
    )
    return [_from(DecisionOut, row) for row in await _rows(connection, query)]


async def _orders(connection: AsyncConnection, ids: Sequence[UUID]) -> list[OrderOut]:
    query = select(orders).where(orders.c.intent_id.in_(ids))
    query = query.order_by(orders.c.account_id, orders.c.broker_order_id)
    return [_from(OrderOut, row) for row in await _rows(connection, query)]


async def _fills(connection: AsyncConnection, ids: Sequence[UUID]) -> list[FillOut]:
    query = select(fills).where(fills.c.intent_id.in_(ids))
    query = query.order_by(fills.c.filled_at, fills.c.broker_fill_id)
    return [_from(FillOut, row) for row in await _rows(connection, query)]


async def _outcomes(
    connection: AsyncConnection, signal_ids: Sequence[int]
) -> dict[int, list[OutcomeOut]]:
    query = select(signal_decisions).where(signal_decisions.c.signal_id.in_(signal_ids))
    out: dict[int, list[OutcomeOut]] = {}
    for row in await connection.execute(query.order_by(signal_decisions.c.account_id)):
        out.setdefault(row.signal_id, []).append(_from(OutcomeOut, row))
    return out


async def _rows(connection: AsyncConnection, query: Select[Any]) -> Sequence[Row[Any]]:
    found: Sequence[Row[Any]] = (await connection.execute(query.limit(_PARTS_MAX))).all()
    return found


def _received(row: Row[Any], decisions: list[OutcomeOut]) -> ReceivedOut:
    return _from(
        ReceivedOut,
        row,
        alert_id=row.id,
        content=None if row.content is None else _masked(row.content),
        body=_shown(row.body) if row.content is None else None,
        decisions=decisions,
    )


def _from(kind: type[T], row: Row[Any], **given: Any) -> T:
    """The columns of the same names, and what is given instead of one."""
    taken = {name: getattr(row, name) for name in kind.model_fields if name not in given}
    return kind(**taken, **given)


def _masked(content: dict[str, Any]) -> dict[str, Any]:
    shown = mask(content)
    return shown if isinstance(shown, dict) else {}


def _shown(body: bytes) -> str:
    return scrub(body.decode(errors="replace"), _BODY_LETTERS_MAX)
