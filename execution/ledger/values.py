"""Accounts at risk without a price, and what the broker says they are worth."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.standings import load_scopes
from shared.domain.ids import AccountId, ConnectionId, StrategyId
from shared.domain.risk.facts import PRICE_FRESH
from shared.domain.risk.said import ASK_AFTER, ASK_EVERY
from shared.domain.risk.scope import ScopeKind
from shared.ports.ledger import Unpriced

_UNPRICED: Final = text("""
    SELECT a.id AS account_id, a.connection_id, a.broker_account_id, p.strategy_id,
      clock_timestamp() AS asked_at
    FROM accounts a
    JOIN positions p ON p.account_id = a.id AND p.net_qty <> 0 AND p.updated_at < :settled
    LEFT JOIN risk_prices k ON k.connection_id = a.connection_id AND k.contract = p.contract
      AND k.seen_at > :fresh
    LEFT JOIN risk_values v ON v.account_id = a.id AND v.asked_at > :asked
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[]))
      AND k.contract IS NULL AND v.account_id IS NULL
    ORDER BY a.id, p.strategy_id
""")
_KEEP: Final = text("""
    INSERT INTO risk_values AS v (account_id, user_id, open_usd, asked_at)
    SELECT id, user_id, :open_usd, :asked_at FROM accounts WHERE id = :account
    ON CONFLICT (account_id) DO UPDATE SET open_usd = excluded.open_usd,
      asked_at = excluded.asked_at
    WHERE v.asked_at < excluded.asked_at
""")


async def unpriced(
    connection: AsyncConnection, connections: list[int], now: datetime
) -> list[Unpriced]:
    parameters = {
        "connections": connections,
        "settled": now - ASK_AFTER,
        "fresh": now - PRICE_FRESH,
        "asked": now - ASK_EVERY,
    }
    rows = (await connection.execute(_UNPRICED, parameters)).all()
    if not rows:
        return []
    accounts = sorted({AccountId(row.account_id) for row in rows})
    strategies = sorted({StrategyId(row.strategy_id) for row in rows if row.strategy_id})
    scopes = await load_scopes(connection, accounts, strategies)
    limited = {(scope.kind, scope.id) for scope in scopes}
    found = {
        row.account_id: row
        for row in rows
        if (ScopeKind.ACCOUNT, row.account_id) in limited
        or (ScopeKind.STRATEGY, row.strategy_id) in limited
    }
    return [
        Unpriced(
            ConnectionId(row.connection_id), AccountId(account), row.broker_account_id, row.asked_at
        )
        for account, row in found.items()
    ]


async def keep(connection: AsyncConnection, found: Unpriced, open_usd: Decimal) -> None:
    parameters = {"account": found.account_id, "open_usd": open_usd, "asked_at": found.asked_at}
    await connection.execute(_KEEP, parameters)
