"""The statements behind a webhook: few, because each is a round trip of the hot path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, Table, bindparam, cast, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.db.tables.signals import alerts, signals
from shared.db.tables.strategies import strategies
from shared.db.uow import unit_of_work
from shared.domain.dedupe import UNANSWERED_WINDOW, Evidence
from shared.domain.ids import AlertId, SignalId, StrategyId, UserId

# A delivery this young and not known to be answered may still be being answered.
FATE_OPEN: Final = timedelta(seconds=2)

# Whose key it is, and from here on that user's rows and no others.
_OPEN: Final = text(
    "SELECT clock_timestamp() AS now,"
    " found.strategy_id, found.user_id,"
    " set_config('app.user_id', coalesce(found.user_id::text, ''), true),"
    # A second for any one statement: the sender waits three for all of them.
    " set_config('statement_timeout', '1s', true), set_config('lock_timeout', '1s', true)"
    " FROM (VALUES (1)) AS one LEFT JOIN tm_find_webhook(:hash) AS found ON true"
)


# Built once, like the insert below: building a statement costs more than running it.
_LOCK: Final = (
    select(strategies.c.active, strategies.c.name_key)
    .where(strategies.c.id == bindparam("strategy_id"), strategies.c.deleted_at.is_(None))
    .with_for_update()
)
_FIND_BY_KEY: Final = select(signals.c.id, signals.c.received_at).where(
    signals.c.strategy_id == bindparam("strategy_id"),
    signals.c.dedupe_key == bindparam("dedupe_key"),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """`strategy_id` and `user_id` are None for a key that never existed."""

    now: datetime
    strategy_id: StrategyId | None
    user_id: UserId | None


@dataclass(frozen=True, slots=True)
class Locked:
    """The strategy's row, held until the transaction ends: its signals come one by one."""

    active: bool
    name_key: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """A signal that this delivery may be. `is_open`: wait for the fate of its answer."""

    signal_id: SignalId
    is_in_window: bool
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    alert_id: AlertId
    signal_id: SignalId
    seq: int


async def open_for(connection: AsyncConnection, key_hash: bytes) -> Opened:
    """First statement of the transaction."""
    row = (await connection.execute(_OPEN, {"hash": key_hash})).one()
    return Opened(row.now, row.strategy_id, row.user_id)


async def lock(connection: AsyncConnection, strategy_id: StrategyId) -> Locked | None:
    """None when it was deleted a moment ago."""
    row = (await connection.execute(_LOCK, {"strategy_id": strategy_id})).first()
    return None if row is None else Locked(row.active, row.name_key)


async def find_by_key(
    connection: AsyncConnection, strategy_id: StrategyId, evidence: Evidence, now: datetime
) -> Earlier | None:
    """The signal that holds this dedupe key, however old it is."""
    values = {"strategy_id": strategy_id, "dedupe_key": evidence.key}
    row = (await connection.execute(_FIND_BY_KEY, values)).first()
    if row is None:
        return None
    return Earlier(row.id, is_in_window=row.received_at > now - evidence.window)


