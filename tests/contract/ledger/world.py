"""A user with a paper login, two accounts and two strategies, over either ledger.

A world can do little: accept a signal as api does, ask for something, let time pass, and show its
tables. Everything else here is said in terms of that and of the port.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any, Final

from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.claim import Candidate, Verdict, judge
from shared.domain.controls import Word
from shared.domain.decision.decide import decide
from shared.domain.gates.controls import Scope
from shared.domain.ids import AccountId, ConnectionId, StrategyId, UserId
from shared.domain.order import Action, BrokerStatus, OrderIntent, OrderType
from shared.domain.rules import FREE_ACCOUNT, AccountRules, StrategyRules
from shared.ports.broker import Accepted, Fact, FillFact, OrderFact
from shared.ports.ledger import Claimed, Claims, Command, Lease, Ledger
from tests.contract.ledger.clock import StandingClock

BUY: Final = Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY, symbol="NQ1!")
SELL: Final = replace(BUY, side=Side.SELL)
CLOSE: Final = Signal(kind=SignalKind.CLOSE, dialect="test", symbol="NQ1!")
QUOTE: Final = Decimal(20000)
BROKER_ACCOUNTS: Final = (9_000_000_001, 9_000_000_002)
STRATEGIES: Final = ("one", "two")
TAKE_PROFIT_TICKS: Final = 20
STOP_LOSS_TICKS: Final = 10
MAX_AGE_S: Final = 30

TABLES: Final = (
    "controls",
    "commands",
    "intents",
    "orders",
    "fills",
    "positions",
    "signal_decisions",
    "risk_state",
    "risk_standings",
    "drifts",
    "risk_prices",
    "risk_values",
    "account_balances",
    "leases",
    "outbox",
)
Row = dict[str, Any]


class World(ABC):
    ledger: Ledger
    clock: StandingClock
    user: UserId
    connection: ConnectionId
    accounts: list[AccountId]
    strategies: list[StrategyId]
    lease: Lease

    def __init__(self) -> None:
        self.ids = count(8_600_000_000)

    # --- what the two worlds do in their own way ---
    @abstractmethod
    async def accept(self, signal: Signal, strategy: int = 0) -> int:
        """Commit a signal as api does; returns its id."""

    @abstractmethod
    async def ask(self, kind: str, detail: Mapping[str, object]) -> Command:
        """Commit a command as api does."""

    @abstractmethod
    async def switch_login(self, *, enabled: bool) -> None: ...

    @abstractmethod
    async def say(self, scope: Scope, scope_id: int, word: Word) -> None:
        """Commit a control as api and the command line do; reason and speaker are "test"."""

    @abstractmethod
    async def set_rules(self, rules: StrategyRules, strategy: int = 0) -> None: ...

    @abstractmethod
    async def set_account(
        self, rules: AccountRules = FREE_ACCOUNT, *, exclusive: bool = True, account: int = 0
    ) -> None: ...

    @abstractmethod
    async def switch_strategy(self, strategy: int = 0, *, active: bool) -> None: ...

    @abstractmethod
    async def keep_hours(self) -> None:
        """From now on the login trades at a venue with the exchange's sessions."""

    @abstractmethod
    async def go_live(self, *, enabled: bool) -> None:
        """The login is for real money; its accounts were enabled by a person, or not."""

    @abstractmethod
    async def advance(self, seconds: float) -> None:
        """Let time pass, for processes and database alike."""

    @abstractmethod
    async def table(self, name: str) -> list[Row]:
        """All rows of one of `TABLES`, in a form that can be compared."""

    # --- short ways to make things happen ---
    async def renew(self) -> None:
        """As a process does that lives: its lease would run out otherwise."""
        (self.lease,) = await self.ledger.renew_leases("me")

    async def signal(self, signal: Signal, strategy: int = 0) -> int:
        """Accept a signal and fan it out; returns its id."""
        accepted = await self.accept(signal, strategy)
        await self.ledger.fan_out(self.strategies[strategy], decide, MAX_AGE_S)
        return accepted

    async def claim(self) -> Claims:
        return await self.ledger.claim([self.lease], self.judge)

    def judge(self, candidate: Candidate) -> Verdict:
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

    async def fill(self, intent: OrderIntent, price: str = "20000") -> None:
        """The order is shown and filled, as the broker would tell."""
        order = await self.order_id(intent)
        await self.tell(
            await self.order_fact(intent, BrokerStatus.FILLED),
            self.fill_fact(intent, order, price, intent.qty_contracts),
        )

    async def order_fact(self, intent: OrderIntent, status: BrokerStatus) -> OrderFact:
        return self.shown(intent, status, await self.order_id(intent))

    def shown(self, intent: OrderIntent, status: BrokerStatus, order_id: int) -> OrderFact:
        return OrderFact(
            account=BROKER_ACCOUNTS[self.accounts.index(intent.account_id)],
            order_id=order_id,
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

    # --- what is seen ---
    async def rows(self, table: str, **wanted: object) -> list[Row]:
        rows = await self.table(table)
        return [row for row in rows if all(row[name] == each for name, each in wanted.items())]

    async def order_id(self, intent: OrderIntent) -> int:
        (row,) = await self.rows("intents", id=str(intent.id))
        return int(row["broker_order_id"])

    async def states(self, signal: int, account: int = 0) -> dict[str, str]:
        found = await self.rows("intents", signal_id=signal, account_id=self.accounts[account])
        return {row["leg"]: row["state"] for row in found}

    async def decision(self, signal: int, account: int = 0) -> tuple[str, str, bool]:
        of = {"signal_id": signal, "account_id": self.accounts[account]}
        (row,) = await self.rows("signal_decisions", **of)
        return row["disposition"], row["code"], row["ended_at"] is not None

    async def position(self, strategy: int = 0, contract: str = "NQZ6") -> int:
        owner = self.strategies[strategy] if strategy >= 0 else 0
        of = {"account_id": self.accounts[0], "strategy_id": owner, "contract": contract}
        return sum(int(row["net_qty"]) for row in await self.rows("positions", **of))
