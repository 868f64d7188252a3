"""The logins this process drives: how to sign in, which accounts, and the sealed token."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.accounts import ConnectionChanged
from shared.contracts.envelope import Envelope
from shared.db.outbox import add
from shared.domain.ids import ConnectionId, UserId, event_id
from shared.domain.login_health import SENTENCES, condition_of, says_nothing_new
from shared.ports.broker import ContractInfo, LoginHealth
from shared.ports.ledger import LoginRow

_LOGIN: Final = text("""
    SELECT c.id, c.user_id, c.broker, c.environment, c.login_name, c.password_sealed, c.client_id,
      c.client_secret_sealed, c.device_id, s.token_sealed, s.rests_until
    FROM broker_connections c LEFT JOIN broker_sessions s ON s.connection_id = c.id
    WHERE c.id = :connection
""")
_SAVE_TOKEN: Final = text("""
    INSERT INTO broker_sessions (connection_id, user_id, token_sealed, token_expires_at)
    VALUES (:connection, :user, :token, :expires_at)
    ON CONFLICT (connection_id) DO UPDATE SET token_sealed = excluded.token_sealed,
      token_expires_at = excluded.token_expires_at, updated_at = now()
""")
_STATE: Final = text("""
    SELECT state, reason FROM broker_sessions WHERE connection_id = :connection FOR UPDATE
""")
_SAVE_STATE: Final = text("""
    INSERT INTO broker_sessions AS s
      (connection_id, user_id, state, reason, condition, message, since, next_attempt_at)
    VALUES (:connection, :user, :state, :reason, :condition, :message, :since, :next_attempt_at)
    ON CONFLICT (connection_id) DO UPDATE SET updated_at = now(),
      since = CASE WHEN (s.state, s.reason) IS NOT DISTINCT FROM (excluded.state, excluded.reason)
                   THEN coalesce(s.since, excluded.since) ELSE excluded.since END,
      state = excluded.state, reason = excluded.reason, condition = excluded.condition,
      message = excluded.message, next_attempt_at = excluded.next_attempt_at
""")
_SAVE_CONTRACT: Final = text("""
    INSERT INTO contracts AS k
      (environment, name, broker_contract_id, root, tick_size, point_value_usd)
    VALUES (:environment, :name, :contract_id, :root, :tick_size, :point_value_usd)
    ON CONFLICT (environment, name) DO UPDATE SET updated_at = now(),
      broker_contract_id = excluded.broker_contract_id, tick_size = excluded.tick_size,
      point_value_usd = excluded.point_value_usd
""")
_WANTED: Final = text("""
    SELECT DISTINCT i.contract FROM intents i JOIN accounts a ON a.id = i.account_id
    WHERE a.connection_id = :connection AND i.ended_at IS NULL
    UNION
    SELECT p.contract FROM positions p JOIN accounts a ON a.id = p.account_id
    WHERE a.connection_id = :connection AND p.net_qty <> 0
""")
_SYMBOLS: Final = text("""
    SELECT DISTINCT coalesce(sa.custom_ticker, a.custom_ticker, s.symbol) AS symbol
    FROM strategy_accounts sa
    JOIN accounts a ON a.id = sa.account_id
    JOIN strategies s ON s.id = sa.strategy_id
    WHERE a.connection_id = :connection AND s.deleted_at IS NULL AND s.active AND sa.enabled
""")


async def load(connection: AsyncConnection, login: ConnectionId) -> LoginRow:
    row = (await connection.execute(_LOGIN, {"connection": login})).one()
    return LoginRow(login, UserId(row.user_id), *tuple(row)[2:])


async def save_token(
    connection: AsyncConnection, login: LoginRow, token_sealed: bytes, expires_at: datetime
) -> None:
    await connection.execute(
        _SAVE_TOKEN,
        {
            "connection": login.connection_id,
            "user": login.user_id,
            "token": token_sealed,
            "expires_at": expires_at,
        },
    )


async def save_state(
    connection: AsyncConnection, login: LoginRow, health: LoginHealth, now: datetime
) -> list[Envelope]:
    """Write how the login is doing, and say so when state or reason changed.

    `since` outlives the process: the same trouble after a restart began when it began.
    """
    state, reason = health.state.value, health.code
    known = (await connection.execute(_STATE, {"connection": login.connection_id})).first()
    if known is not None and says_nothing_new(known.state, state, reason):
        return []
    condition = condition_of(state, reason)
    parameters = {
        "connection": login.connection_id,
        "user": login.user_id,
        "state": state,
        "reason": reason,
        "condition": condition.value,
        "message": SENTENCES[condition],
        "since": health.since,
        "next_attempt_at": health.next_attempt_at,
    }
    await connection.execute(_SAVE_STATE, parameters)
    if known is not None and (known.state, known.reason) == (state, reason):
        return []
    added = await add(
        connection,
        ConnectionChanged(connection_id=login.connection_id, state=state, reason=reason),
        event_id=event_id(ConnectionChanged.type, f"{login.connection_id}:{now.isoformat()}"),
        correlation_id=f"connection:{login.connection_id}",
        user_id=login.user_id,
        aggregate=f"connection:{login.connection_id}",
        occurred_at=now,
    )
    return [added.envelope]


async def save_contract(
    connection: AsyncConnection, environment: str, contract: ContractInfo
) -> None:
    await connection.execute(
        _SAVE_CONTRACT,
        {
            "environment": environment,
            "name": contract.name,
            "contract_id": contract.contract_id,
            "root": contract.root,
            "tick_size": contract.tick_size,
            "point_value_usd": contract.point_value_usd,
        },
    )


async def wanted_contracts(connection: AsyncConnection, login: ConnectionId) -> set[str]:
    """Contracts held or worked in an account of the login."""
    rows = await connection.execute(_WANTED, {"connection": login})
    return {row.contract for row in rows}


async def traded_symbols(connection: AsyncConnection, login: ConnectionId) -> set[str]:
    """Symbols, as their owners wrote them, that active strategies may trade in the login."""
    rows = await connection.execute(_SYMBOLS, {"connection": login})
    return {row.symbol for row in rows if row.symbol is not None}
