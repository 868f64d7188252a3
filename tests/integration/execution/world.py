"""A user with a paper login, two accounts and a strategy, and short ways to make things happen."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from execution.ledger import PostgresLedger
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.claim import Candidate, Verdict, judge
from shared.domain.ids import ConnectionId, StrategyId
from shared.domain.order import Action, BrokerStatus, OrderIntent, OrderType
from shared.domain.plan import decide
from shared.domain.signal_json import signal_to_json
from shared.ports.broker import Accepted, Fact, FillFact, OrderFact
from shared.ports.ledger import Claimed, Claims, Lease

BUY = Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY, symbol="NQ1!")
SELL = replace(BUY, side=Side.SELL)
CLOSE = Signal(kind=SignalKind.CLOSE, dialect="test", symbol="NQ1!")
QUOTE = Decimal(20000)
BROKER_ACCOUNTS = (9_000_000_001, 9_000_000_002)


class TestClock:
    """Stands still until it is told to go on."""

    __test__ = False

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 2, 15, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep(self, delay_s: float) -> None:
        self.advance(delay_s)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@dataclass
class World:
    db: asyncpg.Connection[Any]
    engine: AsyncEngine
    clock: TestClock
    ledger: PostgresLedger
    connection: ConnectionId
    accounts: list[int]
    strategies: list[StrategyId]
    lease: Lease
    ids: Any

    async def signal(self, signal: Signal, strategy: int = 0) -> int:
        """Accept a signal as api would, and fan it out; returns its id."""
        owner = self.strategies[strategy]
        row = await self.db.fetchrow(
            "INSERT INTO signals (user_id, strategy_id, seq, status, content, received_at)"
            " SELECT user_id, id, nextval('signals_id_seq'), 'accepted', $2, $3"
            " FROM strategies WHERE id = $1 RETURNING id",
            owner,
            json.dumps(signal_to_json(signal)),
            self.clock.now(),
        )
        # The database's clock decides what is old; the test's clock stands in 2026.
        await self.db.execute("UPDATE signals SET received_at = now() WHERE id = $1", row["id"])
        await self.ledger.fan_out(owner, decide, max_age_s=30)
        await self.db.execute(
            "UPDATE intents SET expires_at = $2 WHERE signal_id = $1 AND role = 'entry'",
            row["id"],
            self.clock.now() + timedelta(seconds=30),
        )
        return int(row["id"])

    async def claim(self) -> Claims:
        return await self.ledger.claim([self.lease], self._judge)

    def _judge(self, candidate: Candidate) -> Verdict:
        return judge(candidate, self.clock.now(), QUOTE)

    async def send(self) -> list[Claimed]:
        """Claim what may go and let the broker accept it."""
        claimed = (await self.claim()).claimed
        for each in claimed:
            legs = tuple(next(self.ids) for _ in each.legs)
            await self.ledger.record(each.intent.id, Accepted(next(self.ids), legs))
        return list(claimed)

    async def tell(self, *facts: Fact) -> None:
        await self.ledger.apply(self.connection, facts)

    async def order_id(self, intent: OrderIntent) -> int:
        return int(
            await self.db.fetchval("SELECT broker_order_id FROM intents WHERE id = $1", intent.id)
        )

    async def fill(self, intent: OrderIntent, price: str = "20000", qty: int | None = None) -> None:
        """The order is shown and filled, as the broker would tell."""
        order = await self.order_id(intent)
        filled = qty or intent.qty_contracts
        whole = filled == intent.qty_contracts
        status = BrokerStatus.FILLED if whole else BrokerStatus.WORKING
        await self.tell(
            await self.order_fact(intent, status), self.fill_fact(intent, order, price, filled)
        )

    async def order_fact(self, intent: OrderIntent, status: BrokerStatus) -> OrderFact:
        return OrderFact(
            account=BROKER_ACCOUNTS[self.accounts.index(intent.account_id)],
            order_id=await self.order_id(intent),
            client_id=str(intent.id),
            parent_order_id=None,
            contract_id=1,
            contract=intent.contract,
            action=intent.action,
            status=status,
            order_type=intent.order_type,
            qty_contracts=intent.qty_contracts,
            price=intent.price,
            stop_price=intent.stop_price,
            at=self.clock.now(),
        )

    def fill_fact(self, intent: OrderIntent, order: int, price: str, qty: int) -> FillFact:
        return FillFact(
            account=BROKER_ACCOUNTS[self.accounts.index(intent.account_id)],
            fill_id=next(self.ids),
            order_id=order,
            contract_id=1,
            contract=intent.contract,
            action=intent.action,
            qty_contracts=qty,
            price=Decimal(price),
            at=self.clock.now(),
            trade_date=self.clock.now().date(),
        )

    def foreign_fill(self, action: Action, qty: int = 1) -> tuple[OrderFact, FillFact]:
        """Somebody's thumb on a phone: an order without a client id of ours."""
        order = next(self.ids)
        shown = OrderFact(
            account=BROKER_ACCOUNTS[0],
            order_id=order,
            client_id=None,
            parent_order_id=None,
            contract_id=1,
            contract="NQZ6",
            action=action,
            status=BrokerStatus.FILLED,
            order_type=OrderType.MARKET,
            qty_contracts=qty,
            price=None,
            stop_price=None,
            at=self.clock.now(),
        )
        fill = FillFact(
            account=BROKER_ACCOUNTS[0],
            fill_id=next(self.ids),
            order_id=order,
            contract_id=1,
            contract="NQZ6",
            action=action,
            qty_contracts=qty,
            price=QUOTE,
            at=self.clock.now(),
            trade_date=self.clock.now().date(),
        )
        return shown, fill

    async def states(self, signal: int, account: int = 0) -> dict[str, str]:
        rows = await self.db.fetch(
            "SELECT leg, state FROM intents WHERE signal_id = $1 AND account_id = $2",
            signal,
            self.accounts[account],
        )
        return {row["leg"]: row["state"] for row in rows}

    async def decision(self, signal: int, account: int = 0) -> tuple[str, str, bool]:
        row = await self.db.fetchrow(
            "SELECT disposition, code, ended_at IS NOT NULL AS ended FROM signal_decisions"
            " WHERE signal_id = $1 AND account_id = $2",
            signal,
            self.accounts[account],
        )
        return row["disposition"], row["code"], row["ended"]

    async def position(self, strategy: int = 0, contract: str = "NQZ6") -> int:
        return int(
            await self.db.fetchval(
                "SELECT coalesce(sum(net_qty), 0) FROM positions"
                " WHERE account_id = $1 AND strategy_id = $2 AND contract = $3",
                self.accounts[0],
                self.strategies[strategy] if strategy >= 0 else 0,
                contract,
            )
        )


