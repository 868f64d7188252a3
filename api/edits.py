"""What follows an edit, in its transaction: a row in the audit log, an event for open screens.

The bell is rung after the commit (`deps.Bells`), so a screen shows the change within a second also
when this process dies in between: then the relay of another finds the event.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.security.sessions import SignedIn
from api.wire import plain
from shared.contracts.envelope import Envelope
from shared.contracts.registry import EventBody
from shared.contracts.settings import AccountEdited, StrategyEdited
from shared.db import audit
from shared.db.outbox import add
from shared.db.tables.accounts import accounts
from shared.db.tables.strategies import strategies
from shared.domain.ids import event_id


async def account(
    connection: AsyncConnection, user: SignedIn, account_id: int, changed: Iterable[str]
) -> Envelope:
    """`account_id` is one of the user's. Whoever calls writes the audit row where it says more."""
    row = await _stamped(connection, accounts, account_id)
    here = await connection.scalar(func.tm_database_home())
    body = AccountEdited(
        account_id=row.id,
        name=row.name,
        enabled=row.enabled,
        live_enabled=row.live_enabled_home is not None and row.live_enabled_home == here,
        multiplier=plain(row.multiplier),
        max_contracts=row.max_contracts,
        custom_ticker=row.custom_ticker,
        changed=sorted(changed),
        by=user.username,
        at=row.updated_at,
    )
    return await _tell(connection, user, body, f"account:{row.id}", row.updated_at)


async def account_changed(
    connection: AsyncConnection, user: SignedIn, account_id: int, changed: Iterable[str]
) -> Envelope:
    """As `account`, with its audit row."""
    told = await account(connection, user, account_id, changed)
    detail = {name: told.body[name] for name in _NOTED} | {"account_id": account_id}
    await audit.note(connection, user.user_id, user.username, "account.changed", detail)
    return told


async def strategy(
    connection: AsyncConnection,
    user: SignedIn,
    strategy_id: int,
    verb: str,
    changed: Iterable[str] = (),
) -> Envelope:
    """`verb` is what was done: created, changed, deleted, recording_on, recording_off."""
    row = await _stamped(connection, strategies, strategy_id)
    body = StrategyEdited(
        strategy_id=row.id,
        name=row.name,
        active=row.active,
        recording_enabled=row.recording_enabled,
        deleted=row.deleted_at is not None,
        changed=sorted(changed),
        by=user.username,
        at=row.updated_at,
    )
    detail = {"strategy_id": row.id, "name": row.name, "changed": body.changed}
    await audit.note(connection, user.user_id, user.username, f"strategy.{verb}", detail)
    return await _tell(connection, user, body, f"strategy:{row.id}", row.updated_at)


_NOTED = ("enabled", "multiplier", "max_contracts", "custom_ticker", "changed")


async def _stamped(connection: AsyncConnection, table: Table, row_id: int) -> Row[Any]:
    """By the wall clock and under the row's lock: of two edits the later has the later stamp."""
    statement = update(table).where(table.c.id == row_id)
    stamped = statement.values(updated_at=func.clock_timestamp()).returning(table)
    row: Row[Any] = (await connection.execute(stamped)).one()
    return row


async def _tell(
    connection: AsyncConnection, user: SignedIn, body: EventBody, aggregate: str, at: datetime
) -> Envelope:
    added = await add(
        connection,
        body,
        event_id=event_id(body.type, f"{aggregate}:{at.isoformat()}"),
        correlation_id=aggregate,
        user_id=user.user_id,
        aggregate=aggregate,
        occurred_at=at,
    )
    return added.envelope
