"""Consents and the secrets of commands: taken once, and gone with the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from execution.ledger import logins, wishes
from shared.contracts.consent import CONSENT_LIFE, SECRET_LIFE
from shared.contracts.envelope import Envelope
from shared.db.uow import read_only, unit_of_work
from shared.domain.ids import ConnectionId
from shared.ports.clock import Clock
from shared.ports.ledger import Command, LoginRow

_SECRET: Final = text("SELECT sealed FROM command_secrets WHERE command_id = :command")
_TAKE: Final = text("""
    DELETE FROM broker_consents b USING broker_connections c
    WHERE b.state_hash = :state_hash AND b.connection_id = :connection AND b.user_id = :user
      AND c.id = b.connection_id AND c.user_id = b.user_id
      AND b.created_at > clock_timestamp() - CAST(:life AS interval)
    RETURNING b.client_id, b.redirect_uri
""")
_DROP_SECRET: Final = text("DELETE FROM command_secrets WHERE command_id = :command")
_SWEEP: Final = (
    text(
        "DELETE FROM command_secrets"
        " WHERE created_at < clock_timestamp() - CAST(:secret_life AS interval)"
    ),
    text(
        "DELETE FROM broker_consents"
        " WHERE created_at < clock_timestamp() - CAST(:consent_life AS interval)"
    ),
)


@dataclass(frozen=True, slots=True)
class Consent:
    """For which application of ours, and with which address, the person consented."""

    client_id: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: str  # done | refused | failed
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class SealedToken:
    login: LoginRow
    sealed: bytes
    expires_at: datetime


class ConsentBook:
    """Each method is one transaction."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def secret(self, command: Command) -> bytes | None:
        async with read_only(self._engine) as connection:
            rows = await connection.execute(_SECRET, {"command": command.id})
            sealed: bytes | None = rows.scalar_one_or_none()
            return sealed

    async def take(
        self, command: Command, connection_id: ConnectionId, state_hash: bytes
    ) -> Consent | None:
        """The consent of this user for this login with this state, which is spent by asking."""
        parameters = {
            "state_hash": state_hash,
            "connection": connection_id,
            "user": command.user_id,
            "life": CONSENT_LIFE,
        }
        async with unit_of_work(self._engine) as connection:
            row = (await connection.execute(_TAKE, parameters)).first()
            return None if row is None else Consent(row.client_id, row.redirect_uri)

    async def finish(
        self, command: Command, answer: Answer, token: SealedToken | None = None
    ) -> Sequence[Envelope]:
        """The result, the token it may have brought, and the end of the secret, together."""
        async with unit_of_work(self._engine) as connection:
            await connection.execute(_DROP_SECRET, {"command": command.id})
            told = await wishes.answer(
                connection, command, answer.status, answer.code, answer.message, self._clock.now()
            )
            if told and token is not None:
                await logins.save_token(connection, token.login, token.sealed, token.expires_at)
            return told

    async def sweep(self) -> None:
        """Secrets and consents that nobody came for."""
        async with unit_of_work(self._engine) as connection:
            for statement, name, life in zip(
                _SWEEP, ("secret_life", "consent_life"), (SECRET_LIFE, CONSENT_LIFE), strict=True
            ):
                await connection.execute(statement, {name: life})
