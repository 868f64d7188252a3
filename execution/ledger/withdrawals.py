"""Entries that an alert takes back: those not sent end at once, the others are cancelled.

The mark stands on the intent until it has ended, so a crash forgets none and an entry that comes
back unsent does not leave after all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from execution.ledger.endings import Ending, end_intents
from execution.ledger.journal import Journal
from shared.domain.claim import TAKEN_BACK, End
from shared.domain.ids import AccountId, ConnectionId, IntentId
from shared.ports.ledger import Cancel

_MARK: Final = text("""
    UPDATE intents SET code = :code WHERE id = ANY (CAST(:ids AS uuid[])) AND ended_at IS NULL
    RETURNING id, state, account_seq
""")
_AT_BROKER: Final = text("""
    SELECT a.connection_id, i.broker_order_id FROM intents i JOIN accounts a ON a.id = i.account_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND i.ended_at IS NULL
      AND i.code = :code AND i.state IN ('ACCEPTED', 'WORKING') AND i.broker_order_id IS NOT NULL
    ORDER BY i.account_id, i.account_seq
""")
_UNSENT: Final = text("""
    SELECT i.id, i.account_id FROM intents i JOIN accounts a ON a.id = i.account_id
    WHERE a.connection_id = ANY (CAST(:connections AS bigint[])) AND i.ended_at IS NULL
      AND i.code = :code AND i.state = 'PENDING'
    ORDER BY i.account_id
    FOR UPDATE OF i SKIP LOCKED
""")
_CODE: Final = {"code": TAKEN_BACK.code}


async def withdraw(journal: Journal, entries: Sequence[IntentId]) -> None:
    """Mark these entries, and end those that have not been sent."""
    marked = await journal.connection.execute(_MARK, {"ids": list(entries), **_CODE})
    unsent = sorted((row.account_seq, row.id) for row in marked if row.state == "PENDING")
    end = TAKEN_BACK
    await end_intents(
        journal, [Ending(IntentId(key), end.state, end.code, end.message) for _, key in unsent]
    )


async def cancels(connection: AsyncConnection, connections: list[int]) -> list[Cancel]:
    """Entries taken back that are still at the broker."""
    rows = await connection.execute(_AT_BROKER, {"connections": connections, **_CODE})
    return [Cancel(ConnectionId(row.connection_id), row.broker_order_id) for row in rows]


async def unsent(
    connection: AsyncConnection, connections: list[int]
) -> dict[IntentId, tuple[AccountId, End]]:
    """Entries taken back on their way that turned out not to have left."""
    rows = await connection.execute(_UNSENT, {"connections": connections, **_CODE})
    return {IntentId(row.id): (AccountId(row.account_id), TAKEN_BACK) for row in rows}
