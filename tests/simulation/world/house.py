"""A PostgreSQL that worlds live in, one after the other: its clock, and what api does there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.envelope import Envelope
from shared.db import controls
from shared.db.engine import make_engine
from shared.db.failures import DatabaseAway
from shared.db.migrate import upgrade
from shared.db.outbox import add_many
from shared.db.uow import unit_of_work
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.ids import UserId
from tests.contract.ledger.clock import set_clock
from tests.contract.ledger.postgres_world import make_database, rows_in
from tests.contract.ledger.world import TABLES, Row
from tests.fixtures.emptying import empty
from tests.fixtures.servers import DatabaseUrls, own_postgres
from tests.simulation.rows import CommandRow, SignalRow
from tests.simulation.store import Store
from tests.simulation.world import house_rows
from tests.simulation.world.beside import Beside

# Nobody else is here: what takes longer than the product allows is the machine's doing.
_PATIENT_S: Final = 120.0
_TRIES_MAX: Final = 10
_NOTHING_DONE: Final = frozenset({"db.unreachable", "db.pool_exhausted"})
_TABLES: Final = """
SELECT string_agg(format('public.%I', tablename), ', ') FROM pg_tables WHERE schemaname = 'public'
"""


class House:
    """One database. What is awaited here belongs to the loop that its connections belong to."""

    def __init__(self, db: asyncpg.Connection[Any], engine: AsyncEngine) -> None:
        self.engine = engine
        self._db = db
        self._stands_at: datetime | None = None

    async def begin(self, now: datetime, store: Store) -> None:
        """Empty, but for the people, logins, accounts and strategies of the twin's store."""
        await empty(self._db)
        # Space comes back, too: each world finds the database as the first one did.
        await self._db.execute(f"VACUUM {await self._db.fetchval(_TABLES)}")
        self._stands_at = None
        await self._set(now)
        for table, number, row in house_rows.of(store):
            given = await self._insert(table, row)
            if given != number:
                raise AssertionError(f"{table} {number} became {given}")

    async def at(self, now: datetime, call: Callable[[], Awaitable[Any]]) -> Any:
        """What it answers when the database's clock shows that."""
        await self._set(now)
        for tried in range(1, _TRIES_MAX + 1):
            try:
                return await call()
            except DatabaseAway as error:
                if error.code not in _NOTHING_DONE or tried == _TRIES_MAX:
                    raise
        raise AssertionError

    async def _set(self, now: datetime) -> None:
        if now != self._stands_at:
            await set_clock(self._db, now)
            self._stands_at = now

    async def tables(self) -> dict[str, list[Row]]:
        return {name: await rows_in(self._db, name) for name in TABLES}

    # --- what api does; each answers with the number it was given
    async def accept(self, row: SignalRow, user: UserId) -> int:
        return await self._insert("signals", house_rows.signal(row, user))

    async def ask(self, row: CommandRow) -> int:
        return await self._insert("commands", house_rows.command(row))

    async def say(self, user: UserId | None, scope: Scope, scope_id: int, word: Word) -> int:
        async with unit_of_work(self.engine) as connection:
            said = await controls.say(
                connection, user, scope, scope_id, word, reason="test", by="test"
            )
        return said.id

    async def tell(self, event: Envelope) -> int:
        async with unit_of_work(self.engine) as connection:
            return len(await add_many(connection, [event]))

    async def _insert(self, table: str, row: Mapping[str, Any]) -> int:
        """The number that the database gave it."""
        names, places = ", ".join(row), ", ".join(f"${n}" for n in range(1, len(row) + 1))
        number = "account_id" if table == "strategy_accounts" else "id"
        statement = f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING {number}"  # noqa: S608 - ours
        return int(await self._db.fetchval(statement, *row.values()))


@asynccontextmanager
async def _connected(urls: DatabaseUrls) -> AsyncIterator[House]:
    db = await asyncpg.connect(urls.owner.replace("+asyncpg", ""))
    engine = make_engine(
        urls.execution,
        "world",
        pool_size=1,
        pool_timeout_s=_PATIENT_S,
        statement_timeout_s=_PATIENT_S,
        lock_timeout_s=_PATIENT_S,
        transaction_timeout_s=_PATIENT_S,
    )
    try:
        yield House(db, engine)
    finally:
        await engine.dispose()
        await db.close()


@contextmanager
def house_in(urls: DatabaseUrls) -> Iterator[tuple[House, Beside]]:
    """The house, and the loop that it is in. `urls` of a database of `make_database`."""
    with Beside() as beside:
        connected = _connected(urls)
        house = beside.run(connected.__aenter__())
        try:
            yield house, beside
        finally:
            beside.run(connected.__aexit__(None, None, None))


@contextmanager
def own_house() -> Iterator[tuple[House, Beside]]:
    """In a server of its own, thrown away afterwards."""
    with own_postgres() as server:
        urls = server.create("worlds")
        upgrade(urls.owner)
        asyncio.run(make_database(urls))
        with house_in(urls) as found:
            yield found
