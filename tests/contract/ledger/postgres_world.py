"""The world over real PostgreSQL, under execution's own role, with a clock that stands still."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from execution.ledger import PostgresLedger
from shared.db.controls import say
from shared.db.engine import make_engine
from shared.db.uow import unit_of_work
from shared.domain.alert_signal import Signal
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.ids import AccountId, CommandId, ConnectionId, StrategyId, UserId
from shared.domain.rules import FREE_ACCOUNT, AccountRules, StrategyRules
from shared.domain.rules.bracket import plain_bracket
from shared.domain.signal_json import signal_to_json
from shared.ports.ledger import Command
from tests.contract.ledger.clock import StandingClock, set_clock, stop_clock
from tests.contract.ledger.plain import plain
from tests.contract.ledger.world import (
    BROKER_ACCOUNTS,
    STOP_LOSS_TICKS,
    STRATEGIES,
    TAKE_PROFIT_TICKS,
    Row,
    World,
)
from tests.fixtures.emptying import empty
from tests.fixtures.servers import DatabaseUrls

# As they came; a heap that was emptied before gives its rows in any order.
_ORDER: Final = {"intents": "created_at, account_id, account_seq"}
_JSON: Final = ("body", "detail", "moves", "reached", "prop", "compared")


class PostgresWorld(World):
    def __init__(self, owner: asyncpg.Connection[Any], engine: AsyncEngine) -> None:
        super().__init__()
        self.db = owner
        self._engine = engine
        self.clock = StandingClock()
        self.ledger = PostgresLedger(engine, self.clock)

    async def people(self) -> None:
        """What api owns; the database's clock stands where this world's does."""
        await self.advance(0)
        self.user = UserId(
            await self.db.fetchval(
                "INSERT INTO users (username, password_hash) VALUES ('ann', 'x') RETURNING id"
            )
        )
        login = await self.db.fetchval(
            "INSERT INTO broker_connections (user_id, name, environment, login_name, device_id)"
            " VALUES ($1, 'Paper', 'paper', 'ann', 'd') RETURNING id",
            self.user,
        )
        self.connection = ConnectionId(login)
        self.accounts = [
            await self._account(number, f"PAPER{index}")
            for index, number in enumerate(BROKER_ACCOUNTS)
        ]
        self.strategies = [await self._strategy(name) for name in STRATEGIES]

    async def _account(self, number: int, name: str) -> AccountId:
        return AccountId(
            await self.db.fetchval(
                "INSERT INTO accounts (user_id, connection_id, broker_account_id, name)"
                " VALUES ($1, $2, $3, $4) RETURNING id",
                self.user,
                self.connection,
                number,
                name,
            )
        )

    async def _strategy(self, name: str) -> StrategyId:
        strategy = await self.db.fetchval(
            "INSERT INTO strategies (user_id, name, name_key, symbol, rules, webhook_key_hash)"
            " VALUES ($1, $2, $2, 'NQ1!', $3, $4) RETURNING id",
            self.user,
            name,
            json.dumps({"bracket": plain_bracket(TAKE_PROFIT_TICKS, STOP_LOSS_TICKS).stored()}),
            name.encode(),
        )
        await self.db.execute(
            "INSERT INTO strategy_accounts (strategy_id, account_id, user_id)"
            " SELECT $1, unnest($2::bigint[]), $3",
            strategy,
            self.accounts,
            self.user,
        )
        return StrategyId(strategy)

    @property
    def engine(self) -> AsyncEngine:
        """Execution's own."""
        return self._engine

    async def begin_anew(self) -> None:
        """An empty database, numbered from 1 again."""
        await empty(self.db)
        self.clock = StandingClock()
        self.ledger = PostgresLedger(self._engine, self.clock)
        await self.people()

    async def accept(self, signal: Signal, strategy: int = 0) -> int:
        return int(
            await self.db.fetchval(
                "INSERT INTO signals (user_id, strategy_id, seq, status, content, received_at)"
                " SELECT $1, $2, coalesce(max(id), 0) + 1, 'accepted', $3, $4 FROM signals"
                " RETURNING id",
                self.user,
                self.strategies[strategy],
                json.dumps(signal_to_json(signal)),
                self.clock.now(),
            )
        )

    async def ask(self, kind: str, detail: Mapping[str, object]) -> Command:
        asked = await self.db.fetchval(
            "INSERT INTO commands (user_id, kind, detail, requested_by, created_at)"
            " VALUES ($1, $2, $3, 'test', $4) RETURNING id",
            self.user,
            kind,
            json.dumps(detail),
            self.clock.now(),
        )
        return Command(CommandId(asked), self.user, kind, dict(detail))

    async def switch_login(self, *, enabled: bool) -> None:
        await self.db.execute("UPDATE broker_connections SET enabled = $1", enabled)

    async def say(self, scope: Scope, scope_id: int, word: Word) -> None:
        user = None if scope is Scope.SYSTEM else self.user
        async with unit_of_work(self._engine) as connection:
            await say(connection, user, scope, scope_id, word, reason="test", by="test")

    async def set_rules(self, rules: StrategyRules, strategy: int = 0) -> None:
        await self.db.execute(
            "UPDATE strategies SET rules = $2 WHERE id = $1",
            self.strategies[strategy],
            rules.model_dump_json(),
        )

    async def set_account(
        self, rules: AccountRules = FREE_ACCOUNT, *, exclusive: bool = True, account: int = 0
    ) -> None:
        await self.db.execute(
            "UPDATE accounts SET rules = $2, netting = $3 WHERE id = $1",
            self.accounts[account],
            rules.model_dump_json(),
            "exclusive" if exclusive else "shared",
        )

    async def switch_strategy(self, strategy: int = 0, *, active: bool) -> None:
        await self.db.execute(
            "UPDATE strategies SET active = $2 WHERE id = $1", self.strategies[strategy], active
        )

    async def keep_hours(self) -> None:
        await self.db.execute("UPDATE broker_connections SET environment = 'demo'")

    async def go_live(self, *, enabled: bool) -> None:
        await self.db.execute("UPDATE broker_connections SET environment = 'live'")
        await self.db.execute(
            "UPDATE accounts SET live_enabled_home = CASE WHEN $1 THEN tm_database_home() END",
            enabled,
        )

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await set_clock(self.db, self.clock.now())

    async def table(self, name: str) -> list[Row]:
        return await rows_in(self.db, name)


