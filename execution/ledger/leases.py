"""Which process drives which login: rows with an epoch, judged by the database's clock.

A lease is a fence because the claim of every order reads it in the claim's own transaction. A
process that slept through its lease finds another epoch there and sends nothing.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.domain.ids import ConnectionId, UserId
from shared.ports.ledger import LEASE_S, Lease

_RENEW: Final = text(f"""
    UPDATE leases SET expires_at = clock_timestamp() + interval '{LEASE_S} seconds'
    WHERE holder = :holder AND expires_at > clock_timestamp()
""")
_TAKE: Final = text(f"""
    INSERT INTO leases (connection_id, user_id, holder, epoch, expires_at)
    SELECT c.id, c.user_id, :holder, 1, clock_timestamp() + interval '{LEASE_S} seconds'
    FROM broker_connections c
    WHERE c.enabled AND NOT EXISTS (
      SELECT 1 FROM leases l WHERE l.connection_id = c.id AND l.expires_at > clock_timestamp())
    ORDER BY c.id
    ON CONFLICT (connection_id) DO UPDATE
      SET holder = excluded.holder, epoch = leases.epoch + 1, expires_at = excluded.expires_at
      WHERE leases.expires_at <= clock_timestamp()
""")
_MINE: Final = text("""
    SELECT l.connection_id, l.user_id, l.epoch FROM leases l
    JOIN broker_connections c ON c.id = l.connection_id
    WHERE l.holder = :holder AND l.expires_at > clock_timestamp() AND c.enabled
    ORDER BY l.connection_id
""")
_RELEASE: Final = text("""
    UPDATE leases SET expires_at = clock_timestamp()
    WHERE holder = :holder AND expires_at > clock_timestamp()
""")


async def renew(connection: AsyncConnection, holder: str) -> list[Lease]:
    """Renew mine, take what is free, and say what is mine now."""
    await connection.execute(_RENEW, {"holder": holder})
    await connection.execute(_TAKE, {"holder": holder})
    rows = await connection.execute(_MINE, {"holder": holder})
    return [Lease(ConnectionId(row.connection_id), UserId(row.user_id), row.epoch) for row in rows]


async def release(connection: AsyncConnection, holder: str) -> None:
    """Let others take over at once; without this they wait until the lease runs out."""
    await connection.execute(_RELEASE, {"holder": holder})
