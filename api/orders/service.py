"""An order by hand becomes a signal, like an alert; what follows is the same from there on."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.commands import service as commands
from api.orders.schemas import CloseIn, ClosingOut, LevelIn, ManualIn, PlacedOut
from api.resources import Resources
from api.security.sessions import SignedIn
from api.strategies import service as strategies
from api.strategies.settings import checked_symbol
from api.webhooks import store
from shared.contracts.envelope import Envelope
from shared.contracts.signals import SignalAccepted
from shared.db import audit, outbox
from shared.db.tables.accounts import accounts
from shared.domain.alert_signal import (
    Level,
    Side,
    Signal,
    SignalKind,
    SignalOrderType,
)
from shared.domain.errors import Conflict, NotFound
from shared.domain.ids import event_id
from shared.domain.rules import StrategyRules
from shared.domain.signal_json import signal_to_json

MANUAL: Final = "manual"
_CLOSE: Final = "close"


async def place(
    connection: AsyncConnection,
    resources: Resources,
    user: SignedIn,
    body: ManualIn,
    bells: list[Envelope],
) -> PlacedOut:
    """Raises NotFound, InvalidInput `symbol.unknown`, and Conflict.

    `strategy.disabled`: nothing would come of it. `order.inverse`: what trades against its alerts
    would do the opposite of what a person asked for.
    """
    row = await strategies.locked(connection, body.strategy_id)
    _require_obedient(row, body)
    symbol = checked_symbol(body.symbol, resources.clock.now().date(), "symbol")
    now: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    content = signal_to_json(signal_of(body, symbol)) | {"source": MANUAL, "by": user.username}
    signal = {
        "user_id": user.user_id,
        "strategy_id": body.strategy_id,
        "dedupe_key": None,
        "status": "accepted",
        "code": None,
        "content": content,
        "received_at": now,
    }
    stored = await store.insert_signal(connection, signal, _delivery(user, body, now))
    accepted = SignalAccepted(
        signal_id=stored.signal_id, strategy_id=body.strategy_id, seq=stored.seq
    )
    added = await outbox.add(
        connection,
        accepted,
        event_id=event_id(accepted.type, str(stored.signal_id)),
        correlation_id=str(stored.signal_id),
        user_id=user.user_id,
        aggregate=f"signal:{stored.signal_id}",
        occurred_at=now,
    )
    bells.append(added.envelope)
    told = {"signal_id": stored.signal_id, **body.model_dump(mode="json", exclude_unset=True)}
    await audit.note(connection, user.user_id, user.username, "order.manual", told)
    return PlacedOut(
        message="Order taken.", signal_id=stored.signal_id, strategy_id=body.strategy_id
    )


async def close(
    connection: AsyncConnection,
    resources: Resources,
    user: SignedIn,
    body: CloseIn,
    bells: list[Envelope],
) -> ClosingOut:
    """Raises NotFound `account.unknown` and `strategy.unknown`."""
    query = select(accounts.c.id).where(accounts.c.id == body.account_id)
    if (await connection.execute(query)).first() is None:
        raise NotFound("account.unknown", "There is no such account.")
    if body.strategy_id is not None:
        await strategies.require(connection, body.strategy_id)
    detail = body.model_dump(exclude_none=True)
    asked = await commands.put(connection, resources, user, _CLOSE, detail)
    bells.append(asked.bell)
    told = {"command_id": asked.command_id, **detail}
    await audit.note(connection, user.user_id, user.username, "position.close", told)
    return ClosingOut(message="It is being closed.", command_id=asked.command_id)


def signal_of(body: ManualIn, symbol: str | None) -> Signal:
    """As an alert with the same words would be read."""
    if body.action == "close":
        return Signal(kind=SignalKind.CLOSE, dialect=MANUAL, symbol=symbol)
    if body.action == "cancel":
        return Signal(kind=SignalKind.CANCEL, dialect=MANUAL, symbol=symbol)
    return Signal(
        kind=SignalKind.ORDER,
        dialect=MANUAL,
        side=Side(body.action),
        quantity=body.quantity,
        symbol=symbol,
        order_type=SignalOrderType(body.order_type),
        limit_price=body.limit_price,
        stop_price=body.stop_price,
        targets=tuple(map(_level, body.targets)),
        stop=None if body.stop is None else _level(body.stop),
    )


def _level(given: LevelIn) -> Level:
    return Level(given.at, given.unit)


def _require_obedient(row: Row[Any], body: ManualIn) -> None:
    if not row.active:
        message = "The strategy is switched off: nothing would come of it."
        raise Conflict("strategy.disabled", message)
    turns = StrategyRules.model_validate(row.rules).inverse
    if turns and body.action in {"buy", "sell"}:
        message = "This strategy trades against its alerts: it would do the opposite."
        raise Conflict("order.inverse", message)


def _delivery(user: SignedIn, body: ManualIn, now: datetime) -> dict[str, Any]:
    """For the list of what came in. No alert has this hash: it is evidence of nothing."""
    text = json.dumps(body.model_dump(mode="json", exclude_unset=True)).encode()
    return {
        "user_id": user.user_id,
        "strategy_id": body.strategy_id,
        "received_at": now,
        "address": None,
        "content_type": "application/json",
        "body": text,
        "body_bytes": len(text),
        "body_hash": hashlib.sha256(b"manual:" + text).digest(),
        "verdict": "accepted",
        "code": None,
    }
