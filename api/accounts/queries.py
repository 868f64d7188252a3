"""Reading accounts."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.accounts.schemas import AccountOut
from shared.db.tables.accounts import account_balances, accounts, broker_connections
from shared.db.tables.trading import risk_state
from shared.domain.errors import NotFound
from shared.domain.rules import AccountRules

_ACCOUNTS_MAX: Final = 1_000


async def show(connection: AsyncConnection, account_id: int) -> AccountOut:
    """Raises NotFound `account.unknown`."""
    found = await list_accounts(connection, accounts.c.id == account_id)
    if not found:
        raise NotFound("account.unknown", "There is no such account.")
    return found[0]


async def under_one_login(connection: AsyncConnection, account_id: int) -> list[AccountOut]:
    """Every account of the login that this one belongs to. Raises NotFound `account.unknown`."""
    account = await show(connection, account_id)
    return await list_accounts(connection, accounts.c.connection_id == account.connection_id)


async def list_accounts(
    connection: AsyncConnection, *where: ColumnElement[bool]
) -> list[AccountOut]:
    query = (
        select(
            accounts,
            broker_connections.c.name.label("connection_name"),
            broker_connections.c.environment,
            (accounts.c.live_enabled_home == func.tm_database_home()).label("live_enabled"),
            account_balances.c.cash_usd,
            account_balances.c.realized_pnl_usd,
            account_balances.c.trade_date,
            account_balances.c.as_of,
            risk_state.c.quarantine_code,
        )
        .join(broker_connections, broker_connections.c.id == accounts.c.connection_id)
        .outerjoin(account_balances, account_balances.c.account_id == accounts.c.id)
        .outerjoin(risk_state, risk_state.c.account_id == accounts.c.id)
        .where(broker_connections.c.deleted_at.is_(None), *where)
        .order_by(accounts.c.connection_id, accounts.c.id)
        .limit(_ACCOUNTS_MAX)
    )
    return [_out(row) for row in await connection.execute(query)]


def _out(row: Row[Any]) -> AccountOut:
    return AccountOut(
        name=row.name,
        accntID=str(row.broker_account_id),
        main=str(row.connection_id),
        maxcons=row.max_contracts,
        customTicker=row.custom_ticker or "",
        mult=row.multiplier,
        enabled=row.enabled,
        id=row.id,
        connection_id=row.connection_id,
        connection_name=row.connection_name,
        environment=row.environment,
        live_enabled=bool(row.live_enabled) if row.environment == "live" else None,
        netting=row.netting,
        multiplier=row.multiplier,
        balance=row.cash_usd,
        realized_pnl=row.realized_pnl_usd,
        balance_date=row.trade_date,
        balance_at=row.as_of,
        quarantine_code=row.quarantine_code,
        rules=AccountRules.model_validate(row.rules),
    )