async def build(owner: asyncpg.Connection[Any], engine: AsyncEngine, accounts: int) -> World:
    clock = TestClock()
    ledger = PostgresLedger(engine, clock)
    user = await owner.fetchval(
        "INSERT INTO users (username, password_hash) VALUES ('ann', 'x') RETURNING id"
    )
    connection = await owner.fetchval(
        "INSERT INTO broker_connections (user_id, name, environment, login_name, device_id)"
        " VALUES ($1, 'Paper', 'paper', 'ann', 'd') RETURNING id",
        user,
    )
    ids = [
        await owner.fetchval(
            "INSERT INTO accounts (user_id, connection_id, broker_account_id, name)"
            " VALUES ($1, $2, $3, $4) RETURNING id",
            user,
            connection,
            BROKER_ACCOUNTS[index],
            f"PAPER{index}",
        )
        for index in range(accounts)
    ]
    strategies = [await _strategy(owner, user, name, ids) for name in ("one", "two")]
    (lease,) = await ledger.renew_leases("me")
    return World(
        owner,
        engine,
        clock,
        ledger,
        ConnectionId(connection),
        ids,
        strategies,
        lease,
        count(8_600_000_000),
    )


async def _strategy(owner: Any, user: int, name: str, accounts: list[int]) -> StrategyId:
    strategy = await owner.fetchval(
        "INSERT INTO strategies (user_id, name, name_key, symbol, take_profit, stop_loss,"
        " webhook_key_hash) VALUES ($1, $2, $2, 'NQ1!', '{20}', 10, $3) RETURNING id",
        user,
        name,
        name.encode(),
    )
    for account in accounts:
        await owner.execute(
            "INSERT INTO strategy_accounts (strategy_id, account_id, user_id) VALUES ($1, $2, $3)",
            strategy,
            account,
            user,
        )
    return StrategyId(strategy)
