"""Writing strategies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from api import open_risk
from api.open_risk import OnOpen
from api.resources import Resources
from api.security.sessions import SignedIn
from api.strategies import links, versions
from api.strategies.schemas import ChangeIn, CreateIn, DeletedOut, SavedOut
from api.strategies.settings import columns_of, require_no_circle, rules_of
from shared.db.tables.strategies import strategies
from shared.domain.errors import Conflict, NotFound
from shared.domain.names import name_key
from shared.domain.rules import FREE_STRATEGY, StrategyRules
from shared.domain.webhook_key import key_hash, webhook_key

_FIRST_KEY: Final = 1
_NAME_INDEX: Final = "uq_strategies_name"
_HASH_BYTES: Final = 32
# Changes of what follows what, one user's one after the other; read committed sees the last.
_FOLLOWING: Final = text("SELECT pg_advisory_xact_lock(10, CAST(:user AS integer))")


async def create(
    connection: AsyncConnection, resources: Resources, user: SignedIn, body: CreateIn
) -> SavedOut:
    """Raises Conflict `strategy.name_taken`, and what settings and accounts are refused with."""
    today = resources.clock.now().date()
    columns = columns_of(body, today)
    rules = rules_of(body, FREE_STRATEGY, None, await names_of(connection))
    columns["rules"] = rules.stored()
    wanted = await links.resolve(connection, body.accounts or [], today)
    saved = await add(connection, resources, user, body.name, columns)
    await links.replace(connection, user.user_id, saved.id, wanted)
    await versions.keep(connection, saved.id)
    return saved


async def add(
    connection: AsyncConnection,
    resources: Resources,
    user: SignedIn,
    name: str,
    columns: Mapping[str, Any],
) -> SavedOut:
    """The row alone, with its first key. Raises Conflict `strategy.name_taken`."""
    # The key is derived from the row's id, so the row first gets a hash that no key has.
    values = {
        **columns,
        "name": name,
        "name_key": name_key(name),
        "user_id": user.user_id,
        "key_version": _FIRST_KEY,
        "webhook_key_hash": resources.random_bytes(_HASH_BYTES),
    }
    statement = insert(strategies).values(values).returning(strategies.c.id)
    with _unique_names():
        strategy_id: int = (await connection.execute(statement)).scalar_one()
    key = webhook_key(resources.settings.secret, strategy_id, _FIRST_KEY)
    await connection.execute(
        update(strategies)
        .where(strategies.c.id == strategy_id)
        .values(webhook_key_hash=key_hash(key))
    )
    return SavedOut(message="Strategy created.", id=strategy_id, webhook_key=key)


async def change(
    connection: AsyncConnection,
    resources: Resources,
    user: SignedIn,
    strategy_id: int,
    body: ChangeIn,
) -> SavedOut:
    """Raises as `create` does, NotFound, Conflict `strategy.account_in_use`, and as `settle`."""
    today, message = resources.clock.now().date(), "Strategy updated."
    goes_off = "active" in body.model_fields_set and not body.active
    if goes_off:
        await open_risk.hold_decisions(connection, "strategy_id", strategy_id)
    row = await locked(connection, strategy_id)
    if goes_off and row.active:
        asked = await open_risk.settle(
            connection,
            user,
            "strategy_id",
            strategy_id,
            body.on_open,
            may_keep=True,
            hand_over_to=body.hand_over_to,
        )
        done = "handed over" if body.on_open is OnOpen.HAND_OVER else "closed"
        if asked is not None:
            message = f"Strategy switched off; its positions are {done}."
    await versions.keep(connection, strategy_id)  # one that is older than versions has none
    before = StrategyRules.model_validate(row.rules)
    rules = rules_of(body, before, strategy_id, await names_of(connection))
    if rules.follows != before.follows:
        await refuse_circle(connection, user, strategy_id, rules, before)
    columns = columns_of(body, today) | {"rules": rules.stored()}
    statement = update(strategies).where(strategies.c.id == strategy_id)
    with _unique_names():
        await connection.execute(statement.values(**columns, updated_at=func.now()))
    if body.accounts is not None:
        wanted = await links.resolve(connection, body.accounts, today)
        await links.replace(connection, user.user_id, strategy_id, wanted)
    await versions.keep(connection, strategy_id)
    key = webhook_key(resources.settings.secret, strategy_id, row.key_version)
    return SavedOut(message=message, id=strategy_id, webhook_key=key)


async def remove(
    connection: AsyncConnection, user: SignedIn, strategy_id: int, force: OnOpen | None
) -> DeletedOut:
    """Its trades stay and its key is dead at once. Raises NotFound, and as `settle`.

    Keeping positions open is no choice here: no alert could ever close them.
    """
    await open_risk.hold_decisions(connection, "strategy_id", strategy_id)
    await locked(connection, strategy_id)
    closing = await open_risk.settle(
        connection, user, "strategy_id", strategy_id, force, may_keep=False
    )
    statement = update(strategies).where(strategies.c.id == strategy_id)
    gone = {"deleted_at": func.now(), "updated_at": func.now(), "active": False}
    await connection.execute(statement.values(**gone))
    await versions.keep(connection, strategy_id)
    return DeletedOut(message="Strategy deleted.", id=strategy_id, command_id=closing)


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


async def refuse_circle(
    connection: AsyncConnection,
    user: SignedIn,
    strategy_id: int,
    rules: StrategyRules,
    before: StrategyRules,
) -> None:
    """Raises InvalidInput `follow.circle`. Of two changes at once the later sees the earlier."""
    await connection.execute(_FOLLOWING, {"user": user.user_id})
    query = select(strategies.c.id, strategies.c.rules).where(strategies.c.deleted_at.is_(None))
    follows = {
        row.id: frozenset(
            each.strategy_id for each in StrategyRules.model_validate(row.rules).follows
        )
        for row in await connection.execute(query)
        if row.rules.get("follows")
    }
    require_no_circle(rules, before, strategy_id, follows)


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
