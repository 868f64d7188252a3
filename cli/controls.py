"""`tm kill`, `pause`, `resume` and `flatten`: the operator's word, with PostgreSQL alone.

Nothing else has to be up to say it. Execution refuses entries by the committed row, and closes
what is held as soon as it runs.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cli.running import owner_url
from cli.up.errors import UpError
from shared.db import audit
from shared.db.controls import ask_to_close, say
from shared.db.engine import make_engine
from shared.db.failures import DatabaseAway
from shared.db.uow import read_only, unit_of_work
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.ids import CommandId, UserId

LOOK_EVERY_S: Final = 0.1
REASON: Final = "By the operator."


class Deed(StrEnum):
    KILL = Word.KILL.value
    PAUSE = Word.PAUSE.value
    RESUME = Word.RESUME.value
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True)
class Target:
    """`user` owns the scope; None: the system."""

    scope: Scope
    id: int
    user: UserId | None
    name: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the closing is: answers of execution, and contracts still held in the scope."""

    asked: int
    answered: int
    contracts: int

    @property
    def is_over(self) -> bool:
        return self.answered == self.asked and self.contracts == 0


# By id, or by the name its owner gave it.
_FIND: Final = {
    Scope.USER: "SELECT id, id AS user_id, username AS name FROM users"
    " WHERE CAST(id AS text) = :which OR lower(username) = lower(:which)",
    Scope.ACCOUNT: "SELECT id, user_id, name FROM accounts"
    " WHERE CAST(id AS text) = :which OR lower(name) = lower(:which)",
    Scope.STRATEGY: "SELECT id, user_id, name FROM strategies"
    " WHERE deleted_at IS NULL AND (CAST(id AS text) = :which OR lower(name) = lower(:which))",
}
_PROGRESS: Final = text("""
    SELECT (SELECT count(*) FROM command_results
            WHERE command_id = ANY (CAST(:commands AS bigint[]))) AS answered,
      (SELECT coalesce(sum(abs(net_qty)), 0) FROM positions
       WHERE (:scope = 'system' OR :scope = 'user' AND user_id = :id
         OR :scope = 'account' AND account_id = :id
         OR :scope = 'strategy' AND strategy_id = :id)) AS contracts
""")


def run(
    deed: Deed, scope: Scope, which: str | None, reason: str, wait_s: float, data: Path | None
) -> int:
    """0 once it is committed and, of a closing, everything is flat; 3 if that takes longer.

    Raises `UpError` for what is not there, and while PostgreSQL cannot be reached.
    """
    url = owner_url(data, os.environ)
    try:
        return asyncio.run(_run(url, deed, scope, which, reason, wait_s))
    except (DatabaseAway, DBAPIError, OSError) as error:
        raise UpError(f"nothing was said: PostgreSQL cannot be asked ({error})") from error


async def _run(
    url: str, deed: Deed, scope: Scope, which: str | None, reason: str, wait_s: float
) -> int:
    engine = make_engine(url, "tm-cli", pool_size=2)
    try:
        target, commands = await commit(engine, deed, scope, which, reason or REASON)
        print(f"{deed}: {target.scope} {target.name}".rstrip() + " - committed.", flush=True)
        return await _watch(engine, target, commands, wait_s) if commands else 0
    finally:
        await engine.dispose()


async def commit(
    engine: AsyncEngine, deed: Deed, scope: Scope, which: str | None, reason: str
) -> tuple[Target, Sequence[CommandId]]:
    """The word, what closes the scope, and the row about it, in one transaction."""
    by = f"{_operator()} (command line)"
    async with unit_of_work(engine) as connection:
        target = await find(connection, scope, which)
        if deed is Deed.FLATTEN:
            commands = await ask_to_close(
                connection, target.user, scope, target.id, by=f"flatten: {by}"
            )
        else:
            said = await say(
                connection, target.user, scope, target.id, Word(deed.value), reason=reason, by=by
            )
            commands = said.commands
        told = {"scope": scope.value, "scope_id": target.id, "reason": reason}
        await audit.note(connection, None, by, f"control.{deed}", told)
    return target, commands


async def find(connection: AsyncConnection, scope: Scope, which: str | None) -> Target:
    """Raises `UpError` for no such thing, and for a name that several have."""
    if scope is Scope.SYSTEM:
        return Target(scope, 0, None, "")
    if which is None:
        raise UpError(f"which {scope}? Give its id or its name")
    rows = list(await connection.execute(text(_FIND[scope]), {"which": which}))
    rows = [row for row in rows if str(row.id) == which] or rows
    if not rows:
        raise UpError(f"there is no {scope} {which}")
    if len(rows) > 1:
        known = ", ".join(f"{row.id} (user {row.user_id})" for row in rows)
        raise UpError(f"several have the name {which}; give an id: {known}")
    (row,) = rows
    return Target(scope, row.id, UserId(row.user_id), row.name)


async def _watch(
    engine: AsyncEngine, target: Target, commands: Sequence[CommandId], wait_s: float
) -> int:
    until_s = time.monotonic() + wait_s
    while True:
        progress = await read_progress(engine, target, commands)
        if progress.is_over:
            print("Everything is flat.")
            return 0
        if time.monotonic() >= until_s:
            print(_still_open(progress))
            return 3
        await asyncio.sleep(LOOK_EVERY_S)


async def read_progress(
    engine: AsyncEngine, target: Target, commands: Sequence[CommandId]
) -> Progress:
    parameters: dict[str, Any] = {
        "commands": list(commands),
        "scope": target.scope.value,
        "id": target.id,
    }
    async with read_only(engine) as connection:
        row = (await connection.execute(_PROGRESS, parameters)).one()
    return Progress(len(commands), int(row.answered), int(row.contracts))


def _still_open(progress: Progress) -> str:
    waiting = progress.asked - progress.answered
    if waiting:
        return (
            f"Committed, and not taken up yet: {waiting} of {progress.asked} closings wait for"
            " execution. They are carried out as soon as it runs; no entry leaves meanwhile."
        )
    return f"Exits are on their way; {progress.contracts} contracts are still held."


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        return "operator"
