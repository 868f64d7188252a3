"""One execution process, its parts joined as `execution.app` joins them, over named ports.

    bells -> Intake -> Planner -> Lanes -> Placer -> adapter -> venue
    venue -> adapter -> Login -> Tracker; Resolver, Reconcile, Protector, RiskWatch, Commands
    Publisher and Relay -> bells

`Build` holds what a test may replace before the parts are made: that is where deliberate bugs go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, cast

from pydantic import SecretStr

from execution.commands import Commands
from execution.intake import STREAMS, Intake
from execution.lanes import Lanes
from execution.login import Login
from execution.logins import Logins
from execution.placer import Placer
from execution.planner import Planner
from execution.prices import Prices
from execution.protector import Protector
from execution.reconcile import Reconcile
from execution.record_clock import RecordClock
from execution.resolver import Resolver
from execution.risk_watch import RiskWatch
from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.egress import Egress
from shared.brokers.tradovate.login import Environment, urls_for
from shared.brokers.tradovate.login import Login as BrokerLogin
from shared.domain.decision.decide import decide
from shared.ports.broker import Broker
from shared.ports.ledger import Decide, Lease, Ledger
from shared.streams.group import Group
from shared.streams.publisher import Publisher
from tests.simulation.store import Store
from tests.simulation.twin import TwinLedger
from tests.simulation.virtual_loop import VirtualClock
from tests.simulation.wire import Blow, Link, LinkTransport, Way, Wire
from tests.simulation.world.bus import BellClient, TwinRelay
from tests.simulation.world.loop import context_of, loop_of_world
from tests.simulation.world.points import PointedBroker, PointedLedger, Points
from tests.simulation.world.street import PASSWORD, URL, Street

SIGNAL_AGE_S_MAX: Final = 30.0
RECONCILE_EVERY_S: Final = 30.0
_LATE_CUT_S: Final = 0.003  # what was on its way has arrived by then


def _same(port: Any, _process: Process) -> Any:
    return port


def _running(part: Any) -> Coroutine[Any, Any, Any]:
    """A part runs by itself, or its rounds do."""
    work = part if hasattr(part, "run") else part.rounds
    return cast("Coroutine[Any, Any, Any]", work.run())


@dataclass(slots=True)
class Build:
    """How a process is made; each part may be another one, for a test that wants it wrong.

    `ledger` and `broker` are given the port and give what is used instead of it. `parts` are the
    classes of the parts by name. `parted`: what else is wrong when the world has ended.
    """

    new_store: Callable[[VirtualClock], Store] = Store
    new_ledger: Callable[[Street], Any] = lambda street: TwinLedger(street.store)
    ledger: Callable[[Any, Process], Any] = _same
    broker: Callable[[Any, Process], Any] = _same
    decide: Decide = decide
    parts: dict[str, Any] = field(default_factory=dict)
    max_age_s: float = SIGNAL_AGE_S_MAX
    parted: Callable[[Street], list[str]] = lambda _street: []

    def part(self, known: Any) -> Any:
        return self.parts.get(known.__name__, known)


class WrittenLink(Link):
    """Says when a frame of an order has been written."""

    def __init__(self, link: Link, written: Callable[[str], None]) -> None:
        super().__init__(link.rng)
        self._written = written

    def strike_at(self, way: Way, text: str) -> Blow | None:
        if way is Way.OUT:
            endpoint = text.partition("\n")[0].removeprefix("/v1/")
            if endpoint.startswith(("order/", "orderStrategy/")):
                self._written(endpoint)
        return super().strike_at(way, text)


class MachineClock:
    """A machine's clock, which may be minutes wrong; what passes on it is true."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.off_s = 0.0

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.off_s)

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, delay_s: float) -> None:
        await self._clock.sleep(delay_s)


