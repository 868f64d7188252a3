"""Execution with several logins of one address, at the venue with all its rules switched on.

Joined as `execution.app` joins it: each start of a login makes a new adapter, all of them share
one egress; tokens outlast a process. The venue keeps hours and quotas and tells its day again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any, Final

import httpx
from pydantic import SecretStr

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
from paper.control import Control
from paper.feed import Feed
from paper.market import family_of
from paper.policy import Policy
from paper.rest import Application
from paper.settings import Login as VenueLogin
from paper.settings import PaperSettings
from paper.venue import Venue
from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Environment, urls_for
from shared.brokers.tradovate.login import Login as BrokerLogin
from shared.contracts.envelope import Envelope
from shared.domain.alert_signal import Signal
from shared.domain.ids import AccountId, ConnectionId, StrategyId
from shared.domain.instruments import product_of
from shared.domain.sessions import is_open
from shared.ports.ledger import Lease
from tests.simulation.store import Store
from tests.simulation.venue_in_process import Tokens
from tests.simulation.virtual_loop import VirtualClock
from tests.simulation.week_chronicle import Chronicle
from tests.simulation.week_door import Door, DoorGuard, DoorTransport, DoorWire
from tests.simulation.week_health import HealthBook, TellingLedger
from tests.simulation.wire import Link

URL: Final = "https://demo.venue.invalid/v1"  # not of this machine, so that all quotas are kept
PASSWORD: Final = "not-a-secret"
PRODUCT: Final = product_of("MES")
# Login -> what each of its accounts trades.
LOGINS: Final = {"ann": ("MES1!", "MNQ1!"), "bob": ("MES1!",), "cid": ("MNQ1!",)}
PRICES: Final = {"MES": Decimal(6000), "MNQ": Decimal(21000)}
STOP_TICKS = TARGET_TICKS = 40
SIGNAL_AGE_S_MAX: Final = 30.0
RECONCILE_EVERY_S: Final = 30.0
_SKIP_S: Final = 1_800.0
_POLICY: Final = Policy(sessions=True, limits=True, replay_day=True)


@dataclass(frozen=True, slots=True)
class Seat:
    """One account with the one strategy that trades it."""

    login: str
    account: AccountId
    venue_account: int
    name: str
    root: str
    strategy: StrategyId


@dataclass(slots=True)
class House:
    """Everything that outlives a process."""

    venue: Venue
    feed: Feed
    clock: VirtualClock
    link: Link
    app: Application
    control_client: httpx.AsyncClient
    door: Door
    chronicle: Chronicle
    store: Store
    health: HealthBook
    connections: dict[str, ConnectionId]
    users: dict[str, int]
    seats: list[Seat]
    rng: Random
    tokens: dict[ConnectionId, Tokens] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=lambda: dict(PRICES))
    wires: list[DoorWire] = field(default_factory=list)
    found: list[str] = field(default_factory=list)  # what was wrong at its moment
    leaving: Seat | None = None
    process: Process | None = None
    time: asyncio.Task[None] | None = None

    def start_time(self) -> None:
        self.time = asyncio.create_task(self.feed.keep_time())

    async def stop_time(self) -> None:
        if self.time is not None:
            self.time.cancel()
            with suppress(asyncio.CancelledError):
                await self.time

    async def skip_until(self, at: datetime) -> None:
        """Nobody is there and nothing trades until then; sessions end and days begin."""
        left_s = (at - self.clock.now()).total_seconds()
        if left_s <= 0:
            return
        await self.stop_time()
        while left_s > 0:
            await self.clock.sleep(min(left_s, _SKIP_S))
            left_s -= _SKIP_S
            self.feed.on_time()
        self.start_time()

    async def control(self, path: str, **body: object) -> Any:
        """A call of the venue's control port; asserts that it was taken."""
        answer = await self.control_client.post(f"/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def fault(self, name: str, **options: object) -> None:
        await self.control("fault", name=name, **options)

    @property
    def is_market_open(self) -> bool:
        return is_open(PRODUCT, self.clock.now())

    def move(self, root: str, by: Decimal) -> None:
        """The market trades; nothing else moves prices."""
        self.prices[root] += by
        self.venue.trade(family_of(root), self.prices[root])

    def signal(self, seat: Seat, signal: Signal) -> None:
        """An accepted alert, as the webhook leaves it."""
        self.store.accept_signal(seat.strategy, signal)
        if self.process is not None:
            self.process.planner.wake(seat.strategy)

    def broker(self, connection: ConnectionId, login: str, egress: Egress) -> TradovateBroker:
        wire = DoorWire(self.link, self.app, self.door)
        self.wires.append(wire)
        return TradovateBroker(
            BrokerLogin(login, SecretStr(PASSWORD), "trade-manager", "1.0", f"device-{login}"),
            urls_for(Environment.DEMO, URL),
            self.clock,
            self.tokens.setdefault(connection, Tokens()),
            self.rng,
            egress=egress,
            transport=DoorTransport(self.link, self.app, self.door, login),
            connect=wire.connect,
        )


@dataclass(slots=True)
class Process:
    """One execution process."""

    planner: Planner
    logins: Logins


@asynccontextmanager
async def open_house(start: datetime, seed: int) -> AsyncIterator[House]:
    """The venue and all that is kept, before any process runs."""
    clock = VirtualClock(asyncio.get_running_loop(), start)
    venue = _venue(clock, seed)
    door = Door(clock)
    venue.guard = DoorGuard(door, {user.id: user.name for user in venue.store.all(rows.User)})
    store = Store(clock)
    connections, seats = _furnish(store, venue)
    feed = Feed(venue)
    link = Link(Random(seed))  # noqa: S311 - reproducible on purpose
    chronicle = Chronicle(clock)
    venue.journal = chronicle
    transport = httpx.ASGITransport(Control(venue, feed))
    async with httpx.AsyncClient(transport=transport, base_url="http://control") as control:
        house = House(
            venue,
            feed,
            clock,
            link,
            Application(venue),
            control,
            door,
            chronicle,
            store,
            HealthBook(clock),
            connections,
            {user.name: user.id for user in venue.store.all(rows.User)},
            seats,
            Random(seed),  # noqa: S311 - jitter, no secret
        )
        for root in PRICES:
            house.move(root, Decimal(0))
        house.start_time()
        try:
            yield house
        finally:
            await house.stop_time()


def _venue(clock: VirtualClock, seed: int) -> Venue:
    first, *others = (
        VenueLogin(user=user, password=SecretStr(PASSWORD), accounts=len(symbols))
        for user, symbols in LOGINS.items()
    )
    options: dict[str, Any] = {
        "env": "test",
        "paper_user": first.user,
        "paper_password": PASSWORD,
        "paper_accounts": first.accounts,
        "paper_logins": tuple(others),
        "paper_speed": 0.0,
        "paper_seed": seed,
        "paper_policy": _POLICY,
    }
    venue = Venue(PaperSettings(**options), clock)
    venue.begin()
    return venue


def _furnish(store: Store, venue: Venue) -> tuple[dict[str, ConnectionId], list[Seat]]:
    user = store.add_user()
    connections, seats = {}, []
    for login, symbols in LOGINS.items():
        connections[login] = store.add_connection(user, login, environment="demo")
        owner = venue.store.named(rows.User, login)
        assert owner is not None
        mine = [row for row in venue.store.all(rows.Account) if row.user_id == owner.id]
        for row, symbol in zip(mine, symbols, strict=True):
            account = store.add_account(connections[login], row.id, row.name)
            strategy = store.add_strategy(
                user,
                f"{login} {symbol}",
                symbol=symbol,
                take_profit_ticks=TARGET_TICKS,
                stop_loss_ticks=STOP_TICKS,
            )
            store.link(strategy, account)
            seats.append(Seat(login, account, row.id, row.name, symbol[:3], strategy))
    return connections, seats


@asynccontextmanager
async def running(house: House) -> AsyncIterator[Process]:
    """One process from its start to its orderly end; asserts that no part of it died."""
    names = {connection: login for login, connection in house.connections.items()}
    ledger, clock = TellingLedger(house.store, house.health, names), house.clock
    prices = Prices(clock)
    logins = Logins(ledger, clock, holder=f"at {clock.monotonic()}")
    placer = Placer(ledger, logins, clock)
    lanes = Lanes(ledger, logins, placer, prices, _bell, clock)
    protector = Protector(ledger, logins, prices, _bell, clock)
    planner = Planner(ledger, _bell, clock, max_age_s=SIGNAL_AGE_S_MAX, planned=lanes.wake)
    resolver = Resolver(ledger, logins, _bell, clock)
    reconcile = Reconcile(ledger, logins, _bell, clock, read_every_s=RECONCILE_EVERY_S)
    egress = Egress(clock, house.rng)

    def changed() -> None:
        lanes.wake()
        protector.rounds.wake()

    async def make(lease: Lease) -> Login:
        row = await ledger.login(lease.connection_id)
        broker = house.broker(lease.connection_id, names[lease.connection_id], egress)
        return Login(lease, row, broker, ledger, prices, _bell, clock, changed=changed)

    parts: tuple[Coroutine[Any, Any, Any], ...] = (
        logins.run(make),
        planner.run(),
        lanes.run(),
        protector.run(),
        resolver.run(),
        reconcile.run(),
    )
    tasks = [asyncio.create_task(part) for part in parts]
    house.process = Process(planner, logins)
    try:
        yield house.process
    finally:
        ended = [task for task in tasks if task.done()]
        house.process = None
        await logins.release()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not ended, results


def _bell(_: Sequence[Envelope]) -> None:
    """Nobody listens: what nobody rang for is found by the sweeps."""
