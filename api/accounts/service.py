"""Changing accounts: their rules, and whether they trade."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api import open_risk
from api.accounts.schemas import AccountIn, ChangedOut
from api.security.sessions import SignedIn
from api.strategies.settings import merged, valid
from shared.db.tables.accounts import accounts
from shared.domain.errors import NotFound
from shared.domain.rules import AccountRules


async def change(
    connection: AsyncConnection, user: SignedIn, account_id: int, body: AccountIn
) -> ChangedOut:
    """Raises NotFound `account.unknown`, InvalidInput, and Conflict `account.open_position`."""
    goes_off = "enabled" in body.model_fields_set and not body.enabled
    if goes_off:
        await open_risk.hold_decisions(connection, "account_id", account_id)
    query = select(accounts).where(accounts.c.id == account_id).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound("account.unknown", "There is no such account.")
    closing = None
    if goes_off and row.enabled:
        closing = await open_risk.settle(
            connection, user, "account_id", account_id, body.on_open, may_keep=False
        )
    named = body.rules.model_dump(mode="json", exclude_unset=True) if body.rules else {}
    rules = valid(AccountRules, merged(row.rules, named))
    enabled = body.enabled if "enabled" in body.model_fields_set else row.enabled
    statement = update(accounts).where(accounts.c.id == account_id)
    await connection.execute(
        statement.values(rules=rules.stored(), enabled=enabled, updated_at=func.now())
    )
    return ChangedOut(
        message="Account updated.",
        id=account_id,
        rules=rules,
        enabled=enabled,
        command_id=closing,
    )
