"""Every strategy of a user switched off at once: all of them, or none."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api import edits, open_risk
from api.security.sessions import SignedIn
from api.strategies import versions
from api.strategies.schemas import AllOffIn, AllOffOut
from shared.contracts.envelope import Envelope
from shared.db import audit
from shared.db.tables.strategies import strategies

# No signal of any of them is decided before we commit. In ascending id, before any row lock.
_HOLD: Final = text("""
    SELECT pg_advisory_xact_lock(7, CAST(id AS integer)) FROM (
      SELECT id FROM strategies WHERE active AND deleted_at IS NULL ORDER BY id
    ) AS on_now
""")


async def disable_all(
    connection: AsyncConnection, user: SignedIn, body: AllOffIn
) -> tuple[AllOffOut, list[Envelope]]:
    """What was done, and the bells to ring after the commit.

    Raises Conflict `strategy.open_position` while one of them has something open and the caller
    did not say what becomes of it; then none is switched off.
    """
    c = strategies.c
    await connection.execute(_HOLD)
    on_now = select(c.id).where(c.active, c.deleted_at.is_(None)).order_by(c.id)
    ids = [*(await connection.execute(on_now.with_for_update())).scalars()]
    asked = [
        await open_risk.settle(connection, user, "strategy_id", each, body.on_open, may_keep=True)
        for each in ids
    ]
    await connection.execute(
        update(strategies).where(c.id.in_(ids)).values(active=False, updated_at=func.now())
    )
    bells = []
    for each in ids:
        await versions.keep(connection, each)
        bells.append(await edits.strategy(connection, user, each, "changed", {"active"}))
    await audit.note(connection, user.user_id, user.username, "strategy.all_off", {"ids": ids})
    closing = [each for each in asked if each is not None]
    words = f"{len(ids)} strategies were switched off."
    return AllOffOut(message=words, ids=ids, command_ids=closing), bells
