"""Controls as they are said and as they rule.

A word is written under a lock that every claim shares for its transaction: once it is committed
no claim is under way that did not see it, and of two words said at once the later is the newer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.controls import ControlSaid
from shared.contracts.envelope import Envelope
from shared.db.outbox import add
from shared.domain.controls import Said, Word, halts_of
from shared.domain.decision.scene import Halt
from shared.domain.gates.controls import Scope, not_enabled
from shared.domain.ids import CommandId, UserId, event_id

# Its own key beside those of the fan-out and the relay; claims only try it, and never wait.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(8, 0)")
FENCE: Final = "(SELECT pg_try_advisory_xact_lock_shared(8, 0))"
CHANNEL: Final = "tm_controls"
LIVE: Final = "live"  # in place of a scope: the enabling that a live account lacks
_SAY: Final = text("""
    INSERT INTO controls (user_id, scope, scope_id, word, reason, said_by)
    VALUES (CAST(:user AS bigint), :scope, :scope_id, :word, :reason, :said_by)
    RETURNING id, created_at
""")
_CLOSE: Final = text("""
    INSERT INTO commands (user_id, kind, detail, requested_by)
    VALUES (:user, 'close', CAST(:detail AS jsonb), :requested_by) RETURNING id
""")
# A user's transaction sees nobody else's row, so the database itself asks for everybody's.
_CLOSE_FOR_ALL: Final = text("SELECT tm_close_for_all(:requested_by)")
_BELL: Final = text(f"NOTIFY {CHANNEL}")
_NARROWED: Final = {Scope.ACCOUNT: "account_id", Scope.STRATEGY: "strategy_id"}


# A copy of the data is not where the person said it: a restore leaves live accounts disabled.
_NOT_ENABLED: Final = f"""
    CASE WHEN c.environment = 'live' AND a.live_enabled_home IS DISTINCT FROM tm_database_home()
      THEN jsonb_build_array(jsonb_build_object('scope', '{LIVE}', 'reason',
        CASE WHEN a.live_enabled_home IS NULL THEN 'it has not been enabled'
          ELSE 'it was enabled in another copy of this database' END))
      ELSE '[]' END
"""


def newest(strategy: str) -> str:
    """SQL: what may stop a strategy in account `a` of login `c`, as JSON.

    That is the newest word of each of the four scopes around it, and whether a live account lacks
    its enabling. `strategy` is an SQL expression. A word counts only if the account's owner said
    it, or if it was said to the system.
    """
    return f"""
    (SELECT coalesce(jsonb_agg(jsonb_build_object('scope', n.scope, 'scope_id', n.scope_id,
              'word', n.word, 'reason', n.reason, 'at', n.created_at)), '[]')
       || {_NOT_ENABLED}
     FROM (VALUES ('system', CAST(0 AS bigint), CAST(NULL AS bigint)),
             ('user', a.user_id, a.user_id), ('account', a.id, a.user_id),
             ('strategy', {strategy}, a.user_id)) AS k (scope, scope_id, owner)
     CROSS JOIN LATERAL (
       SELECT * FROM controls c WHERE c.scope = k.scope AND c.scope_id = k.scope_id
         AND c.user_id IS NOT DISTINCT FROM k.owner
       ORDER BY c.id DESC LIMIT 1) n)
    """  # noqa: S608 - our own expressions only


def halts_from(newest: Iterable[dict[str, Any]]) -> tuple[Halt, ...]:
    """What `newest` found in force, the widest scope first; what the account itself lacks last."""
    found = list(newest)
    words = halts_of(_said(each) for each in found if each["scope"] != LIVE)
    lacking = [not_enabled(each["reason"]) for each in found if each["scope"] == LIVE]
    return (*words, *lacking)


def _said(newest: dict[str, Any]) -> Said:
    return Said(
        Scope(newest["scope"]),
        newest["scope_id"],
        Word(newest["word"]),
        newest["reason"],
        datetime.fromisoformat(newest["at"]),
    )


@dataclass(frozen=True, slots=True)
class Spoken:
    """`commands`: what closes the scope, of a kill. `event` is for the bell, after the commit."""

    id: int
    at: datetime
    commands: tuple[CommandId, ...]
    event: Envelope


async def say(
    connection: AsyncConnection,
    user: UserId | None,
    scope: Scope,
    scope_id: int,
    word: Word,
    *,
    reason: str,
    by: str,
) -> Spoken:
    """Say a word to a scope. `user` owns the scope; None is the system's.

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
    said = (await connection.execute(_SAY, parameters)).one()
    closing: tuple[CommandId, ...] = ()
    if word is Word.KILL:
        closing = await ask_to_close(
            connection, user, scope, scope_id, by=f"kill {said.id}: {by}", wakes=False
        )
    told = await add(
        connection,
        ControlSaid(
            control_id=said.id,
            scope=scope.value,
            scope_id=scope_id,
            word=word.value,
            reason=reason,
            said_by=by,
            at=said.created_at,
        ),
        event_id=event_id(ControlSaid.type, str(said.id)),
        correlation_id=f"control:{said.id}",
        user_id=user,
        aggregate=f"control:{said.id}",
        occurred_at=said.created_at,
    )
    await connection.execute(_BELL)
    return Spoken(said.id, said.created_at, closing, told.envelope)


async def ask_to_close(
    connection: AsyncConnection,
    user: UserId | None,
    scope: Scope,
    scope_id: int,
    *,
    by: str,
    wakes: bool = True,
) -> tuple[CommandId, ...]:
    """Commit the wish to have the scope flat; returns the commands, one for each user.

    A strategy's ends what the strategy holds; a wider scope's ends every owner, also what was
    entered by hand.
    """
    if user is None:
        found = await connection.execute(_CLOSE_FOR_ALL, {"requested_by": by})
    else:
        detail: dict[str, object] = {_NARROWED[scope]: scope_id} if scope in _NARROWED else {}
        if scope is not Scope.STRATEGY:
            detail["every_owner"] = True
        parameters = {"user": user, "detail": json.dumps(detail), "requested_by": by}
        found = await connection.execute(_CLOSE, parameters)
    commands = tuple(CommandId(command) for command in found.scalars())
    if wakes:
        await connection.execute(_BELL)
    return commands
