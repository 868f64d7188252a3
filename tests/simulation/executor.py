"""The parts of execution as `execution.app` joins them, over the ledger in memory and one venue.

signal in the store -> Planner -> Lanes -> Placer -> adapter -> venue
venue -> adapter -> Login -> Tracker -> ledger; Resolver, Protector, Reconcile beside it
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from execution.averager import Averager
from execution.bell import Bell
from execution.drift_watch import DriftWatch
from execution.healer import Healer
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
from shared.contracts.accounts import AccountQuarantined
from shared.contracts.envelope import Envelope
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.ids import StrategyId
from shared.domain.order import IntentState
from shared.ports.broker import AccountInfo, Broker
from shared.ports.ledger import Lease
from tests.simulation.ledger.averages import TwinAveraging
from tests.simulation.ledger.heals import TwinHealing
from tests.simulation.store import Store
from tests.simulation.twin import TwinLedger
from tests.simulation.venue_in_process import USER, World
from tests.simulation.watch import Watch

QTY: Final = 2
STOP_TICKS = TARGET_TICKS = 40
SIGNAL_AGE_S_MAX: Final = 30.0
RECONCILE_EVERY_S: Final = 30.0
READY_S_MAX: Final = 30.0
_LOOK_EVERY_S: Final = 0.05


@dataclass(slots=True)
class Executor:
    """One execution process with one login, one account and one strategy."""

    world: World
    store: Store
    account: AccountInfo
    strategy: StrategyId
    planner: Planner
    logins: Logins
    watch: Watch
    # When word left that something is wrong with the account, and when that it is over: no code.
    alarms: list[tuple[float, str | None]]
    unspent: frozenset[str] = frozenset()

    def buy(self, at: Decimal) -> None:
        """An accepted alert, as the webhook leaves it; `at` is the price it names."""
        self._signal(
            Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY, quantity=QTY, price=at)
        )

    def close(self) -> None:
        """An alert that ends the position."""
        self._signal(Signal(kind=SignalKind.CLOSE, dialect="test"))

    def _signal(self, signal: Signal) -> None:
        self.store.accept_signal(self.strategy, signal)
        self.planner.wake(self.strategy)

    @property
    def is_ready(self) -> bool:
        return any(login.broker.ready for login in self.logins.all())

    def is_at_rest(self) -> bool:
        """Nothing of ours is on its way, in doubt or waiting, and nothing is naked."""
        moving = any(
            row.state in _MOVING for row in self.store.intents.open() if row.ended_at is None
        )
        return not moving and self.watch.exposed() <= self.watch.covered()

    async def until_told(self, enough: Callable[[], bool], within_s: float) -> None:
        """Wait for it, a while; looks at the very instant of each change at the venue."""
        changed = asyncio.Event()
        self.world.onlookers.append(changed.set)
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not enough():
                    await changed.wait()
                    changed.clear()
        self.world.onlookers.remove(changed.set)

    async def until(
        self, enough: Callable[[], bool], within_s: float, every_s: float = _LOOK_EVERY_S
    ) -> None:
        """Wait for it, a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not enough():
                    await self.world.clock.sleep(every_s)

    def owned(self) -> int:
        return self.watch.owned()

    def working(self) -> list[venue_rows.Order]:
        return self.watch.working(ours=True)


_MOVING: Final = (IntentState.PENDING, IntentState.SENDING, IntentState.UNKNOWN)


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
        alarms: list[tuple[float, str | None]] = []
        bell = _alarming(world, alarms)
        watch = watching(world, account, store)
        async with process(world, store, broker, bell, watch) as (planner, logins):
            executor = Executor(world, store, account, strategy, planner, logins, watch, alarms)
            await executor.until(lambda: executor.is_ready, READY_S_MAX)
            yield executor


@asynccontextmanager
async def succeeding(before: Executor, seed: int, holder: str) -> AsyncIterator[Executor]:
    """Another process over the record of one that is gone, in sync; its alarms are its own."""
    world, store, account = before.world, before.store, before.account
    alarms: list[tuple[float, str | None]] = []
    async with world.broker(seed, run=False) as broker:
        watch = watching(world, account, store)
        bell = _alarming(world, alarms)
        async with process(world, store, broker, bell, watch, holder) as (planner, logins):
            executor = Executor(
                world, store, account, before.strategy, planner, logins, watch, alarms
            )
            await executor.until(lambda: executor.is_ready, READY_S_MAX)
            yield executor


def _alarming(world: World, alarms: list[tuple[float, str | None]]) -> Bell:
    def bell(events: Sequence[Envelope]) -> None:
        for event in events:
            if event.type == AccountQuarantined.type:
                code = AccountQuarantined.model_validate(event.body).code
                alarms.append((world.clock.monotonic(), code))

    return bell


def watching(world: World, account: AccountInfo, store: Store) -> Watch:
    return Watch(world, account.account, lambda: _exit_in_doubt(store), lambda: _has_exit(store))


More = Callable[[TwinLedger, Logins, Prices, Bell], Sequence[Coroutine[Any, Any, Any]]]


@asynccontextmanager
async def process(
    world: World,
    store: Store,
    broker: Broker,
    bell: Bell,
    watch: Watch,
    holder: str = "simulated",
    more: More = lambda *_: (),
) -> AsyncIterator[tuple[Planner, Logins]]:
    """The parts of one process, and an onlooker; all are cancelled where they stand at the end.

    `more`: parts that only some lives need.
    """
    ledger, clock = TwinLedger(store), world.clock
    prices = Prices(clock)
    logins = Logins(ledger, clock, holder=holder)
    placer = Placer(ledger, logins, clock)
    lanes = Lanes(ledger, logins, placer, prices, bell, clock)
    protector = Protector(ledger, logins, prices, bell, clock)
    planner = Planner(ledger, bell, clock, max_age_s=SIGNAL_AGE_S_MAX, planned=lanes.wake)
    resolver = Resolver(ledger, logins, bell, clock)
    reconcile = Reconcile(ledger, logins, bell, clock, read_every_s=RECONCILE_EVERY_S)

    averager = Averager(TwinAveraging(store), logins, prices, clock, planned=lanes.wake)

    def changed() -> None:
        lanes.wake()
        protector.rounds.wake()

    async def make(lease: Lease) -> Login:
        row = await ledger.login(lease.connection_id)
        return Login(lease, row, broker, ledger, prices, bell, clock, changed=changed)

    parts: tuple[Coroutine[Any, Any, Any], ...] = (
        logins.run(make),
        planner.run(),
        lanes.run(),
        protector.run(),
        resolver.run(),
        averager.rounds.run(),
        reconcile.run(),
        DriftWatch(ledger, logins, bell, clock).rounds.run(),
        Healer(TwinHealing(store), logins, planned=lanes.wake).rounds.run(),
        watch.run(),
        *more(ledger, logins, prices, bell),
    )
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        yield planner, logins
    finally:
        ended = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not ended, results


def _has_exit(store: Store) -> bool:
    return any(row.role.ends for row in store.intents.open())


def _exit_in_doubt(store: Store) -> bool:
    """Sent, and no answer or an unclear one."""
    return any(
        row.role.ends and row.state in (IntentState.SENDING, IntentState.UNKNOWN)
        for row in store.intents.open()
    )