async def find_unanswered(
    connection: AsyncConnection, strategy_id: StrategyId, body_hash: bytes, now: datetime
) -> Earlier | None:
    """The newest signal of equal bytes of which no delivery is known to have been answered 2xx."""
    last = func.max(alerts.c.received_at)
    is_answered = func.bool_or(func.coalesce(alerts.c.answered_status.between(200, 299), False))
    not_known = func.bool_or(alerts.c.answered_status.is_(None))
    query = (
        select(alerts.c.signal_id, last.label("last"), not_known.label("not_known"))
        .where(
            alerts.c.strategy_id == strategy_id,
            alerts.c.body_hash == body_hash,
            alerts.c.received_at > now - UNANSWERED_WINDOW,
            alerts.c.signal_id.is_not(None),
        )
        .group_by(alerts.c.signal_id)
        .having(~is_answered)
        .order_by(last.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    is_open = row.not_known and row.last > now - FATE_OPEN
    return Earlier(row.signal_id, is_in_window=True, is_open=is_open)


async def release_key(connection: AsyncConnection, signal_id: SignalId) -> None:
    """Its window has passed: the key may name another signal."""
    statement = update(signals).where(signals.c.id == signal_id)
    await connection.execute(statement.values(dedupe_key=None))


def _insert_signal() -> Select[Any]:
    """One statement: count on, insert the signal, insert the alert that names it."""
    bumped = (
        update(strategies)
        .where(strategies.c.id == _of(signals, "strategy_id"))
        .values(signal_seq=strategies.c.signal_seq + 1)
        .returning(strategies.c.signal_seq)
        .cte("bumped")
    )
    values = [_of(signals, name) for name in _SIGNAL_COLUMNS]
    new_signal = (
        insert(signals)
        .from_select([*_SIGNAL_COLUMNS, "seq"], select(*values, bumped.c.signal_seq))
        .returning(signals.c.id, signals.c.seq)
        .cte("new_signal")
    )
    values = [_of(alerts, name) for name in _ALERT_COLUMNS]
    new_alert = (
        insert(alerts)
        .from_select([*_ALERT_COLUMNS, "signal_id"], select(*values, new_signal.c.id))
        .returning(alerts.c.id, alerts.c.signal_id)
        .cte("new_alert")
    )
    return select(new_alert.c.id.label("alert_id"), new_signal.c.id, new_signal.c.seq).join(
        new_signal, new_signal.c.id == new_alert.c.signal_id
    )


def _of(table: Table, name: str) -> Any:
    """A parameter for this column; in a select list nothing else would give it a type."""
    kind = table.c[name].type
    return cast(bindparam(f"{table.name}_{name}", type_=kind), kind)


_SIGNAL_COLUMNS: Final = (
    "user_id", "strategy_id", "dedupe_key", "status", "code", "content", "received_at",
)  # fmt: skip
_ALERT_COLUMNS: Final = (
    "user_id", "strategy_id", "received_at", "address", "content_type", "body", "body_bytes",
    "body_hash", "verdict", "code",
)  # fmt: skip
_INSERT_SIGNAL: Final = _insert_signal()


async def insert_signal(
    connection: AsyncConnection, signal: dict[str, Any], alert: dict[str, Any]
) -> Stored:
    """The next signal of the strategy and the delivery that brought it, in one round trip."""
    values = {f"signals_{name}": value for name, value in signal.items()}
    values |= {f"alerts_{name}": value for name, value in alert.items()}
    row = (await connection.execute(_INSERT_SIGNAL, values)).one()
    return Stored(row.alert_id, row.id, row.seq)


async def insert_alert(connection: AsyncConnection, alert: dict[str, Any]) -> AlertId:
    """A delivery that brought no signal of its own."""
    statement = insert(alerts).values(**alert).returning(alerts.c.id)
    return AlertId((await connection.execute(statement)).scalar_one())


async def insert_ownerless(connection: AsyncConnection, alert: dict[str, Any]) -> None:
    """For admins. Row security lets us write it and not read it back, so it has no id here."""
    await connection.execute(insert(alerts).values(**alert).inline())


@dataclass(frozen=True, slots=True)
class Answered:
    """The last byte of an answer was handed over to a client that was there to take it."""

    user_id: UserId
    alert_id: AlertId
    status: int


async def note_answers(engine: AsyncEngine, answered: Sequence[Answered]) -> None:
    """For deliveries of one user."""
    statement = (
        update(alerts)
        .where(alerts.c.id == bindparam("alert_id"))
        .values(answered_status=bindparam("status"), answered_at=func.clock_timestamp())
    )
    rows = [{"alert_id": one.alert_id, "status": one.status} for one in answered]
    async with unit_of_work(engine, answered[0].user_id) as connection:
        await connection.execute(statement, rows)
