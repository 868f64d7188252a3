"""A new webhook key for a strategy; the one before it goes on for a while, or ends at once."""

from __future__ import annotations

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api import edits
from api.resources import Resources
from api.security.sessions import SignedIn
from api.strategies import service
from api.strategies.schemas import RotateIn, SavedOut
from api.users.service import prove
from shared.contracts.envelope import Envelope
from shared.db.tables.strategies import strategies
from shared.db.uow import read_only, unit_of_work
from shared.domain.webhook_key import key_hash, webhook_key


async def rotate(
    resources: Resources, user: SignedIn, strategy_id: int, body: RotateIn, address: str
) -> SavedOut:
    """Raises NotFound, and what `prove` raises.

    A leaked key is worth nothing from the commit on unless `keep_previous` says otherwise; of two
    rotations in a row the first key is worth nothing in any case.
    """
    async with read_only(resources.engine, user.user_id) as connection:
        await service.require(connection, strategy_id)
    await prove(resources, user, body, address)
    async with unit_of_work(resources.engine, user.user_id) as connection:
        row = await service.locked(connection, strategy_id)
        version = row.key_version + 1
        key = webhook_key(resources.settings.secret, strategy_id, version)
        values = {
            "key_version": version,
            "webhook_key_hash": key_hash(key),
            "webhook_prev_hash": row.webhook_key_hash if body.keep_previous else None,
        }
        statement = update(strategies).where(strategies.c.id == strategy_id)
        await connection.execute(statement.values(**values, updated_at=func.now()))
        told = await edits.strategy(connection, user, strategy_id, "key_rotated", {"webhook_key"})
    resources.bell.offer([told])
    return SavedOut(message="This is the key from now on.", id=strategy_id, webhook_key=key)


async def end_previous(connection: AsyncConnection, user: SignedIn, strategy_id: int) -> Envelope:
    """Twice is as good as once. Raises NotFound."""
    await service.locked(connection, strategy_id)
    statement = update(strategies).where(strategies.c.id == strategy_id)
    await connection.execute(statement.values(webhook_prev_hash=None))
    return await edits.strategy(connection, user, strategy_id, "key_ended", {"webhook_key"})