@dataclass(slots=True)
class Process:
    """`name` is the machine's; each life of it is another holder with another context."""

    name: str
    life: int
    street: Street
    points: Points
    build: Build
    link: Link
    machine: MachineClock
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    planner: Planner | None = None
    logins: Logins | None = None
    is_over: bool = False
    is_paused: bool = False
    _clock: RecordClock = field(init=False)

    @property
    def holder(self) -> str:
        return f"{self.name}-{self.life}"

    def start(self) -> None:
        context = context_of(self.holder)
        for name, work in context.run(self._parts).items():
            made = context.run(asyncio.create_task, work, name=f"{self.holder} {name}")
            self.tasks.append(made)

    def kill(self, *, flushed: bool) -> None:
        """Not one more step of it runs. `flushed`: what it has written still arrives."""
        if self.is_over:
            return
        self.is_over = True
        loop = loop_of_world()
        loop.stop_process(self.holder)
        if flushed:
            loop.call_later(_LATE_CUT_S, self.link.cut)
        else:
            self.link.cut()

    def pause(self) -> None:
        self.is_paused = True
        loop_of_world().stop_process(self.holder)

    def resume(self) -> None:
        self.is_paused = False
        if not self.is_over:
            loop_of_world().resume_process(self.holder)

    async def release(self) -> None:
        """An orderly end: leases are given back, then it is gone."""
        if self.logins is not None:
            await self.logins.release()
        self.kill(flushed=True)

    def ended_by_itself(self) -> list[str]:
        """No part may end before its process does."""
        return [f"{task.get_name()}: {task!r}" for task in self.tasks if task.done()]

    def _parts(self) -> dict[str, Coroutine[Any, Any, Any]]:
        street, build = self.street, self.build
        clock = self._clock = build.part(RecordClock)(self.machine, self._time_of_record)
        twin = build.new_ledger(street)
        ledger = cast("Ledger", build.ledger(PointedLedger(twin, self.points), self))
        client = cast("Any", BellClient(street.bells, self._bell_point))
        publisher = build.part(Publisher)(client, street.outbox, clock)
        relay = build.part(TwinRelay)(street.outbox, client, clock)
        bell = publisher.offer
        prices = Prices(clock)
        logins = build.part(Logins)(ledger, clock, holder=self.holder)
        placer = build.part(Placer)(ledger, logins, clock)
        lanes = build.part(Lanes)(ledger, logins, placer, prices, bell, clock)
        protector = build.part(Protector)(ledger, logins, prices, bell, clock)
        planner = build.part(Planner)(
            ledger,
            bell,
            clock,
            max_age_s=build.max_age_s,
            planned=lanes.wake,
            decide_by=build.decide,
        )
        reconcile = build.part(Reconcile)(
            ledger, logins, bell, clock, read_every_s=RECONCILE_EVERY_S
        )
        resolver = build.part(Resolver)(ledger, logins, bell, clock)
        commands = build.part(Commands)(
            ledger, bell, clock, reconcile=reconcile.read_now, planned=lanes.wake
        )
        intake = build.part(Intake)(
            Group(client, "execution", "1", STREAMS), planner, commands, clock
        )
        risk = build.part(RiskWatch)(ledger, logins, prices, bell)
        self.planner, self.logins = planner, logins
        make = self._maker(ledger, prices, bell, lanes, protector)
        return {
            "clock": clock.run(),
            "publisher": _running(publisher),
            "relay": _running(relay),
            "logins": logins.run(make),
            "planner": _running(planner),
            "intake": _running(intake),
            "lanes": _running(lanes),
            "protector": _running(protector),
            "reconcile": _running(reconcile),
            "resolver": _running(resolver),
            "risk": _running(risk),
            "commands": _running(commands),
        }

    def _maker(
        self,
        ledger: Ledger,
        prices: Prices,
        bell: Callable[[Sequence[Any]], None],
        lanes: Lanes,
        protector: Protector,
    ) -> Callable[[Lease], Coroutine[Any, Any, Login]]:
        street, clock = self.street, self._clock
        rng = Random(f"{street.plan.seed} {self.holder}")  # noqa: S311 - jitter, no secret
        egress = Egress(clock, rng)

        def changed() -> None:
            lanes.wake()
            protector.rounds.wake()

        async def make(lease: Lease) -> Login:
            street.told["logins taken"] += 1
            row = await ledger.login(lease.connection_id)
            broker = self._broker(lease, row.login_name, egress, rng)
            made = self.build.part(Login)
            return cast(
                "Login",
                made(lease, row, broker, ledger, prices, bell, clock, changed=changed),
            )

        return make

    def _broker(self, lease: Lease, login: str, egress: Egress, rng: Random) -> Broker:
        street = self.street
        broker = TradovateBroker(
            BrokerLogin(login, SecretStr(PASSWORD), "trade-manager", "1.0", f"device-{login}"),
            urls_for(Environment.PAPER, URL),
            self._clock,
            street.tokens[lease.connection_id],
            rng,
            egress=egress,
            transport=LinkTransport(self.link, street.app),
            connect=Wire(self.link, street.app).connect,
        )
        return cast("Broker", self.build.broker(PointedBroker(broker, self.points, login), self))

    async def _time_of_record(self) -> datetime:
        return self.street.clock.now()

    async def _bell_point(self, name: str) -> None:
        await self.points.reach(name)
