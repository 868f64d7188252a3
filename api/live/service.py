"""A live account trades only after its owner said so, in this database.

Said with the password and, where there is one, the second factor.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api import edits
from api.live.schemas import EnableIn, LiveOut
from api.resources import Resources
from api.security.sessions import SignedIn
from api.users.service import prove
from api.wire import invalid
from shared.db import audit
from shared.db.tables.accounts import accounts, broker_connections
from shared.db.uow import read_only, unit_of_work
from shared.domain.errors import Conflict, NotFound

_LIVE: Final = "live"


async def enable(
    resources: Resources, user: SignedIn, account_id: int, body: EnableIn, address: str
) -> LiveOut:
    """Raises NotFound, Conflict `account.not_live`, InvalidInput `account.name_differs`.

    Also what `prove` raises: password and, where there is one, second factor.
    """
    async with read_only(resources.engine, user.user_id) as connection:
        row = await _live_account(connection, account_id)
    if body.account_name != row.name:
        raise invalid("account.name_differs", "This is not the account's name.", "account_name")
    await prove(resources, user, body, address)
    async with unit_of_work(resources.engine, user.user_id) as connection:
        await _live_account(connection, account_id)  # it may have gone while we hashed
        at = await _set(connection, account_id, enabled=True)
        await _note(connection, user, "account.enable_live", row)
        told = await edits.account(connection, user, account_id, {"live_enabled"})
    resources.bell.offer([told])
    return LiveOut(
        message="Enabled: strategies may trade real money in this account now.",
        id=account_id,
        live_enabled=True,
        live_enabled_at=at,
    )


async def disable(connection: AsyncConnection, user: SignedIn, account_id: int) -> LiveOut:
    """Stopping is easy: no password. Exits go on. Raises NotFound and `account.not_live`."""
    row = await _live_account(connection, account_id)
    await _set(connection, account_id, enabled=False)
    await _note(connection, user, "account.disable_live", row)
    return LiveOut(
        message="Disabled: entries are refused; exits, stops and targets go on.",
        id=account_id,
        live_enabled=False,
        live_enabled_at=None,
    )


async def _live_account(connection: AsyncConnection, account_id: int) -> Any:
    query = (
        select(accounts.c.id, accounts.c.name, broker_connections.c.environment)
        .join(broker_connections, broker_connections.c.id == accounts.c.connection_id)
        .where(accounts.c.id == account_id)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound("account.unknown", "There is no such account.")
    if row.environment != _LIVE:
        raise Conflict("account.not_live", "This account trades no real money: nothing to enable.")
    return row


async def _set(connection: AsyncConnection, account_id: int, *, enabled: bool) -> Any:
    at = func.now() if enabled else None
    home = func.tm_database_home() if enabled else None
    statement = (
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(live_enabled_at=at, live_enabled_home=home, updated_at=func.now())
        .returning(accounts.c.live_enabled_at)
    )
    return (await connection.execute(statement)).scalar_one()


async def _note(connection: AsyncConnection, user: SignedIn, action: str, row: Any) -> None:
    told = {"account_id": row.id, "account_name": row.name}
    await audit.note(connection, user.user_id, user.username, action, told)
