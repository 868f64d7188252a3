"""Saying kill, pause and resume, and having a scope closed."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.controls.schemas import SaidOut
from api.resources import Resources
from api.security.sessions import SignedIn
from api.strategies import service as strategies
from shared.contracts.envelope import Envelope
from shared.db import audit
from shared.db.controls import ask_to_close, say
from shared.db.tables.accounts import accounts
from shared.db.uow import unit_of_work
from shared.domain.controls import Word
from shared.domain.errors import NotFound
from shared.domain.gates.controls import Scope
from shared.domain.ids import UserId

FLATTEN: Final = "flatten"
_DONE: Final = {
    Word.KILL.value: "Killed: entries are refused, what is held is being closed.",
    Word.PAUSE.value: "Paused: entries are refused; exits, stops and targets go on.",
    Word.RESUME.value: "Resumed: entries are taken again.",
    FLATTEN: "What is held is being closed; entries are taken as before.",
}


async def speak(
    resources: Resources, user: SignedIn, scope: Scope, scope_id: int, word: str, reason: str
) -> SaidOut:
    """Committed when this returns. Raises NotFound for a scope that is not the user's."""
    rung: list[Envelope] = []
    control_id = None
    async with unit_of_work(resources.engine, user.user_id) as connection:
        await _require(connection, scope, scope_id)
        owner = None if scope is Scope.SYSTEM else UserId(user.user_id)
        if word == FLATTEN:
            commands = await ask_to_close(
                connection, owner, scope, scope_id, by=f"flatten: {user.username}"
            )
        else:
            said = await say(
                connection, owner, scope, scope_id, Word(word), reason=reason, by=user.username
            )
            control_id, commands = said.id, said.commands
            rung.append(said.event)
        told = {"scope": scope.value, "scope_id": scope_id, "reason": reason}
        await audit.note(connection, user.user_id, user.username, f"control.{word}", told)
    resources.bell.offer(rung)
    return SaidOut(
        message=_DONE[word],
        scope=scope.value,
        scope_id=scope_id,
        word=word,
        control_id=control_id,
        command_ids=list(commands),
    )


async def _require(connection: AsyncConnection, scope: Scope, scope_id: int) -> None:
    """Another user's is as unknown as one that never was."""
    if scope is Scope.STRATEGY:
        await strategies.require(connection, scope_id)
    if scope is Scope.ACCOUNT:
        query = select(accounts.c.id).where(accounts.c.id == scope_id)
        if (await connection.execute(query)).one_or_none() is None:
            raise NotFound("account.unknown", "There is no such account.")
