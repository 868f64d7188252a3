"""The parts of execution as `execution.app` joins them, over the ledger in memory and one venue.

signal in the store -> Planner -> Lanes -> Placer -> adapter -> venue
venue -> adapter -> Login -> Tracker -> ledger; Resolver, Protector, Reconcile beside it
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from execution.lanes import Lanes
from execution.login import Login
from execution.logins import Logins
from execution.placer import Placer
from execution.planner import Planner
from execution.prices import Prices
from execution.protector import Protector
from execution.reconcile import Reconcile
from execution.resolver import Resolver
from paper import rows as venue_rows
from shared.contracts.envelope import Envelope
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.ids import StrategyId
from shared.ports.broker import AccountInfo
from shared.ports.ledger import Lease
from tests.simulation.store import Store
from tests.simulation.twin import TwinLedger
from tests.simulation.venue_in_process import USER, World

QTY: Final = 2
STOP_TICKS = TARGET_TICKS = 40
SIGNAL_AGE_S_MAX: Final = 30.0
NAKED_S_MAX: Final = 3.0
RECONCILE_EVERY_S: Final = 30.0
STAGE_S_MAX: Final = 30.0
_LOOK_EVERY_S: Final = 0.1
_LOOKS: Final = 500
_FINAL: Final = frozenset({"Canceled", "Completed", "Expired", "Filled", "Rejected"})


@dataclass(slots=True)
class Executor:
    """One execution process with one login, one account and one strategy."""

    world: World
    store: Store
    account: AccountInfo
    strategy: StrategyId
    planner: Planner
    logins: Logins
    naked_s: float = 0.0  # the longest that the venue held a position of ours without a stop

    def buy(self, at: Decimal) -> None:
        """An accepted alert, as the webhook leaves it; `at` is the price it names."""
        signal = Signal(
            kind=SignalKind.ORDER, dialect="test", side=Side.BUY, quantity=QTY, price=at
        )
        self.store.accept_signal(self.strategy, signal)
        self.planner.wake(self.strategy)

    @property
    def is_ready(self) -> bool:
        return any(login.broker.ready for login in self.logins.all())

    async def until(self, enough: Callable[[], bool], within_s: float = STAGE_S_MAX) -> None:
        """Wait for it, a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not enough():
                    await self.world.clock.sleep(within_s / _LOOKS)

    # ---- what the venue holds

    def net(self) -> int:
        positions = self.world.venue.store.of_account(venue_rows.Position, self.account.account)
        return sum(position.net_pos for position in positions)

    def working(self, order_type: str | None = None) -> list[venue_rows.Order]:
        venue = self.world.venue
        return [
            order
            for order in venue.store.of_account(venue_rows.Order, self.account.account)
            if order.ord_status not in _FINAL
            and order_type in (None, venue.trading.scribe.version_of(order.id).order_type)
        ]

    async def watch(self) -> None:
        """Measure how long a position stands without a stop."""
        since_s: float | None = None
        while True:
            now_s = self.world.clock.monotonic()
            if self.net() == 0 or self.working("Stop"):
                since_s = None
            else:
                since_s = now_s if since_s is None else since_s
                self.naked_s = max(self.naked_s, now_s - since_s)
            await self.world.clock.sleep(_LOOK_EVERY_S)

    # ---- what must be true

    async def check(self, *, alone: bool) -> None:
        """The record equals the venue's; `alone`: nobody but us has touched the account."""
        mine: dict[str, Any] = (await self.world.ledger())[self.account.name]
        news = [
            c["clOrdId"] for c in mine["commands"] if c["commandType"] == "New" and "clOrdId" in c
        ]
        assert len(news) == len(set(news)), "an order was sent twice"
        assert self._record() == _told(mine)
        if alone:
            assert self.net() == 0
            assert not self.working(), "an exit works for nothing"
            assert self.naked_s <= NAKED_S_MAX, f"naked for {self.naked_s} s"

    def _record(self) -> dict[str, object]:
        fills = self.store.fills.rows()
        return {
            "fills": {
                f.broker_fill_id: (f.broker_order_id, f.qty, f.price, f.fee_usd, f.active)
                for f in fills
            },
            "net": _summed((row.contract, row.net_qty) for row in self.store.positions.rows()),
            "cash": {row.cash_usd for row in self.store.balances.rows()},
        }


def _told(mine: dict[str, Any]) -> dict[str, object]:
    fees = {row["id"]: _fee(row) for row in mine["fees"]}
    return {
        "fills": {
            f["id"]: (f["orderId"], f["qty"], Decimal(f["price"]), fees[f["id"]], f["active"])
            for f in mine["fills"]
        },
        "net": _summed((row["contract"], row["netPos"]) for row in mine["positions"]),
        "cash": {Decimal(mine["balance"])},
    }


def _summed(nets: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for contract, net in nets:
        total[contract] += net
    return {contract: net for contract, net in total.items() if net}


def _fee(row: dict[str, Any]) -> Decimal:
    parts = [value for key, value in row.items() if key.lower().endswith("fee")]
    return sum(map(Decimal, [*parts, row["commission"]]), Decimal(0))


@asynccontextmanager
async def executing(world: World, seed: int) -> AsyncIterator[Executor]:
    """Execution, in sync at a quiet venue; stopped at the end of the block."""
    async with world.broker(seed, run=False) as broker:
        account = (await broker.accounts())[0]
        store = Store(world.clock)
        user = store.add_user()
        connection = store.add_connection(user, USER)
        ours = store.add_account(connection, account.account, account.name)
        strategy = store.add_strategy(
            user,
            "one",
            symbol="MES1!",
            take_profit_ticks=TARGET_TICKS,
            stop_loss_ticks=STOP_TICKS,
        )
        store.link(strategy, ours)
        ledger, clock = TwinLedger(store), world.clock
        prices = Prices(clock)
        logins = Logins(ledger, clock, holder="simulated")
        placer = Placer(ledger, logins, clock)
        lanes = Lanes(ledger, logins, placer, prices, _bell, clock)
        protector = Protector(ledger, logins, _bell, clock)
        planner = Planner(ledger, _bell, clock, max_age_s=SIGNAL_AGE_S_MAX, planned=lanes.wake)
        resolver = Resolver(ledger, logins, _bell, clock)
        reconcile = Reconcile(ledger, logins, _bell, clock, read_every_s=RECONCILE_EVERY_S)

        def changed() -> None:
            lanes.wake()
            protector.rounds.wake()

        async def make(lease: Lease) -> Login:
            row = await ledger.login(lease.connection_id)
            return Login(lease, row, broker, ledger, prices, _bell, clock, changed=changed)

        executor = Executor(world, store, account, strategy, planner, logins)
        parts: tuple[Coroutine[Any, Any, Any], ...] = (
            logins.run(make),
            planner.run(),
            lanes.run(),
            protector.rounds.run(),
            resolver.rounds.run(),
            reconcile.rounds.run(),
            executor.watch(),
        )
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            await executor.until(lambda: executor.is_ready)
            yield executor
        finally:
            ended = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert not ended, results


def _bell(_: Sequence[Envelope]) -> None:
    """Nobody listens: what nobody rang for is found by the sweeps."""
