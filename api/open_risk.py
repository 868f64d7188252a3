"""Switching off what still holds or works something: never overlooked."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Literal

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from api.security.sessions import SignedIn
from shared.db.tables.commands import commands
from shared.domain.errors import Conflict

Scope = Literal["strategy_id", "account_id"]


class OnOpen(StrEnum):
    """What becomes of open positions and working orders."""

    FLATTEN = "flatten"  # a committed command closes them; entries end at once
    KEEP = "keep"  # they stay, with their targets and stops at the broker
    HAND_OVER = "hand_over"  # to another strategy; not offered yet


_RISK: Final[Mapping[Scope, Any]] = {
    scope: text(f"""
        SELECT EXISTS (SELECT FROM positions WHERE {scope} = :id AND net_qty <> 0)
            OR EXISTS (SELECT FROM intents WHERE {scope} = :id AND ended_at IS NULL)
    """)  # noqa: S608 - one of two names of ours
    for scope in ("strategy_id", "account_id")
}
# Whoever decides signals of a strategy holds this lock: no plan is made while we look.
_LOCK: Final[Mapping[Scope, Any]] = {
    "strategy_id": text("SELECT pg_advisory_xact_lock(7, CAST(:id AS integer))"),
    "account_id": text("""
        SELECT pg_advisory_xact_lock(7, CAST(strategy_id AS integer)) FROM (
          SELECT strategy_id FROM strategy_accounts WHERE account_id = :id ORDER BY strategy_id
        ) AS linked
    """),
}
_NAME: Final[Mapping[Scope, str]] = {"strategy_id": "strategy", "account_id": "account"}


async def hold_decisions(connection: AsyncConnection, scope: Scope, scope_id: int) -> None:
    """No signal is decided in the scope before we commit. Before any row lock, always."""
    await connection.execute(_LOCK[scope], {"id": scope_id})


async def settle(
    connection: AsyncConnection,
    user: SignedIn,
    scope: Scope,
    scope_id: int,
    on_open: OnOpen | None,
    *,
    may_keep: bool,
) -> int | None:
    """The id of the command that flattens; None where nothing is open, or where it is kept.

    Raises Conflict `strategy.open_position` or `account.open_position` while something is open
    and the caller did not say what becomes of it, and `strategy.hand_over`.
    """
    if not (await connection.execute(_RISK[scope], {"id": scope_id})).scalar_one():
        return None
    if on_open is OnOpen.HAND_OVER:
        raise Conflict("strategy.hand_over", "Handing positions over is not offered: flatten them.")
    if on_open is OnOpen.FLATTEN:
        return await _flatten(connection, user, scope, scope_id)
    if on_open is OnOpen.KEEP and may_keep:
        return None
    raise Conflict(
        f"{_NAME[scope]}.open_position",
        "A position is open or an order works here: wait until it is flat, or have it flattened.",
    )


async def _flatten(connection: AsyncConnection, user: SignedIn, scope: Scope, scope_id: int) -> int:
    statement = insert(commands).values(
        user_id=user.user_id, kind="close", detail={scope: scope_id}, requested_by=user.username
    )
    found: int = (await connection.execute(statement.returning(commands.c.id))).scalar_one()
    return found
