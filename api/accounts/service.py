"""Changing accounts: their rules, and whether they trade."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api import open_risk
from api.accounts.schemas import AccountIn, ChangedOut
from api.security.sessions import SignedIn
from api.strategies.settings import checked_symbol, merged, valid
from shared.db.tables.accounts import accounts, broker_connections
from shared.domain.errors import NotFound
from shared.domain.rules import AccountRules

_SIZES: Final = ("multiplier", "max_contracts", "custom_ticker")
_NEUTRAL: Final = {"multiplier": Decimal(1), "max_contracts": 0, "custom_ticker": None}


async def change(
    connection: AsyncConnection, user: SignedIn, account_id: int, body: AccountIn, today: date
) -> ChangedOut:
    """Raises NotFound `account.unknown`, InvalidInput, and Conflict `account.open_position`."""
    goes_off = "enabled" in body.model_fields_set and not body.enabled
    if goes_off:
        await open_risk.hold_decisions(connection, "account_id", account_id)
    connected = select(broker_connections.c.id).where(broker_connections.c.deleted_at.is_(None))
    query = (
        select(accounts)
        .where(accounts.c.id == account_id, accounts.c.connection_id.in_(connected))
        .with_for_update()
    )
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
    values = _sizes(row, body, today) | {"rules": rules.stored(), "enabled": enabled}
    statement = update(accounts).where(accounts.c.id == account_id)
    await connection.execute(statement.values({**values, "updated_at": func.now()}))
    return ChangedOut(
        message="Account updated.",
        id=account_id,
        rules=rules,
        enabled=enabled,
        multiplier=values["multiplier"],
        max_contracts=values["max_contracts"],
        custom_ticker=values["custom_ticker"] or "",
        command_id=closing,
    )


def _sizes(row: Row[Any], body: AccountIn, today: date) -> dict[str, Any]:
    """What scales and limits orders: as named, else as it was. Raises InvalidInput."""
    values = {name: getattr(row, name) for name in _SIZES}
    for name in _SIZES:
        if name in body.model_fields_set:
            given = getattr(body, name)
            values[name] = _NEUTRAL[name] if given is None else given
    ticker = values["custom_ticker"]
    if "custom_ticker" in body.model_fields_set:
        values["custom_ticker"] = checked_symbol(ticker, today, "custom_ticker")
    return values
