"""A strategy again: all its settings under another name, with a key of its own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.resources import Resources
from api.security.sessions import SignedIn
from api.strategies import service, versions
from api.strategies.schemas import NAME_LENGTH_MAX, CopiedOut
from shared.db.tables.accounts import accounts, broker_connections
from shared.db.tables.strategies import strategy_accounts
from shared.domain.names import name_key

_SETTINGS: Final = (
    *("strat_type", "symbol", "timeframe", "description", "position_size", "position_add"),
    *("days_to_expiry", "strike_offset"),
    *("size_from", "rules", "active", "recording_enabled", "demo_account_id"),
)
_LINK: Final = ("account_id", "multiplier", "max_contracts", "custom_ticker")
_COPIES_MAX: Final = 1_000


async def duplicate(
    connection: AsyncConnection, resources: Resources, user: SignedIn, strategy_id: int, name: str
) -> CopiedOut:
    """An empty `name` is made from the original's. Raises NotFound, and Conflict as `create`.

    Links to accounts for real money are switched off in the copy: nobody means to double what
    is at stake by a click.
    """
    row = await service.locked(connection, strategy_id)
    taken = {name_key(each) for each in (await service.names_of(connection)).values()}
    name = name or free_name(row.name, taken)
    columns = {column: getattr(row, column) for column in _SETTINGS}
    saved = await service.add(connection, resources, user, name, columns)
    off = await _link_as(connection, user, strategy_id, saved.id)
    await versions.keep(connection, saved.id)
    return CopiedOut(
        message="Strategy copied; real money stays off in the copy." if off else "Strategy copied.",
        id=saved.id,
        webhook_key=saved.webhook_key,
        name=name,
        accounts_off=off,
    )


def free_name(name: str, taken: Collection[str]) -> str:
    """`Opening Range (copy)`, then `(copy 2)` and so on; never longer than a name may be."""
    for number in range(1, _COPIES_MAX):
        ending = " (copy)" if number == 1 else f" (copy {number})"
        found = name[: NAME_LENGTH_MAX - len(ending)] + ending
        if name_key(found) not in taken:
            return found
    return name  # the index on names says so


async def _link_as(
    connection: AsyncConnection, user: SignedIn, source_id: int, copy_id: int
) -> list[int]:
    """The accounts in which the copy is off although the original is on."""
    links = strategy_accounts
    query = (
        select(links, (broker_connections.c.environment == "live").label("is_live"))
        .join(accounts, accounts.c.id == links.c.account_id)
        .join(broker_connections, broker_connections.c.id == accounts.c.connection_id)
        .where(links.c.strategy_id == source_id)
        .order_by(links.c.account_id)
    )
    rows = (await connection.execute(query)).all()
    if rows:
        values = [
            {column: getattr(row, column) for column in _LINK}
            | {"user_id": user.user_id, "strategy_id": copy_id}
            | {"enabled": row.enabled and not row.is_live}
            for row in rows
        ]
        await connection.execute(insert(links).values(values))
    return [row.account_id for row in rows if row.enabled and row.is_live]
