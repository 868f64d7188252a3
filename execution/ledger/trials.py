"""What a test of a broker login needs of the record: who holds the name, the secret, the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from execution.ledger import wishes
from shared.contracts.consent import SECRET_LIFE
from shared.contracts.envelope import Envelope
from shared.db.uow import read_only, unit_of_work
from shared.domain.ids import CommandId, ConnectionId, UserId
from shared.ports.clock import Clock
from shared.ports.ledger import Command

_HELD: Final = text("""
    SELECT c.id, c.user_id, s.reason FROM broker_connections c
    LEFT JOIN broker_sessions s ON s.connection_id = c.id
    WHERE c.environment = :environment AND lower(c.login_name) = lower(:login_name)
      AND c.enabled AND c.deleted_at IS NULL
""")
_TAKE: Final = text("DELETE FROM command_secrets WHERE command_id = :command RETURNING sealed")
_OLD: Final = text("""
    SELECT c.id, c.user_id, c.kind, c.detail FROM commands c
    WHERE c.kind = ANY (CAST(:kinds AS text[]))
      AND c.created_at > now() - interval '1 day'
      AND c.created_at < clock_timestamp() - CAST(:life AS interval)
      AND NOT EXISTS (SELECT 1 FROM command_results r WHERE r.command_id = c.id)
    ORDER BY c.id LIMIT 50
""")
# Only of a login that is gone: a token that somebody may still trade with is not thrown away.
_FORGET: Final = text("""
    UPDATE broker_sessions s SET token_sealed = NULL, updated_at = now()
    FROM broker_connections c
    WHERE s.connection_id = :connection AND c.id = s.connection_id AND c.user_id = :user
      AND c.deleted_at IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class Held:
    """A login of that name that this installation drives; `reason`: what is wrong with it."""

    connection_id: ConnectionId
    user_id: UserId
    reason: str | None


@dataclass(frozen=True, slots=True)
class Result:
    status: str  # done | refused | failed
    code: str
    message: str
    detail: Mapping[str, object] = field(default_factory=dict)


class TrialBook:
    """Each method is one transaction."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def held(self, environment: str, login_name: str) -> Held | None:
        parameters = {"environment": environment, "login_name": login_name}
        async with read_only(self._engine) as connection:
            row = (await connection.execute(_HELD, parameters)).first()
        if row is None:
            return None
        return Held(ConnectionId(row.id), UserId(row.user_id), row.reason)

    async def take_secret(self, command: Command) -> bytes | None:
        """Of several processes one gets it: a sign-in is asked for once."""
        async with unit_of_work(self._engine) as connection:
            rows = await connection.execute(_TAKE, {"command": command.id})
            sealed: bytes | None = rows.scalar_one_or_none()
            return sealed

    async def finish(self, command: Command, result: Result) -> Sequence[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await wishes.answer(
                connection,
                command,
                result.status,
                result.code,
                result.message,
                self._clock.now(),
                detail=result.detail,
            )

    async def forget(self, command: Command, connection_id: int) -> None:
        async with unit_of_work(self._engine) as connection:
            parameters = {"connection": connection_id, "user": command.user_id}
            await connection.execute(_FORGET, parameters)

    async def left_over(self, kinds: Sequence[str]) -> list[Command]:
        """Commands that nobody can carry out any more: their secrets are gone by now."""
        parameters = {"kinds": list(kinds), "life": SECRET_LIFE}
        async with read_only(self._engine) as connection:
            return [
                Command(CommandId(row.id), UserId(row.user_id), row.kind, row.detail)
                for row in await connection.execute(_OLD, parameters)
            ]
