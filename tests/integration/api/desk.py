"""What execution and recorder would have written for a user: accounts, signals, orders, trades."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import insert

from shared.db.tables import metadata
from tests.integration.api.helpers import BASE_URL, Person, Strategy, Town, csrf, sign_in

START = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
DAY = date(2026, 3, 2)

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Browser:
    """Somebody signed in."""

    http: httpx.AsyncClient
    person: Person

    async def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = await self.http.get(path, params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        return await self.send("POST", path, body, status)

    async def send(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.http.request(method, path, json=body, headers=await csrf(self.http))
        assert answer.status_code == status, answer.text
        return answer.json()


@asynccontextmanager
async def signed_in(app: FastAPI, town: Town, username: str) -> AsyncIterator[Browser]:
    person = await town.person(username)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        assert (await sign_in(http, username)).status_code == 200
        yield Browser(http, person)


@dataclass(frozen=True, slots=True)
class Account:
    id: int
    user_id: int
    connection_id: int
    broker_account_id: int
    name: str


class Desk:
    def __init__(self, town: Town) -> None:
        self.town = town

    async def _add(self, table: str, key: str | None = "id", **values: Any) -> Any:
        rows = metadata.tables[table]
        statement = insert(rows).values(**values)
        return await self.town.write(statement if key is None else statement.returning(rows.c[key]))

    async def account(self, user_id: int, **values: Any) -> Account:
        number = next(_numbers)
        connection_id = await self._add(
            "broker_connections",
            user_id=user_id,
            name="Paper",
            environment="paper",
            login_name=f"login{number}",
            device_id="device",
        )
        name, broker_id = f"PAPER{number}", 7_000 + number
        account_id = await self._add(
            "accounts",
            user_id=user_id,
            connection_id=connection_id,
            broker_account_id=broker_id,
            name=name,
            **values,
        )
        return Account(account_id, user_id, connection_id, broker_id, name)

    async def balance(self, account: Account, cash_usd: str) -> None:
        await self._add(
            "account_balances",
            None,
            account_id=account.id,
            user_id=account.user_id,
            trade_date=DAY,
            cash_usd=Decimal(cash_usd),
            as_of=START,
        )

    async def record(self, strategy: Strategy, account: Account, **values: Any) -> int:
        """An open long of two ES; `values` change what is different."""
        columns: dict[str, Any] = {
            "user_id": account.user_id,
            "strategy_id": strategy.id,
            "account_id": account.id,
            "opening_fill_id": next(_numbers),
            "contract": "ESH6",
            "root": "ES",
            "ticker": "ES1!",
            "timeframe": "5",
            "side": "BUY",
            "qty": 2,
            "open_qty": 2,
            "entry_price": Decimal("5000.25"),
            "entry_at": START,
            "gross_usd": Decimal(0),
            "fees_usd": Decimal("2.10"),
            "net_usd": Decimal("-2.10"),
            "fees_known": True,
            "status": "open",
            "version": 1,
        } | values
        made: int = await self._add("recorded_positions", **columns)
        return made

    async def trade(
        self,
        strategy: Strategy,
        account: Account,
        *,
        net: str = "45.80",
        minutes: int = 5,
        on: date = DAY,
        **values: Any,
    ) -> int:
        """A closed trip: its record and its trade."""
        closed = {
            "exit_price": Decimal("5000.75"),
            "exit_at": START + timedelta(minutes=minutes),
            "exit_reason": "Take Profit",
            "gross_usd": Decimal(net) + Decimal("4.20"),
            "fees_usd": Decimal("4.20"),
            "net_usd": Decimal(net),
        } | values
        record_id = await self.record(strategy, account, open_qty=0, status="closed", **closed)
        columns: dict[str, Any] = {
            "user_id": account.user_id,
            "recorded_position_id": record_id,
            "strategy_id": strategy.id,
            "account_id": account.id,
            "contract": "ESH6",
            "root": "ES",
            "ticker": "ES1!",
            "timeframe": "5",
            "side": "BUY",
            "qty": 2,
            "entry_price": Decimal("5000.25"),
            "entry_at": START,
            "trade_date": on,
        } | closed
        made: int = await self._add("trades", **columns)
        return made

    async def position(
        self, strategy: Strategy, account: Account, net_qty: int, contract: str = "ESH6"
    ) -> None:
        await self._add(
            "positions",
            None,
            account_id=account.id,
            contract=contract,
            strategy_id=strategy.id,
            user_id=account.user_id,
            root=contract[:2],
            net_qty=net_qty,
            avg_price=Decimal(5000),
            version=1,
        )

    async def intent(self, strategy: Strategy, account: Account, **values: Any) -> UUID:
        """A market entry, sent and filled."""
        number = next(_numbers)
        columns: dict[str, Any] = {
            "id": uuid4(),
            "user_id": account.user_id,
            "account_id": account.id,
            "strategy_id": strategy.id,
            "cause": "signal",
            "cause_id": number,
            "account_seq": number,
            "role": "entry",
            "leg": "entry",
            "attempt": 1,
            "root": "ES",
            "contract": "ESH6",
            "action": "Buy",
            "qty": 2,
            "order_type": "Market",
            "time_in_force": "Day",
            "state": "FILLED",
            "filled_qty": 2,
            "fill_value": Decimal("10000.50"),
            "created_at": START,
            "claimed_at": START + timedelta(milliseconds=3),
            "answered_at": START + timedelta(milliseconds=40),
            "ended_at": START + timedelta(milliseconds=90),
        } | values
        made: UUID = await self._add("intents", **columns)
        return made

    async def fill(self, strategy: Strategy, account: Account, **values: Any) -> int:
        columns: dict[str, Any] = {
            "account_id": account.id,
            "broker_fill_id": next(_numbers),
            "user_id": account.user_id,
            "broker_order_id": 9_001,
            "strategy_id": strategy.id,
            "role": "entry",
            "root": "ES",
            "contract": "ESH6",
            "action": "Buy",
            "qty": 2,
            "price": Decimal("5000.25"),
            "fee_usd": Decimal("2.10"),
            "trade_date": DAY,
            "filled_at": START,
        } | values
        made: int = await self._add("fills", "broker_fill_id", **columns)
        return made

    async def add(self, table: str, key: str | None = "id", **values: Any) -> Any:
        """Any other row."""
        return await self._add(table, key, **values)
