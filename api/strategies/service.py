"""Writing strategies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.resources import Resources
from api.security.sessions import SignedIn
from api.strategies import links, versions
from api.strategies.schemas import CreateIn, SavedOut, UpdateIn
from api.strategies.settings import columns_of, rules_of
from shared.db.tables.strategies import strategies
from shared.domain.errors import Conflict, NotFound
from shared.domain.rules import FREE_STRATEGY, StrategyRules
from shared.domain.webhook_key import key_hash, webhook_key

_FIRST_KEY: Final = 1
_NAME_INDEX: Final = "uq_strategies_name"
_HASH_BYTES: Final = 32


async def create(
    connection: AsyncConnection, resources: Resources, user: SignedIn, body: CreateIn
) -> SavedOut:
    """Raises Conflict `strategy.name_taken`, and what settings and accounts are refused with."""
    today = resources.clock.now().date()
    columns = columns_of(body, today)
    rules = rules_of(body, FREE_STRATEGY, None, await names_of(connection))
    columns["rules"] = rules.stored()
    wanted = await links.resolve(connection, body.accounts or [], today)
    # The key is derived from the row's id, so the row first gets a hash that no key has.
    columns |= {
        "user_id": user.user_id,
        "key_version": _FIRST_KEY,
        "webhook_key_hash": resources.random_bytes(_HASH_BYTES),
    }
    statement = insert(strategies).values(columns).returning(strategies.c.id)
    with _unique_names():
        strategy_id: int = (await connection.execute(statement)).scalar_one()
    key = webhook_key(resources.settings.secret, strategy_id, _FIRST_KEY)
    await connection.execute(
        update(strategies)
        .where(strategies.c.id == strategy_id)
        .values(webhook_key_hash=key_hash(key))
    )
    await links.replace(connection, user.user_id, strategy_id, wanted)
    await versions.keep(connection, strategy_id)
    return SavedOut(message="Strategy created.", id=strategy_id, webhook_key=key)


async def change(
    connection: AsyncConnection, resources: Resources, user: SignedIn, body: UpdateIn
) -> SavedOut:
    """Raises as `create` does, NotFound, and Conflict `strategy.account_in_use`."""
    today = resources.clock.now().date()
    row = await locked(connection, body.id)
    before = StrategyRules.model_validate(row.rules)
    rules = rules_of(body, before, body.id, await names_of(connection))
    columns = columns_of(body, today) | {"rules": rules.stored()}
    statement = update(strategies).where(strategies.c.id == body.id)
    with _unique_names():
        await connection.execute(statement.values(**columns, updated_at=func.now()))
    if body.accounts is not None:
        wanted = await links.resolve(connection, body.accounts, today)
        await links.replace(connection, user.user_id, body.id, wanted)
    await versions.keep(connection, body.id)
    key = webhook_key(resources.settings.secret, body.id, row.key_version)
    return SavedOut(message="Strategy updated.", id=body.id, webhook_key=key)


async def locked(connection: AsyncConnection, strategy_id: int) -> Row[Any]:
    """The strategy, and nobody else changes it before we commit. Raises NotFound."""
    query = select(strategies).where(
        strategies.c.id == strategy_id, strategies.c.deleted_at.is_(None)
    )
    row = (await connection.execute(query.with_for_update())).one_or_none()
    if row is None:
        raise unknown()
    return row


async def require(connection: AsyncConnection, strategy_id: int) -> None:
    """Raises NotFound."""
    query = select(strategies.c.id).where(
        strategies.c.id == strategy_id, strategies.c.deleted_at.is_(None)
    )
    if (await connection.execute(query)).one_or_none() is None:
        raise unknown()


async def names_of(connection: AsyncConnection) -> dict[int, str]:
    """Every strategy of the user that was not deleted: id -> name."""
    query = select(strategies.c.id, strategies.c.name).where(strategies.c.deleted_at.is_(None))
    return {row.id: row.name for row in await connection.execute(query)}


def unknown() -> NotFound:
    """The same for a strategy that never was and for another user's."""
    return NotFound("strategy.unknown", "There is no such strategy.")


@contextmanager
def _unique_names() -> Iterator[None]:
    """The index decides, so that two requests at the same moment cannot both win."""
    try:
        yield
    except IntegrityError as error:
        cause = getattr(error.orig, "__cause__", None)
        if getattr(cause, "constraint_name", None) != _NAME_INDEX:
            raise
        raise Conflict("strategy.name_taken", "Another strategy of yours has this name.") from error
