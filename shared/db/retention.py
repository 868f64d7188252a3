"""What is kept for a time and no longer: old audit rows, and the ledger of those who have left.

The audit log loses its oldest rows only: the row behind them carries the hash of the last one
that went, and a row of the log itself says so (`audit.pruned`), so that the chain begins there.
The ledger goes a bounded number of rows at a time; killed at any instant, the next run goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Table, delete, exists, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.db import audit, audit_chain
from shared.db.tables import metadata
from shared.db.tables.audit import audit_log
from shared.db.tables.people import invites, users
from shared.db.uow import read_only, unit_of_work
from shared.domain.audit_chain import Broken, Head

DELETED_AT_ONCE_MAX: Final = 5_000
# Rows that triggers write while others go are gone after the next pass.
_PASSES_MAX: Final = 5
# Nobody links while rows go.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(9, 0)")
_OPERATOR: Final = "operator"


@dataclass(frozen=True, slots=True)
class Pruned:
    """`rows` that went; the chain begins behind `anchor`."""

    rows: int
    anchor: Head


async def prune_audit(engine: AsyncEngine, before: datetime) -> Pruned | Broken:
    """Take the rows before the first one that is not older than `before`; the newest stays.

    A chain that does not hold is left as it is, with everything that shows why.
    """
    c = audit_log.c
    async with unit_of_work(engine) as connection:
        await connection.execute(_LOCK)
        end = await audit_chain.check(connection)
        if isinstance(end, Broken):
            return end
        first_kept = func.coalesce(func.min(c.chain_seq).filter(c.created_at >= before), end.seq)
        kept = (await connection.execute(select(first_kept))).scalar_one()
        last = select(c.chain_seq, c.hash).where(c.chain_seq == kept - 1)
        row = (await connection.execute(last)).first()
        if row is None:  # nothing is as old
            return Pruned(0, await audit_chain.anchor(connection))
        gone = await connection.execute(delete(audit_log).where(c.chain_seq < kept))
        told = {"through": row.chain_seq, "hash": bytes(row.hash).hex(), "rows": gone.rowcount}
        await audit.note(connection, None, _OPERATOR, audit_chain.PRUNED, told)
        return Pruned(gone.rowcount, Head(row.chain_seq, bytes(row.hash)))


async def left_before(engine: AsyncEngine, before: datetime) -> list[int]:
    """Users who left before then."""
    query = select(users.c.id).where(users.c.deleted_at < before).order_by(users.c.id)
    async with read_only(engine) as connection:
        return [*(await connection.execute(query)).scalars()]


async def purge(engine: AsyncEngine, user_id: int) -> int:
    """Everything of somebody who left; returns how many rows went.

    The number itself goes with the last audit row that names it.
    """
    rows = 0
    for _ in range(_PASSES_MAX):
        went = sum([await _empty(engine, table, user_id) for table in _tables()])
        rows += went
        if not went:
            break
    async with unit_of_work(engine) as connection:
        rows += await _forget_number(connection, user_id)
        if rows:
            told = {"user": user_id, "rows": rows}
            await audit.note(connection, None, _OPERATOR, "user.purged", told)
    return rows


def _tables() -> list[Table]:
    """Whoever points comes before what it points at."""
    return [
        table
        for table in reversed(metadata.sorted_tables)
        if "user_id" in table.c and table is not audit_log
    ]


async def _empty(engine: AsyncEngine, table: Table, user_id: int) -> int:
    some = text(
        f"DELETE FROM {table.name} WHERE ctid = ANY (ARRAY("  # noqa: S608 - a table of ours
        f"SELECT ctid FROM {table.name} WHERE user_id = :user LIMIT :rows_max))"
    )
    rows = 0
    while True:
        async with unit_of_work(engine) as connection:
            parameters = {"user": user_id, "rows_max": DELETED_AT_ONCE_MAX}
            went = (await connection.execute(some, parameters)).rowcount
        rows += went
        if went < DELETED_AT_ONCE_MAX:
            return rows


async def _forget_number(connection: AsyncConnection, user_id: int) -> int:
    invited = update(invites).where(invites.c.used_by == user_id)
    await connection.execute(invited.values(used_by=None))
    named = exists().where(audit_log.c.user_id == user_id)
    gone = delete(users).where(users.c.id == user_id, users.c.deleted_at.is_not(None), ~named)
    return (await connection.execute(gone)).rowcount
