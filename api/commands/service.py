"""Asking execution: a committed command, and its committed result.

    one transaction   command, its sealed secret, the event that rings for it
    then              the result is looked for each 250 ms, without a transaction held meanwhile

After `WAIT_S` the caller is given the command's id, under which the result can be read later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Select, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from api.resources import Resources
from api.security.sessions import SignedIn
from shared.contracts.commands import CommandRequested
from shared.contracts.envelope import Envelope
from shared.db.outbox import add
from shared.db.tables.commands import command_results, command_secrets, commands
from shared.db.uow import read_only, unit_of_work
from shared.domain.errors import NotFound, Unavailable
from shared.domain.ids import event_id
from shared.vault import Sealer

WAIT_S: Final = 15.0
LOOK_EVERY_S: Final = 0.25
_NEXT_ID: Final = text("SELECT nextval('commands_id_seq')")


@dataclass(frozen=True, slots=True)
class Result:
    status: str  # done | refused | failed
    code: str
    message: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A command in the caller's transaction; `bell` is to be rung after its commit."""

    command_id: int
    bell: Envelope


def sealer(resources: Resources) -> Sealer:
    """Raises Unavailable `vault.no_key` where the operator gave none."""
    key = resources.settings.vault_public_key
    if not key:
        raise Unavailable("vault.no_key", "This installation cannot keep secrets: no vault key.")
    return Sealer(key)


async def put(
    connection: AsyncConnection,
    resources: Resources,
    user: SignedIn,
    kind: str,
    detail: Mapping[str, Any],
    secret: bytes | None = None,
) -> Asked:
    """Write a command; its secret opens for this command only."""
    command_id: int = (await connection.execute(_NEXT_ID)).scalar_one()
    await connection.execute(
        insert(commands).values(
            id=command_id,
            user_id=user.user_id,
            kind=kind,
            detail=dict(detail),
            requested_by=user.username,
        )
    )
    if secret is not None:
        box = sealer(resources).seal(
            secret, table="command_secrets", row_id=command_id, column="sealed"
        )
        values = {"command_id": command_id, "user_id": user.user_id, "sealed": box}
        await connection.execute(insert(command_secrets).values(values))
    added = await add(
        connection,
        CommandRequested(command_id=command_id),
        event_id=event_id(CommandRequested.type, str(command_id)),
        correlation_id=f"command:{command_id}",
        user_id=user.user_id,
        aggregate=f"command:{command_id}",
        occurred_at=resources.clock.now(),
    )
    return Asked(command_id, added.envelope)


async def ask(
    resources: Resources,
    user: SignedIn,
    kind: str,
    detail: Mapping[str, Any],
    secret: bytes | None = None,
) -> tuple[int, Result | None]:
    """The command's id and its result; None when it is not there after `WAIT_S`."""
    async with unit_of_work(resources.engine, user.user_id) as connection:
        asked = await put(connection, resources, user, kind, detail, secret)
    resources.bell.offer([asked.bell])
    return asked.command_id, await result_of(resources, user, asked.command_id)


async def result_of(resources: Resources, user: SignedIn, command_id: int) -> Result | None:
    """Looks until it is there, at most `WAIT_S`."""
    clock = resources.clock
    until_s = clock.monotonic() + WAIT_S
    while True:
        row = await _result(resources, user, command_id)
        if row is not None:
            return Result(row.status, row.code, row.message, row.detail)
        if clock.monotonic() >= until_s:
            return None
        await clock.sleep(LOOK_EVERY_S)


async def show(connection: AsyncConnection, command_id: int) -> Row[Any]:
    """The command and, where there is one, its result. Raises NotFound `command.unknown`."""
    query: Select[Any] = (
        select(
            commands.c.id,
            commands.c.kind,
            commands.c.created_at,
            command_results.c.status,
            command_results.c.code,
            command_results.c.message,
            command_results.c.detail,
            command_results.c.created_at.label("answered_at"),
        )
        .outerjoin(command_results, command_results.c.command_id == commands.c.id)
        .where(commands.c.id == command_id)
    )
    row: Row[Any] | None = (await connection.execute(query)).first()
    if row is None:
        raise NotFound("command.unknown", "There is no such command.")
    return row


async def _result(resources: Resources, user: SignedIn, command_id: int) -> Row[Any] | None:
    query = select(command_results).where(command_results.c.command_id == command_id)
    async with read_only(resources.engine, user.user_id) as connection:
        return (await connection.execute(query)).first()
