"""Execution at a venue that keeps hours, with one account for each thing a calendar can ask.

A process lives for a stretch and is ended without a word; between two stretches none runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time
from decimal import Decimal
from itertools import count
from typing import Any, Final

from execution.calendar_round import CalendarRound
from execution.lanes import Lanes
from execution.login import Login
from execution.logins import Logins
from execution.placer import Placer
from execution.planner import Planner
from execution.prices import Prices
from execution.protector import Protector
from execution.reconcile import Reconcile
from execution.resolver import Resolver
from paper import rows
from paper.policy import Policy
from shared.contracts.envelope import Envelope
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.ids import AccountId, StrategyId
from shared.domain.order import IntentState, Role
from shared.domain.rules import (
    FREE_ACCOUNT,
    AccountRules,
    RollPolicy,
    RollRules,
    StrategyRules,
)
from shared.domain.rules.bracket import plain_bracket
from shared.domain.rules.entries import AtEnd, Hours, Window
from shared.domain.rules.prop import PropRules
from shared.ports.ledger import Lease
from tests.simulation.ledger.due import TwinAgenda
from tests.simulation.rows import IntentRow
from tests.simulation.store import Store
from tests.simulation.twin import TwinLedger
from tests.simulation.venue_in_process import USER, World, world
from tests.simulation.watch import Watch

QTY: Final = 2
TARGET_TICKS: Final = 400
STOP_TICKS: Final = 200
PRICE: Final = Decimal(21000)
READY_S_MAX: Final = 60.0
_SEED: Final = 7
_LOOK_EVERY_S: Final = 0.0005

_BRACKET: Final = plain_bracket(TARGET_TICKS, STOP_TICKS)
_DAY: Final = Hours(windows=(Window(start=time(9, 30), stop=time(16)),), at_end=AtEnd.FLATTEN)
_TO_THE_CLOSE: Final = Hours(
    windows=(Window(start=time(9, 30), stop=time(17)),), at_end=AtEnd.FLATTEN
)
FIRM: Final = AccountRules(
    prop=PropRules(
        name="firm",
        start_balance_usd=Decimal(100_000),
        drawdown_usd=Decimal(50_000),
        hours=Hours(zone="America/Chicago"),
        flat_by=time(15, 10),
    )
)
# Name -> the strategy's rules and the account's.
RULES: Final[dict[str, tuple[StrategyRules, AccountRules]]] = {
    "tell": (_policy := StrategyRules(bracket=_BRACKET), FREE_ACCOUNT),
    "close": (
        _policy.model_copy(update={"roll": RollRules(policy=RollPolicy.CLOSE)}),
        FREE_ACCOUNT,
    ),
    "move": (_policy.model_copy(update={"roll": RollRules(policy=RollPolicy.MOVE)}), FREE_ACCOUNT),
    "window": (_policy.model_copy(update={"hours": _DAY}), FREE_ACCOUNT),
    "firm": (_policy, FREE_ACCOUNT),
    "late": (_policy.model_copy(update={"hours": _TO_THE_CLOSE}), FREE_ACCOUNT),
}


@dataclass(frozen=True, slots=True)
class Seat:
    """One account with the one strategy that trades it."""

    name: str
    account: AccountId
    venue_account: int
    venue_name: str
    strategy: StrategyId
    watch: Watch


@dataclass(slots=True)
class House:
    """Everything that outlives a process."""

    world: World
    store: Store
    seats: dict[str, Seat]
    processes: count[int]
    planner: Planner | None = None

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    async def until(self, at: datetime) -> None:
        await self.world.clock.sleep((at - self.now).total_seconds())

    async def wait(self, enough: Callable[[], bool], within_s: float) -> bool:
        """Whether it came to be, seen within half a millisecond of it."""
        try:
            async with asyncio.timeout(within_s):
                while not enough():
                    await self.world.clock.sleep(_LOOK_EVERY_S)
        except TimeoutError:
            return False
        return True

    def buy(self, name: str) -> None:
        """An accepted alert, as the webhook leaves it."""
        order = Signal(
            kind=SignalKind.ORDER, dialect="test", side=Side.BUY, quantity=QTY, price=PRICE
        )
        self.store.accept_signal(self.seats[name].strategy, order)
        if self.planner is not None:
            self.planner.wake(self.seats[name].strategy)

    def close(self, name: str) -> None:
        self.store.accept_signal(
            self.seats[name].strategy, Signal(kind=SignalKind.CLOSE, dialect="test")
        )

    def held(self, name: str) -> dict[str, int]:
        """By the venue: contract -> signed contracts."""
        store = self.world.venue.store
        found = store.of_account(rows.Position, self.seats[name].venue_account)
        return {
            store.must(rows.Contract, each.contract_id).name: each.net_pos
            for each in found
            if each.net_pos
        }

    def orders(self, name: str, role: Role | None = None) -> list[IntentRow]:
        mine = self.seats[name].account
        found = [r for r in self.store.intents.rows() if r.account_id == mine and not r.is_leg]
        return [row for row in found if role is None or row.role is role]

    def rule(self, name: str, rules: AccountRules) -> None:
        """From now on these rules hold in the account."""
        row = self.store.accounts.one(self.seats[name].account)
        self.store.accounts.put(row.id, replace(row, rules=rules))

    def said(self) -> list[str]:
        """Why signals became nothing, for the message of a failed test."""
        return [f"{row.code}: {row.message}" for row in self.store.decisions.rows()]

    def told(self, kind: str) -> list[Envelope]:
        return [each for each in self.store.outbox.rows() if each.type == kind]


@asynccontextmanager
async def open_house(start: datetime) -> AsyncIterator[House]:
    """The venue and all that is kept, before any process runs."""
    options = {"paper_accounts": len(RULES), "paper_policy": Policy(sessions=True)}
    async with world(_SEED, start, **options) as venue:
        store = Store(venue.clock)
        await venue.price("NQ", PRICE)
        yield House(venue, store, _furnish(venue, store), count(1))


def _furnish(world: World, store: Store) -> dict[str, Seat]:
    user = store.add_user()
    connection = store.add_connection(user, USER, environment="demo")
    seats = {}
    accounts = sorted(world.venue.store.all(rows.Account), key=lambda row: row.id)
    for (name, (rules, account_rules)), theirs in zip(RULES.items(), accounts, strict=True):
        account = store.add_account(connection, theirs.id, theirs.name)
        here = store.accounts.one(account)
        store.accounts.put(account, replace(here, rules=account_rules))
        strategy = store.add_strategy(user, name, symbol="NQ1!")
        settings = store.strategies.one(strategy)
        changed = replace(settings, strategy=replace(settings.strategy, rules=rules))
        store.strategies.put(strategy, changed)
        store.link(strategy, account)
        watch = Watch(world, theirs.id, lambda mine=account: _in_doubt(store, mine))  # type: ignore[misc] # mypy cannot infer a lambda with a default
        seats[name] = Seat(name, account, theirs.id, theirs.name, strategy, watch)
    return seats


def _in_doubt(store: Store, account: AccountId) -> bool:
    """An exit was sent, and there is no answer or an unclear one."""
    return any(
        row.role is Role.EXIT
        and row.account_id == account
        and row.state in (IntentState.SENDING, IntentState.UNKNOWN)
        for row in store.intents.open()
    )


@asynccontextmanager
async def running(house: House, *, rings: bool = True) -> AsyncIterator[None]:
    """One process; at the end it is cut off in the middle of whatever it does.

    `rings` False: nobody hears that orders were planned, until the lanes look by themselves.
    """
    clock, number = house.world.clock, next(house.processes)
    ledger, agenda = TwinLedger(house.store), TwinAgenda(house.store)
    async with house.world.broker(number, run=False) as broker:
        prices = Prices(clock)
        logins = Logins(ledger, clock, holder=f"process {number}")
        lanes = Lanes(ledger, logins, Placer(ledger, logins, clock), prices, _bell, clock)
        protector = Protector(ledger, logins, prices, _bell, clock)
        planner = Planner(ledger, _bell, clock, max_age_s=30.0, planned=lanes.wake)
        planned = lanes.wake if rings else _nobody
        calendar = CalendarRound(agenda, logins, _bell, clock, planned=planned)

        def changed() -> None:
            lanes.wake()
            protector.rounds.wake()

        async def make(lease: Lease) -> Login:
            row = await ledger.login(lease.connection_id)
            return Login(lease, row, broker, ledger, prices, _bell, clock, changed=changed)

        parts: tuple[Coroutine[Any, Any, Any], ...] = (
            logins.run(make),
            planner.run(),
            lanes.run(),
            protector.run(),
            Resolver(ledger, logins, _bell, clock).run(),
            Reconcile(ledger, logins, _bell, clock, read_every_s=30.0).run(),
            calendar.rounds.run(),
            *(seat.watch.run() for seat in house.seats.values()),
        )
        tasks = [asyncio.create_task(part) for part in parts]
        house.planner = planner
        try:
            assert await house.wait(lambda: bool(logins.sendable()), READY_S_MAX)
            yield
        finally:
            house.planner = None
            ended = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert not ended, results


def _bell(_: Sequence[Envelope]) -> None:
    """Nobody listens."""


def _nobody() -> None:
    """Nor here."""
