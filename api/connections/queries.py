"""Reading broker logins."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.connections.schemas import ConnectionOut
from shared.db.tables.accounts import accounts, broker_connections
from shared.db.tables.trading import broker_sessions
from shared.domain.login_health import SENTENCES, Condition

_OFFLINE: Final = "offline"
_CONNECTIONS_MAX: Final = 200
_COLUMNS: Final = ("state", "condition", "reason", "message", "since", "next_attempt_at")


async def list_connections(connection: AsyncConnection) -> list[ConnectionOut]:
    c, s = broker_connections.c, broker_sessions.c
    under = select(func.count()).where(accounts.c.connection_id == c.id).scalar_subquery()
    query = (
        select(
            broker_connections,
            *(s[name].label(name) for name in _COLUMNS),
            s.token_expires_at,
            under.label("accounts"),
        )
        .outerjoin(broker_sessions, s.connection_id == c.id)
        .where(c.deleted_at.is_(None))
        .order_by(c.id)
        .limit(_CONNECTIONS_MAX)
    )
    return [_out(row) for row in await connection.execute(query)]


def _out(row: Row[Any]) -> ConnectionOut:
    """Of a secret only whether there is one."""
    return ConnectionOut(
        id=row.id,
        name=row.name,
        broker=row.broker,
        environment=row.environment,
        auth_type=row.auth_type,
        login_name=row.login_name,
        client_id=row.client_id,
        has_password=row.password_sealed is not None,
        has_client_secret=row.client_secret_sealed is not None,
        enabled=row.enabled,
        state=row.state or _OFFLINE,
        condition=row.condition or _OFFLINE,
        reason=row.reason,
        status=row.message or SENTENCES[Condition.OFFLINE],
        since=row.since,
        next_attempt_at=row.next_attempt_at,
        token_expires_at=row.token_expires_at,
        accounts=row.accounts,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
