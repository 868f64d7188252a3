"""Twenty logins at a metered broker and several execution processes; one of them may be killed.

Joined as `execution.app` joins it. Every process has its own network and its own connect gate, so
its sockets come up 3 s apart; the tokens and the store outlast it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any, Final

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
from paper.settings import Login as VenueLogin
from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Environment, urls_for
from shared.brokers.tradovate.login import Login as BrokerLogin
from shared.contracts.envelope import Envelope
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.ids import ConnectionId, StrategyId
from shared.ports.ledger import Lease
from tests.simulation.store import Store
from tests.simulation.twin import TwinLedger
from tests.simulation.venue_in_process import PASSWORD, USER, Tokens, World, world
from tests.simulation.week_door import Door, DoorTransport, DoorWire
from tests.simulation.wire import Link

URL: Final = "https://demo.venue.invalid/v1"  # not of this machine, so that it is metered
ROOT, PRICE = "MES", Decimal(5000)
QTY: Final = 2
LOGINS: Final = 20
_LEGS_TICKS: Final = 40


@dataclass(frozen=True, slots=True)
class Seat:
    """One login with its one account and its one strategy."""

    login: str
    connection: ConnectionId
    venue_account: int
    strategy: StrategyId


@dataclass(slots=True)
class House:
    """Everything that outlives a process."""

    world: World
    store: Store
    seats: list[Seat] = field(default_factory=list)
    tokens: dict[ConnectionId, Tokens] = field(default_factory=dict)

    def net(self, seat: Seat) -> int:
        held = self.world.venue.store.of_account(rows.Position, seat.venue_account)
        return sum(position.net_pos for position in held)

    def placed(self, seat: Seat) -> list[rows.Order]:
        return list(self.world.venue.store.of_account(rows.Order, seat.venue_account))

    def working(self, seat: Seat) -> int:
        return sum(order.ord_status in {"Working", "Suspended"} for order in self.placed(seat))

    def buy(self, seat: Seat) -> None:
        signal = Signal(
            kind=SignalKind.ORDER, dialect="test", side=Side.BUY, quantity=QTY, price=PRICE
        )
        self.store.accept_signal(seat.strategy, signal)

    def close(self, seat: Seat) -> None:
        self.store.accept_signal(seat.strategy, Signal(kind=SignalKind.CLOSE, dialect="test"))


@dataclass(slots=True)
class Process:
    """One execution process; `taken_s` by login, of the loop's time."""

    house: House
    door: Door
    link: Link
    egress: Egress
    logins: Logins
    planner: Planner
    taken_s: dict[ConnectionId, float] = field(default_factory=dict)
    brokers: dict[ConnectionId, TradovateBroker] = field(default_factory=dict)
    wires: list[DoorWire] = field(default_factory=list)
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    def wake(self) -> None:
        """The bells of all signals."""
        for seat in self.house.seats:
            self.planner.wake(seat.strategy)

    def streams(self) -> int:
        return sum(broker.ready for broker in self.brokers.values())

    def broker(self, connection: ConnectionId, login: str) -> TradovateBroker:
        wire = DoorWire(self.link, self.house.world.app, self.door)
        self.wires.append(wire)
        self.brokers[connection] = TradovateBroker(
            BrokerLogin(login, SecretStr(PASSWORD), "trade-manager", "1.0", f"device-{login}"),
            urls_for(Environment.DEMO, URL),
            self.house.world.clock,
            self.house.tokens[connection],
            self.link.rng,
            egress=self.egress,
            transport=DoorTransport(self.link, self.house.world.app, self.door, login),
            connect=wire.connect,
        )
        return self.brokers[connection]

    async def kill(self) -> None:
        """It gives nothing back: its leases run out, its lines break off."""
        self.link.is_down = True
        self.link.cut()
        ended = [task for task in self.tasks if task.done()]
        for task in self.tasks:
            task.cancel()
        results = await asyncio.gather(*self.tasks, return_exceptions=True)
        assert not ended, results
        self.tasks.clear()
        for wire in self.wires:
            await wire.aclose()
        self.wires.clear()


@asynccontextmanager
async def open_house(seed: int = 7) -> AsyncIterator[House]:
    """The venue, the store and a good token of every login, before any process runs."""
    names = [USER, *(f"{USER}-{number}" for number in range(2, LOGINS + 1))]
    others = tuple(
        VenueLogin(user=name, password=SecretStr(PASSWORD), accounts=1) for name in names[1:]
    )
    async with world(seed, paper_accounts=1, paper_logins=others) as venue:
        house = House(venue, Store(venue.clock))
        user = house.store.add_user()
        for name in names:
            await _seat(house, name, house.store.add_connection(user, name, environment="demo"))
        await venue.price(ROOT, PRICE)
        yield house


async def _seat(house: House, name: str, connection: ConnectionId) -> None:
    """Signed in as by a process before: at an address that counts nothing."""
    venue, tokens = house.world, Tokens()
    broker = TradovateBroker(
        BrokerLogin(name, SecretStr(PASSWORD), "trade-manager", "1.0", f"device-{name}"),
        urls_for(Environment.PAPER, URL),
        venue.clock,
        tokens,
        Random(1),  # noqa: S311 - jitter, no secret
        transport=DoorTransport(venue.link, venue.app, Door(venue.clock), name),
    )
    account = (await broker.accounts())[0]
    await broker.aclose()
    assert tokens.token is not None
    house.tokens[connection] = tokens
    store, user = house.store, house.store.users[0]
    ours = store.add_account(connection, account.account, account.name)
    strategy = store.add_strategy(
        user,
        name,
        symbol=f"{ROOT}1!",
        take_profit_ticks=_LEGS_TICKS,
        stop_loss_ticks=_LEGS_TICKS,
    )
    store.link(strategy, ours)
    house.seats.append(Seat(name, connection, account.account, strategy))


@asynccontextmanager
async def running(house: House, holder: str, seed: int) -> AsyncIterator[Process]:
    """One process until it is killed, at the end of the block at the latest."""
    names = {seat.connection: seat.login for seat in house.seats}
    ledger, clock = TwinLedger(house.store), house.world.clock
    rng = Random(seed)  # noqa: S311 - jitter, no secret
    prices = Prices(clock)
    logins = Logins(ledger, clock, holder=holder)
    lanes = Lanes(ledger, logins, Placer(ledger, logins, clock), prices, _bell, clock)
    protector = Protector(ledger, logins, prices, _bell, clock)
    planner = Planner(ledger, _bell, clock, max_age_s=30.0, planned=lanes.wake)
    process = Process(house, Door(clock), Link(rng), Egress(clock, rng), logins, planner)

    def changed() -> None:
        lanes.wake()
        protector.rounds.wake()

    async def make(lease: Lease) -> Login:
        process.taken_s.setdefault(lease.connection_id, clock.monotonic())
        row = await ledger.login(lease.connection_id)
        broker = process.broker(lease.connection_id, names[lease.connection_id])
        return Login(lease, row, broker, ledger, prices, _bell, clock, changed=changed)

    parts: tuple[Coroutine[Any, Any, Any], ...] = (
        logins.run(make),
        planner.run(),
        lanes.run(),
        protector.run(),
        Resolver(ledger, logins, _bell, clock).run(),
        Reconcile(ledger, logins, _bell, clock, read_every_s=30.0).run(),
    )
    process.tasks = [asyncio.create_task(part) for part in parts]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(process.kill)
        yield process


def _bell(_: Sequence[Envelope]) -> None:
    """Nobody listens: what nobody rang for is found by the sweeps."""
