"""Everything that is sealed in the database, sealed anew under another key, one box at a time.

A box says under which key it was sealed, so nothing has to be remembered of how far this came:
killed at any instant each box is of the one key or of the other, and the next run goes on. A box
that somebody replaced meanwhile is left as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Row, Table, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db import audit
from shared.db.tables.accounts import broker_connections
from shared.db.tables.commands import command_secrets
from shared.db.tables.trading import broker_sessions
from shared.db.uow import read_only, unit_of_work
from shared.ports.vault import Rekeying, VaultError

READ_AT_ONCE_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Place:
    """A column of boxes; `key` is the id that each is bound to."""

    table: Table
    key: Column[int]
    column: Column[bytes]

    def __str__(self) -> str:
        return f"{self.table.name}.{self.column.name}"


def _place(table: Table, key: str, column: str) -> Place:
    return Place(table, table.c[key], table.c[column])


PLACES: Final = (
    _place(broker_connections, "id", "password_sealed"),
    _place(broker_connections, "id", "client_secret_sealed"),
    _place(broker_sessions, "connection_id", "token_sealed"),
    _place(command_secrets, "command_id", "sealed"),
)


@dataclass(slots=True)
class Rotated:
    """`unreadable`: boxes that neither key opens, as `table.column id`."""

    boxes: int
    unreadable: list[str]


async def rotate(engine: AsyncEngine, vault: Rekeying) -> Rotated:
    """For the owner of the database. Each box in a transaction of its own."""
    done = Rotated(0, [])
    for place in PLACES:
        async for row in _older(engine, place, vault.head):
            try:
                await _seal_anew(engine, place, row, vault, done)
            except VaultError:
                done.unreadable.append(f"{place} {row.key}")
    if done.boxes:
        async with unit_of_work(engine) as connection:
            told = {"boxes": done.boxes, "unreadable": len(done.unreadable)}
            await audit.note(connection, None, "operator", "vault.rotated", told)
    return done


async def left(engine: AsyncEngine, head: bytes) -> dict[str, int]:
    """How many boxes of each place are not sealed under the key of `head`; only those there are."""
    async with read_only(engine) as connection:
        counted = {
            str(place): (
                await connection.execute(
                    select(func.count()).select_from(place.table).where(*_is_older(place, head))
                )
            ).scalar_one()
            for place in PLACES
        }
    return {place: count for place, count in counted.items() if count}


def _is_older(place: Place, head: bytes) -> tuple[Any, ...]:
    begins = func.substr(place.column, 1, len(head))
    return place.column.is_not(None), begins != head


async def _older(engine: AsyncEngine, place: Place, head: bytes) -> AsyncIterator[Row[int, bytes]]:
    after = 0
    while True:
        query = (
            select(place.key.label("key"), place.column.label("box"))
            .where(*_is_older(place, head), place.key > after)
            .order_by(place.key)
            .limit(READ_AT_ONCE_MAX)
        )
        async with read_only(engine) as connection:
            rows = (await connection.execute(query)).all()
        for row in rows:
            yield row
        if len(rows) < READ_AT_ONCE_MAX:
            return
        after = rows[-1].key


async def _seal_anew(
    engine: AsyncEngine, place: Place, row: Row[int, bytes], vault: Rekeying, done: Rotated
) -> None:
    """Raises `VaultError`."""
    where = {"table": place.table.name, "row_id": row.key, "column": place.column.name}
    box = vault.seal(vault.open(bytes(row.box), **where), **where)
    statement = update(place.table).where(place.key == row.key, place.column == row.box)
    async with unit_of_work(engine) as connection:
        done.boxes += (await connection.execute(statement.values({place.column: box}))).rowcount
