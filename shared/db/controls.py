"""Controls as they are said and as they rule.

A word is written under a lock that every claim shares for its transaction: once it is committed
no claim is under way that did not see it, and of two words said at once the later is the newer.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.domain.controls import Said, Word
from shared.domain.gates.controls import Scope
from shared.domain.ids import UserId

# Its own key beside those of the fan-out and the relay; claims only try it, and never wait.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(8, 0)")
FENCE: Final = "(SELECT pg_try_advisory_xact_lock_shared(8, 0))"
CHANNEL: Final = "tm_controls"
_SAY: Final = text("""
    INSERT INTO controls (user_id, scope, scope_id, word, reason, said_by)
    VALUES (CAST(:user AS bigint), :scope, :scope_id, :word, :reason, :said_by) RETURNING id
""")
_CLOSE: Final = text("""
    INSERT INTO commands (user_id, kind, detail, requested_by)
    VALUES (:user, 'close', CAST(:detail AS jsonb), :requested_by)
""")
_CLOSE_FOR_ALL: Final = text("""
    INSERT INTO commands (user_id, kind, detail, requested_by)
    SELECT id, 'close', '{}', :requested_by FROM users ORDER BY id
""")
_BELL: Final = text(f"NOTIFY {CHANNEL}")
_NARROWED: Final = {Scope.ACCOUNT: "account_id", Scope.STRATEGY: "strategy_id"}


def newest(strategy: str) -> str:
    """SQL: the newest word of each of the four scopes around a strategy in account `a`, as JSON.

    `strategy` is an SQL expression. A word counts only if the account's owner said it, or if it
    was said to the system.
    """
    return f"""
    (SELECT coalesce(jsonb_agg(jsonb_build_object('scope', n.scope, 'scope_id', n.scope_id,
              'word', n.word, 'reason', n.reason, 'at', n.created_at)), '[]')
     FROM (VALUES ('system', CAST(0 AS bigint), CAST(NULL AS bigint)),
             ('user', a.user_id, a.user_id), ('account', a.id, a.user_id),
             ('strategy', {strategy}, a.user_id)) AS k (scope, scope_id, owner)
     CROSS JOIN LATERAL (
       SELECT * FROM controls c WHERE c.scope = k.scope AND c.scope_id = k.scope_id
         AND c.user_id IS NOT DISTINCT FROM k.owner
       ORDER BY c.id DESC LIMIT 1) n)
    """  # noqa: S608 - our own expressions only


def said_of(newest: dict[str, Any]) -> Said:
    """One element of `NEWEST`."""
    return Said(
        Scope(newest["scope"]),
        newest["scope_id"],
        Word(newest["word"]),
        newest["reason"],
        datetime.fromisoformat(newest["at"]),
    )


async def say(
    connection: AsyncConnection,
    user: UserId | None,
    scope: Scope,
    scope_id: int,
    word: Word,
    *,
    reason: str,
    by: str,
) -> int:
    """Say a word to a scope; returns its id. `user` owns the scope; None is the system's.

    A kill asks in the same transaction for everything the scope holds to be closed. Waits for the
    claims that are under way, for as long as one transaction takes.
    """
    await connection.execute(_LOCK)
    parameters = {
        "user": user,
        "scope": scope.value,
        "scope_id": scope_id,
        "word": word.value,
        "reason": reason,
        "said_by": by,
    }
    said = int((await connection.execute(_SAY, parameters)).scalar_one())
    if word is Word.KILL:
        await _close(connection, user, scope, scope_id, f"kill {said}: {by}")
    await connection.execute(_BELL)
    return said


async def _close(
    connection: AsyncConnection, user: UserId | None, scope: Scope, scope_id: int, by: str
) -> None:
    if user is None:
        await connection.execute(_CLOSE_FOR_ALL, {"requested_by": by})
        return
    detail = {_NARROWED[scope]: scope_id} if scope in _NARROWED else {}
    parameters = {"user": user, "detail": json.dumps(detail), "requested_by": by}
    await connection.execute(_CLOSE, parameters)
