"""Switching off what still holds or works something: never overlooked."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Literal

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from api.security.sessions import SignedIn
from shared.contracts.handovers import KIND, HandoverDetail
from shared.db.tables.commands import commands
from shared.domain.errors import Conflict, NotFound

Scope = Literal["strategy_id", "account_id"]


class OnOpen(StrEnum):
    """What becomes of open positions and working orders."""

    FLATTEN = "flatten"  # a committed command closes them; entries end at once
    KEEP = "keep"  # they stay, with their targets and stops at the broker
    HAND_OVER = "hand_over"  # to another strategy, with their legs and at their average price


_RISK: Final[Mapping[Scope, Any]] = {
    scope: text(f"""
        SELECT EXISTS (SELECT FROM positions WHERE {scope} = :id AND net_qty <> 0)
            OR EXISTS (SELECT FROM intents WHERE {scope} = :id AND ended_at IS NULL)
    """)  # noqa: S608 - one of two names of ours
    for scope in ("strategy_id", "account_id")
}
# Whoever decides signals of a strategy holds this lock: no plan is made while we look.
_LOCK: Final[Mapping[Scope, Any]] = {
    # Of one that is there: a number beyond all ids is no key of a lock either.
    "strategy_id": text(
        "SELECT pg_advisory_xact_lock(7, CAST(id AS integer)) FROM strategies WHERE id = :id"
    ),
    "account_id": text("""
        SELECT pg_advisory_xact_lock(7, CAST(strategy_id AS integer)) FROM (
          SELECT strategy_id FROM strategy_accounts WHERE account_id = :id ORDER BY strategy_id
        ) AS linked
    """),
}
_TAKER: Final = text("SELECT id FROM strategies WHERE id = :id AND active AND deleted_at IS NULL")
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
    hand_over_to: int | None = None,
) -> int | None:
    """The id of the command that flattens or hands over; None where nothing is open, or is kept.

    Raises Conflict `strategy.open_position` or `account.open_position` while something is open
    and the caller did not say what becomes of it, and `strategy.hand_over`.
    """
    if not (await connection.execute(_RISK[scope], {"id": scope_id})).scalar_one():
        return None
    if on_open is OnOpen.HAND_OVER:
        if scope != "strategy_id" or not may_keep:
            message = "Here positions cannot be handed over: flatten them."
            raise Conflict("strategy.hand_over", message)
        return await _hand_over(connection, user, scope_id, hand_over_to)
    if on_open is OnOpen.FLATTEN:
        return await _flatten(connection, user, scope, scope_id)
    if on_open is OnOpen.KEEP and may_keep:
        return None
    raise Conflict(
        f"{_NAME[scope]}.open_position",
        "A position is open or an order works here: wait until it is flat, or have it flattened.",
    )


async def _hand_over(
    connection: AsyncConnection, user: SignedIn, strategy_id: int, to: int | None
) -> int:
    """Only of a strategy that stays: were it refused later, what is held needs its owner."""
    if to is None or to == strategy_id:
        raise Conflict("strategy.hand_over", "Say in hand_over_to which other strategy gets them.")
    if (await connection.execute(_TAKER, {"id": to})).one_or_none() is None:
        raise NotFound("strategy.unknown", "There is no such strategy that is switched on.")
    detail = HandoverDetail(strategy_id=strategy_id, to_strategy_id=to).model_dump()
    return await _ask(connection, user, KIND, detail)


async def _flatten(connection: AsyncConnection, user: SignedIn, scope: Scope, scope_id: int) -> int:
    return await _ask(connection, user, "close", {scope: scope_id})


async def _ask(
    connection: AsyncConnection, user: SignedIn, kind: str, detail: dict[str, int]
) -> int:
    statement = insert(commands).values(
        user_id=user.user_id, kind=kind, detail=detail, requested_by=user.username
    )
    found: int = (await connection.execute(statement.returning(commands.c.id))).scalar_one()
    return found
