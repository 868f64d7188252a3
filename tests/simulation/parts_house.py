"""Strategies that share one contract of one account, and a process that may be killed anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from paper import rows
from shared.contracts.envelope import Envelope
from shared.domain.alert_signal import Side, Signal, SignalKind, SignalOrderType
from shared.domain.ids import AccountId, StrategyId, UserId
from shared.domain.order import IntentState, Role
from tests.simulation.executor import (
    READY_S_MAX,
    STOP_TICKS,
    TARGET_TICKS,
    Executor,
    More,
    process,
)
from tests.simulation.rows import IntentRow
from tests.simulation.store import Store
from tests.simulation.venue_in_process import USER, World, world
from tests.simulation.verdict import books_agree
from tests.simulation.watch import FINAL, Watch

PRICE: Final = Decimal(5000)
ROOT: Final = "MES"
SETTLE_S: Final = 30.0  # an unknown fate takes nine, mending three
LOOK_EVERY_S: Final = 0.0002  # finer than the wire
_ORDER: Final = Signal(kind=SignalKind.ORDER, dialect="test")


@dataclass(slots=True)
class House:
    """The newest process is `executor`; the record and the venue outlive it."""

    world: World
    store: Store
    account: AccountId
    strategies: tuple[StrategyId, ...]
    executor: Executor
    told: list[Envelope] = field(default_factory=list)

    # --- alerts ---
    def enter(self, side: Side, qty: int, strategy: int = 0) -> None:
        self._say(replace(_ORDER, side=side, quantity=qty, price=PRICE), strategy)

    def rest_entry(self, qty: int, price: Decimal) -> None:
        limit = replace(_ORDER, order_type=SignalOrderType.LIMIT, limit_price=price)
        self._say(replace(limit, side=Side.BUY, quantity=qty), 0)

    def stop_limit(self, qty: int, trigger: Decimal, limit: Decimal) -> None:
        order = replace(_ORDER, order_type=SignalOrderType.STOP_LIMIT, stop_price=trigger)
        self._say(replace(order, side=Side.BUY, quantity=qty, limit_price=limit), 0)

    def take_back(self) -> None:
        self._say(Signal(kind=SignalKind.CANCEL, dialect="test"), 0)

    def part(self, qty: int, strategy: int = 0) -> None:
        self._say(Signal(kind=SignalKind.CLOSE, dialect="test", quantity=qty), strategy)

    def _say(self, signal: Signal, strategy: int) -> None:
        key = self.strategies[strategy]
        self.store.accept_signal(key, signal)
        self.executor.planner.wake(key)

    # --- what is seen ---
    def net(self, strategy: int = 0) -> int:
        mine = (
            r for r in self.store.positions.rows() if r.strategy_id == self.strategies[strategy]
        )
        return sum(row.net_qty for row in mine)

    def intents(self, role: Role, strategy: int = 0) -> list[IntentRow]:
        key = self.strategies[strategy]
        return [
            row
            for row in self.store.intents.rows()
            if row.role is role and row.intent.strategy_id == key
        ]

    def closed(self, role: Role, strategy: int = 0) -> int:
        return sum(row.filled_qty for row in self.intents(role, strategy))

    def cover(self, role: Role, strategy: int = 0) -> int:
        """Contracts for which the legs of a role work at the venue."""
        scribe = self.world.venue.trading.scribe
        orders = (self._order(row) for row in self.intents(role, strategy))
        return sum(
            scribe.version_of(order.id).order_qty - scribe.filled_qty(order.id)
            for order in orders
            if order is not None and order.ord_status not in FINAL
        )

    def _order(self, row: IntentRow) -> rows.Order | None:
        if row.broker_order_id is None:
            return None
        return self.world.venue.store.get(rows.Order, row.broker_order_id)

    def at_work(self, role: Role) -> int:
        orders = (self._order(row) for row in self.intents(role))
        return sum(
            self.world.venue.trading.scribe.version_of(order.id).order_qty
            for order in orders
            if order is not None and order.ord_status not in FINAL
        )

    def is_covered(self, strategy: int = 0) -> bool:
        held = abs(self.net(strategy))
        stops, targets = (self.cover(r, strategy) for r in (Role.STOP_LOSS, Role.TAKE_PROFIT))
        return stops == held and targets == held

    async def until(self, enough: Callable[[], bool], within_s: float = 10.0) -> None:
        await self.executor.until(enough, within_s, LOOK_EVERY_S)
        assert enough()

    async def rest(self) -> None:
        """Time for everything of ours to come to rest; asserts that nothing is left in doubt."""
        await self.world.clock.sleep(SETTLE_S)
        moving = (IntentState.PENDING, IntentState.SENDING, IntentState.UNKNOWN)
        open_ends = [r for r in self.store.intents.open() if r.state in moving]
        assert not open_ends, open_ends
        told = (await self.world.ledger())[self.executor.account.name]
        books_agree(self.executor, told)


Then = Callable[[House], Awaitable[None]]


@asynccontextmanager
async def house(strategies: int = 1, seed: int = 3) -> AsyncIterator[House]:
    """A shared account with so many bracketed strategies, nothing running yet but the venue."""
    async with world(seed) as venue:
        await venue.price(ROOT, PRICE)
        async with venue.broker(seed, run=False) as broker:
            account = (await broker.accounts())[0]
        store = Store(venue.clock)
        user = store.add_user()
        ours = store.add_account(store.add_connection(user, USER), account.account, account.name)
        store.accounts.put(ours, replace(store.accounts.one(ours), exclusive=False))
        keys = tuple(_strategy(store, user, ours, f"s{n}") for n in range(strategies))
        watch = Watch(venue, account.account, lambda: False)
        # Planner and logins are put in by each process.
        executor = Executor(venue, store, account, keys[0], None, None, watch, [])  # type: ignore[arg-type] # until a process runs
        yield House(venue, store, ours, keys, executor)


def _strategy(store: Store, user: UserId, account: AccountId, name: str) -> StrategyId:
    key = store.add_strategy(
        user,
        name,
        symbol="MES1!",
        take_profit_ticks=TARGET_TICKS,
        stop_loss_ticks=STOP_TICKS,
    )
    store.link(key, account)
    return key


@asynccontextmanager
async def lives(house: House, number: int = 1, more: More = lambda *_: ()) -> AsyncIterator[None]:
    """A process, ready; ended without a word at the end of the block."""
    executor = house.executor

    def bell(events: Sequence[Envelope]) -> None:
        house.told += events

    async with (
        house.world.broker(number, run=False) as broker,
        process(
            house.world,
            house.store,
            broker,
            bell,
            executor.watch,
            holder=f"process-{number}",
            more=more,
        ) as (executor.planner, executor.logins),
    ):
        await executor.until(lambda: executor.is_ready, READY_S_MAX)
        yield
