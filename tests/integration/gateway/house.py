"""The rest of the house, as the gateway sees it: rows and events, committed together."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.accounts import BalanceChanged, ConnectionChanged
from shared.contracts.envelope import Envelope
from shared.contracts.orders import FillRecorded, OrderChanged
from shared.contracts.positions import PositionChanged
from shared.contracts.records import PositionOpened, PositionResized, TradeClosed
from shared.contracts.registry import EventBody
from shared.contracts.signals import SignalDecided
from shared.contracts.ws import TICKET_PREFIX
from shared.db.controls import say
from shared.db.outbox import add_many, envelope_of
from shared.db.uow import unit_of_work
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.ids import UserId
from shared.streams.publisher import xadd

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
DAY = date(2026, 8, 3)
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class User:
    id: int
    name: str
    session_id: int
    token: str


@dataclass(frozen=True, slots=True)
class Account:
    id: int
    user_id: int
    connection_id: int
    strategy_id: int


@dataclass(slots=True)
class Writing:
    """One transaction about one account."""

    connection: AsyncConnection
    account: Account
    seq: int
    events: list[Envelope]

    def tell(self, body: EventBody, aggregate: str = "test") -> None:
        self.seq += 1
        self.events.append(_envelope(body, self.account, aggregate, self.seq))


class House:
    """Writes as the owner. With `rings` False only the outbox learns of events."""

    def __init__(self, owner: AsyncEngine, redis: Redis) -> None:
        self.owner = owner
        self.redis = redis
        self.rings = True

    async def add_user(self, name: str) -> User:
        token = secrets.token_hex(16)
        async with unit_of_work(self.owner) as connection:
            user_id = await self._one(
                connection,
                "INSERT INTO users (username, password_hash) VALUES (:n, '') RETURNING id",
                n=name,
            )
            session_id = await self._one(
                connection,
                "INSERT INTO sessions (user_id, token_hash, csrf_secret, ws_hash, ws_issued_at,"
                " expires_at) VALUES (:u, :t, '', :w, now(), now() + interval '1 day')"
                " RETURNING id",
                u=user_id,
                t=secrets.token_bytes(32),
                w=hashlib.sha256(token.encode()).digest(),
            )
        return User(user_id, name, session_id, token)

    async def add_ticket(self, user: User) -> str:
        """As the API gives one; it keeps the hash alone."""
        ticket = TICKET_PREFIX + secrets.token_hex(24)
        await self.execute(
            "INSERT INTO ws_tickets (ticket_hash, user_id, session_id, expires_at)"
            " VALUES (:h, :u, :s, now() + interval '60 seconds')",
            h=hashlib.sha256(ticket.encode()).digest(), u=user.id, s=user.session_id,
        )  # fmt: skip
        return ticket

    async def add_account(self, user: User) -> Account:
        number = next(_numbers)
        async with unit_of_work(self.owner) as connection:
            connection_id = await self._one(
                connection,
                "INSERT INTO broker_connections (user_id, name, environment, login_name, device_id)"
                " VALUES (:u, 'demo', 'demo', :n, 'd') RETURNING id",
                u=user.id,
                n=f"login-{number}",
            )
            account_id = await self._one(
                connection,
                "INSERT INTO accounts (user_id, connection_id, broker_account_id, name)"
                " VALUES (:u, :c, :n, :name) RETURNING id",
                u=user.id, c=connection_id, n=number, name=f"DEMO{number}",
            )  # fmt: skip
            strategy_id = await self._one(
                connection,
                "INSERT INTO strategies (user_id, name, name_key, webhook_key_hash)"
                " VALUES (:u, :n, :n, :h) RETURNING id",
                u=user.id, n=f"s{number}", h=secrets.token_bytes(32),
            )  # fmt: skip
        return Account(account_id, user.id, connection_id, strategy_id)

    @asynccontextmanager
    async def writing(self, account: Account) -> AsyncIterator[Writing]:
        async with unit_of_work(self.owner) as connection:
            seq = await self._one(
                connection,
                "INSERT INTO risk_state (account_id, user_id) VALUES (:a, :u)"
                " ON CONFLICT (account_id) DO UPDATE SET updated_at = now() RETURNING event_seq",
                a=account.id, u=account.user_id,
            )  # fmt: skip
            now = Writing(connection, account, seq, [])
            yield now
            await connection.execute(
                text("UPDATE risk_state SET event_seq = :s WHERE account_id = :a"),
                {"s": now.seq, "a": account.id},
            )
            await add_many(connection, now.events)
        await self._ring(now.events)

    async def position(
        self, account: Account, net_qty: int, *, contract: str = "MESZ6", avg: str = "5000"
    ) -> None:
        async with self.writing(account) as now:
            version = await self._one(
                now.connection,
                "INSERT INTO positions (account_id, contract, strategy_id, user_id, root, net_qty,"
                " avg_price, version) VALUES (:a, :c, :s, :u, 'MES', :q, :p, 1)"
                " ON CONFLICT (account_id, contract, strategy_id) DO UPDATE SET"
                " net_qty = :q, avg_price = :p, version = positions.version + 1 RETURNING version",
                a=account.id, c=contract, s=account.strategy_id, u=account.user_id, q=net_qty,
                p=Decimal(avg) if net_qty else None,
            )  # fmt: skip
            now.tell(
                PositionChanged(
                    account_id=account.id, strategy_id=account.strategy_id, contract=contract,
                    root="MES", net_qty=net_qty, avg_price=Decimal(avg) if net_qty else None,
                    point_value_usd=Decimal(5), version=version, as_of=NOON,
                )
            )  # fmt: skip

    async def order(self, account: Account, order_id: int, status: str, price: str = "1") -> None:
        async with self.writing(account) as now:
            version = await self._one(
                now.connection,
                "INSERT INTO orders (account_id, broker_order_id, user_id, contract, action,"
                " status, order_type, qty, price, version, as_of) VALUES (:a, :o, :u, 'MESZ6',"
                " 'Buy', :st, 'Limit', 1, :p, 1, :at) ON CONFLICT (account_id, broker_order_id)"
                " DO UPDATE SET status = :st, price = :p, version = orders.version + 1"
                " RETURNING version",
                a=account.id, o=order_id, u=account.user_id, st=status, p=Decimal(price), at=NOON,
            )  # fmt: skip
            now.tell(
                OrderChanged(
                    account_id=account.id, order_id=order_id, intent_id=None, strategy_id=0,
                    signal_id=None, role=None, contract="MESZ6", action="Buy", status=status,
                    order_type="Limit", qty=1, price=Decimal(price), stop_price=None,
                    reject_reason=None, version=version, as_of=NOON,
                )
            )  # fmt: skip

    async def fill(self, account: Account, fill_id: int) -> None:
        async with self.writing(account) as now:
            now.tell(_fill(account, fill_id, "MESZ6"))

    async def fills(self, account: Account, first: int, count: int) -> None:
        """Several at once, each a frame of 8 KB."""
        async with self.writing(account) as now:
            for fill_id in range(first, first + count):
                now.tell(_fill(account, fill_id, "X" * 8_000))

    async def balance(self, account: Account, cash: str) -> None:
        async with self.writing(account) as now:
            await now.connection.execute(
                text(
                    "INSERT INTO account_balances (account_id, user_id, trade_date, cash_usd,"
                    " as_of) VALUES (:a, :u, :d, :c, :at) ON CONFLICT (account_id)"
                    " DO UPDATE SET cash_usd = :c"
                ),
                {"a": account.id, "u": account.user_id, "d": DAY, "c": Decimal(cash), "at": NOON},
            )
            now.tell(
                BalanceChanged(
                    account_id=account.id, trade_date=DAY, cash_usd=Decimal(cash),
                    realized_pnl_usd=None, as_of=NOON,
                )
            )  # fmt: skip

    async def decision(self, account: Account, signal_id: int) -> None:
        async with self.writing(account) as now:
            now.tell(
                SignalDecided(
                    signal_id=signal_id, strategy_id=account.strategy_id, account_id=account.id,
                    disposition="FILLED", code="ok", message="Filled.",
                )
            )  # fmt: skip

    async def connection_state(self, account: Account, state: str, at: datetime = NOON) -> None:
        body = ConnectionChanged(connection_id=account.connection_id, state=state, reason=None)
        async with unit_of_work(self.owner) as connection:
            await connection.execute(
                text(
                    "INSERT INTO broker_sessions (connection_id, user_id, state)"
                    " VALUES (:c, :u, :s) ON CONFLICT (connection_id) DO UPDATE SET state = :s"
                ),
                {"c": account.connection_id, "u": account.user_id, "s": state},
            )
            event = _envelope(body, account, "connection", None, at).model_copy(
                update={"account_id": None}
            )
            await add_many(connection, [event])
        await self._ring([event])

    async def record(self, account: Account, kind: str, row_id: int, version: int) -> None:
        """A step in the life of a recorded position: opened, resized or closed."""
        is_closed = kind == "closed"
        common: dict[str, Any] = {
            "recorded_position_id": row_id, "strategy_id": account.strategy_id,
            "strategy_name": "s", "account_id": account.id, "account_name": "a",
            "contract": "MESZ6", "ticker": "MES1!", "side": "BUY", "qty": 2,
            "open_qty": 0 if is_closed else 2, "entry_price": Decimal(5000), "entry_at": NOON,
            "version": version,
        }  # fmt: skip
        body: EventBody
        match kind:
            case "opened":
                body = PositionOpened(**common)
            case "resized":
                body = PositionResized(
                    **common, reason=None, closed_qty=0, exit_price=None, gross_usd=Decimal(0)
                )
            case _:
                body = TradeClosed(
                    **common, exit_price=Decimal(5001), exit_at=NOON, exit_reason="Signal",
                    gross_usd=Decimal(10), fees_usd=Decimal(1), net_usd=Decimal(9),
                    fees_known=True, trade_date=DAY,
                )  # fmt: skip
        async with unit_of_work(self.owner) as connection:
            await connection.execute(_RECORD, _record_row(account, row_id, version, is_closed))
            event = _envelope(body, account, f"record:{row_id}", None)
            await add_many(connection, [event])
        await self._ring([event])

    async def tell_user(self, user: User, body: EventBody) -> None:
        """An event of a user that carries no number."""
        event = envelope_of(
            body, event_id=uuid4(), correlation_id="test", user_id=user.id, aggregate="test",
            occurred_at=NOON,
        )  # fmt: skip
        async with unit_of_work(self.owner) as connection:
            await add_many(connection, [event])
        await self._ring([event])

    async def say(self, user: User | None, scope: Scope, scope_id: int, word: Word) -> None:
        """As api and the command line do. None: to the system."""
        owner = None if user is None else UserId(user.id)
        async with unit_of_work(self.owner) as connection:
            said = await say(connection, owner, scope, scope_id, word, reason="test", by="test")
        await self._ring([said.event])

    async def end_session(self, user: User) -> None:
        async with unit_of_work(self.owner) as connection:
            await connection.execute(
                text("UPDATE sessions SET ended_at = now() WHERE id = :i"), {"i": user.session_id}
            )

    async def execute(self, statement: str, **values: object) -> None:
        async with unit_of_work(self.owner) as connection:
            await connection.execute(text(statement), values)

    async def _ring(self, events: list[Envelope]) -> None:
        if self.rings:
            await xadd(self.redis, events)

    @staticmethod
    async def _one(connection: AsyncConnection, statement: str, **values: object) -> int:
        return int((await connection.execute(text(statement), values)).scalar_one())


def _fill(account: Account, fill_id: int, contract: str) -> FillRecorded:
    return FillRecorded(
        account_id=account.id, fill_id=fill_id, order_id=2**60 + 1, intent_id=None, strategy_id=0,
        signal_id=None, role=None, contract=contract, root="MES", action="Buy", qty=1,
        price=Decimal("5000.25"), fee_usd=None, trade_date=DAY, filled_at=NOON,
    )  # fmt: skip


_RECORD = text("""
    INSERT INTO recorded_positions (id, user_id, strategy_id, account_id, opening_fill_id, contract,
      root, ticker, side, qty, open_qty, entry_price, entry_at, gross_usd, fees_usd, net_usd,
      fees_known, status, version)
    OVERRIDING SYSTEM VALUE
    VALUES (:id, :u, :s, :a, :id, 'MESZ6', 'MES', 'MES1!', 'BUY', 2, :open, 5000, :at, 0, 0, 0,
      false, :status, :v)
    ON CONFLICT (id) DO UPDATE SET version = :v, status = :status, open_qty = :open
""")


def _record_row(account: Account, row_id: int, version: int, is_closed: bool) -> dict[str, Any]:
    return {
        "id": row_id, "u": account.user_id, "s": account.strategy_id, "a": account.id,
        "open": 0 if is_closed else 2, "at": NOON, "v": version,
        "status": "closed" if is_closed else "open",
    }  # fmt: skip


def _envelope(
    body: EventBody, account: Account, aggregate: str, seq: int | None, at: datetime = NOON
) -> Envelope:
    return envelope_of(
        body,
        event_id=uuid4(),
        correlation_id="test",
        user_id=account.user_id,
        account_id=account.id,
        seq=seq,
        aggregate=aggregate,
        occurred_at=at,
    )