async def rows_in(db: asyncpg.Connection[Any], name: str) -> list[Row]:
    """All rows of a table, as `World.table` gives them."""
    order = _ORDER.get(name, "1")
    rows = await db.fetch(f"SELECT * FROM {name} ORDER BY {order}")  # noqa: S608 - ours
    return [_row(row) for row in rows]


def _row(record: Mapping[str, Any]) -> Row:
    row = dict(record)
    for name in _JSON:
        if name in row:
            row[name] = None if row[name] is None else json.loads(row[name])
    out: Row = plain(row)
    return out


async def make_database(urls: DatabaseUrls) -> None:
    """Ready for worlds that live in it one after the other."""
    owner = await _connect(urls)
    try:
        await stop_clock(owner)
    finally:
        await owner.close()


@asynccontextmanager
async def postgres_world(urls: DatabaseUrls) -> AsyncIterator[PostgresWorld]:
    """In a database of `make_database`, emptied first."""
    owner = await _connect(urls)
    engine = make_engine(urls.execution, "test")
    try:
        world = PostgresWorld(owner, engine)
        await world.begin_anew()
        yield world
    finally:
        await engine.dispose()
        await owner.close()


async def _connect(urls: DatabaseUrls) -> asyncpg.Connection[Any]:
    return await asyncpg.connect(urls.owner.replace("+asyncpg", ""))
