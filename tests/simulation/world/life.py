"""A world lived to its end: two processes, the plan's events, then calm, then the verdict."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, Final

from paper import rows
from shared.contracts.signals import SignalAccepted
from shared.db.outbox import envelope_of
from shared.domain.alert_signal import Side, Signal, SignalKind
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.ids import SignalId, event_id
from shared.domain.order import IntentState
from tests.simulation.tables import BrokenRuleError
from tests.simulation.virtual_loop import Stuck
from tests.simulation.wire import Blow, Strike, Way
from tests.simulation.world.bus import bell
from tests.simulation.world.loop import loop_of_world, run_world
from tests.simulation.world.oracle import wrong_of
from tests.simulation.world.plan import Event, Plan, plan_of
from tests.simulation.world.points import Points
from tests.simulation.world.process import Build, MachineClock, Process, WrittenLink
from tests.simulation.world.street import Seat, Street, open_street
from tests.simulation.world.troubles import PROCESSES
from tests.simulation.world.watch import Watch

CALM_S_MIN: Final = 12.0
CALM_S_MAX: Final = 120.0
_LOOK_EVERY_S: Final = 0.5
_SETTLED_LOOKS: Final = 6
_LIQUIDATED_S: Final = 12.0
_BEFORE_S: Final = 0.2
_AWAY_S_MAX: Final = 8.0  # whoever was ended is back by then
_LAST_OF_REST_S: Final = 60.0  # of the hour of a captcha: lived with processes
_PART_OF_REST_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a world came to; `wrong` is empty unless something was."""

    seed: int
    digest: str
    wrong: tuple[str, ...]
    counts: Counter[str]
    trace: tuple[str, ...] = ()


@dataclass(slots=True)
class Life:
    """The plan's events as methods; each is done at its moment."""

    street: Street
    build: Build
    watch: Watch
    machines: dict[str, MachineClock]
    processes: dict[str, Process] = field(default_factory=dict)
    _lives: Counter[str] = field(default_factory=Counter)
    _armed: list[dict[str, Any]] = field(default_factory=list)
    _writes: list[dict[str, Any]] = field(default_factory=list)
    _jobs: set[asyncio.Task[None]] = field(default_factory=set)

    # ---- processes

    def start(self, name: str) -> None:
        self._lives[name] += 1
        life = self._lives[name]
        street = self.street
        rng = Random(f"{street.plan.seed} {name} {life}")  # noqa: S311 - reproducible on purpose
        made: list[Process] = []

        async def hook(point: str) -> None:
            await self._reached(made[0], point)

        points = Points(f"{name}-{life}", street.notes, rng, hook)
        link = WrittenLink(street.link(f"{name}-{life}"), lambda text: self._wrote(made[0], text))
        process = Process(name, life, street, points, self.build, link, self.machines[name])
        made.append(process)
        self.processes[name] = process
        process.start()

    def end(self, process: Process, for_s: float, *, flushed: bool) -> None:
        if process.is_over:
            return
        self.street.told["crashes"] += 1
        self.street.trace(f"{process.holder} killed")
        process.kill(flushed=flushed)
        self.watch.disturbed(process.name, for_s)
        self._later(for_s, lambda: self.start(process.name))

    async def _reached(self, process: Process, point: str) -> None:
        for armed in [*self._armed]:
            if armed["point"] != point or all(each is not armed for each in self._armed):
                continue  # while this one slept, another may have had it
            if armed.get("process", process.name) != process.name:
                continue
            armed["nth"] -= 1
            if armed["nth"] <= 0 and "pauses" in armed:
                self._armed.remove(armed)
                self.street.told["paused at points"] += 1
                self.do_pause(process.name, armed["for_s"])
                if armed.get("is_overtaken"):
                    self._later(armed["for_s"] - _BEFORE_S, partial(self._overtake, process.name))
                await asyncio.sleep(0)  # in this very step: the next one is after the pause
            elif armed["nth"] <= 0:
                self._armed.remove(armed)
                self.street.told["killed at points"] += 1
                self.end(process, armed["for_s"], flushed=True)
                await asyncio.Event().wait()

    def _wrote(self, process: Process, endpoint: str) -> None:
        point = f"wire.{endpoint}.written"
        self.street.notes.reached[point] += 1
        for armed in [*self._writes]:
            if armed.get("point", point) != point:
                continue
            armed["nth"] -= 1
            if armed["nth"] <= 0:
                self._writes.remove(armed)
                self.street.told["killed at writes"] += 1
                # The frame is on its way when this step ends; the process is not there any more.
                self._later(0.0, partial(self.end, process, armed["for_s"], flushed=True))
                return

    def _later(self, delay_s: float, what: Callable[[], None]) -> None:
        """Not the process's own doing: it happens although that is gone."""
        loop_of_world().call_later(delay_s, what, context=_outside())

    # ---- events of the plan

    async def live(self) -> None:
        clock = self.street.clock
        began_s = clock.monotonic()
        for event in self.street.plan.events:
            await clock.sleep(max(0.0, began_s + event.at_s - clock.monotonic()))
            self.happen(event)
        await clock.sleep(max(0.0, began_s + self.street.plan.ends_at_s - clock.monotonic()))

    def happen(self, event: Event) -> None:
        if event.kind not in ("signal", "price"):
            self.street.told[f"fault {event.kind}"] += 1
            self.street.trace(f"fault {event}")
        getattr(self, f"do_{event.kind}")(**event.args)

    def do_price(self, root: str, ticks: int) -> None:
        self.street.move(root, ticks)

    def do_signal(self, strategy: int, signal: Signal) -> None:
        """As the webhook leaves it: committed, and a bell that may not be heard."""
        street = self.street
        root = street.plan.strategies[strategy].root
        now = street.prices[root]
        if signal.limit_price is not None and signal.side is not None:
            away = signal.limit_price if signal.side.value == "sell" else -signal.limit_price
            signal = replace(signal, limit_price=now + away)
        if street.rng.random() < 0.8:
            signal = replace(signal, price=now)
        self.accept(strategy, signal)

    def accept(self, strategy: int, signal: Signal) -> SignalId:
        street = self.street
        which = street.strategies[strategy]
        key = street.store.accept_signal(which, signal)
        street.told["signals"] += 1
        body = SignalAccepted(signal_id=key, strategy_id=which, seq=key)
        event = envelope_of(
            body,
            event_id=event_id(body.type, str(key)),
            correlation_id=str(key),
            user_id=street.user,
            aggregate=f"signal:{key}",
            occurred_at=street.clock.now(),
        )
        street.store.tell(event)
        if not street.bells.is_away:
            street.bells.add(body.stream, bell(event))
        return key

    def do_kill(self, process: str, for_s: float, *, flush: bool) -> None:
        self.end(self.processes[process], for_s, flushed=flush)

    def do_kill_at_point(self, **armed: Any) -> None:
        self._armed.append(dict(armed))

    def do_pause_at_point(self, **armed: Any) -> None:
        self._armed.append({"pauses": True, **armed})

    def do_kill_at_write(self, **armed: Any) -> None:
        self._writes.append(dict(armed))

    def do_pause(self, process: str, for_s: float) -> None:
        which = self.processes[process]
        if which.is_over or which.is_paused:
            return
        self.street.told["pauses"] += 1
        self.street.told[f"pauses of {for_s:g} s"] += 1
        which.pause()
        self.watch.disturbed(process, for_s)
        self._later(for_s, which.resume)

    def do_release(self, process: str, for_s: float) -> None:
        which = self.processes[process]
        if not which.is_over and not which.is_paused:
            self.street.told["releases"] += 1
            self.watch.disturbed(process, for_s)
            self._job(self._release(which, for_s))

    async def _release(self, process: Process, for_s: float) -> None:
        await process.release()
        self._later(for_s, lambda: self.start(process.name))

    def do_overtake(self, for_s: float) -> None:
        """Whoever drives the first login stands still in front of a claim until another drives it.

        That one dies with planned entries in hand: they lie there when the first goes on.
        """
        street = self.street
        lease = street.store.leases.get(street.connections[street.seats[0].login])
        if lease is not None:
            name = lease.holder.partition("-")[0]
            armed = {"point": "ledger.claim.before", "nth": 1, "process": name, "pauses": True}
            self._armed.append({**armed, "for_s": for_s, "is_overtaken": True})

    def _overtake(self, slow: str) -> None:
        self.street.told["overtaken"] += 1
        (quick,) = (name for name in self.processes if name != slow)
        point = {"point": "ledger.fan_out.after", "nth": 1, "process": quick, "for_s": 1.0}
        self._armed.append(point)
        self.accept(0, Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY, quantity=1))

    def do_skew(self, process: str, by_s: float) -> None:
        """Its clock jumps; it stays so, over every life of the machine."""
        self.street.told["clocks wrong"] += 1
        self.machines[process].off_s = by_s

    def do_captcha(self) -> None:
        """The next order is answered by a captcha: its login places nothing for an hour."""
        self.street.switch("captcha_penalty", on="order")

    def do_outage(self, process: str, for_s: float) -> None:
        which = self.processes[process]
        which.link.is_down = True
        which.link.cut()
        self.watch.disturbed(process, for_s)
        self._later(for_s, lambda: setattr(which.link, "is_down", False))

    def do_blow(self, process: str, strike: str, marker: str) -> None:
        way = Way.BACK if marker == "a[" else Way.OUT
        self.processes[process].link.arm(Blow(Strike(strike), way, marker))
        self.watch.disturbed(process, 12.0)  # a half-open line is found out by its silence

    def do_switch(self, name: str, **options: Any) -> None:
        self.street.told[f"switch {name}"] += 1
        self.watch.disturbed("venue", 8.0)
        self.street.switch(name, **options)

    def do_mishap(self, name: str, seat: int) -> None:
        """What people and the exchange do in an account, behind our back."""
        street, where = self.street, self.street.seats[seat]
        if name in ("bust_fill", "correct_fill") and not _has_fill(street, where):
            return
        if name == "forced_liquidation":
            self._later(_LIQUIDATED_S, partial(street.free, where))
        self.watch.meddled(where.venue_account)
        street.told[f"mishap {name}"] += 1
        options: dict[str, Any] = {"account": where.name}
        if name == "correct_fill":
            options["price"] = str(street.prices["MES"])
        if name == "manual_order":
            options |= {"symbol": "MESH6", "action": "Sell", "qty": 1}
        street.switch(name, **options)

    def do_database(self, process: str, when: str, n: int) -> None:
        self.processes[process].points.cuts += [when] * n
        self.watch.disturbed(process, 3.0)

    def do_forget_bells(self) -> None:
        self.street.bells.forget()

    def do_bells_away(self, for_s: float) -> None:
        self.street.bells.is_away = True
        self._later(for_s, lambda: setattr(self.street.bells, "is_away", False))

    def do_stop_word(self, scope: str, word: str, for_s: float) -> None:
        street = self.street
        scope_id = {
            "account": int(street.seats[-1].account),
            "strategy": int(street.strategies[0]),
            "user": int(street.user),
        }[scope]
        street.told[f"word {word}"] += 1
        street.store.say(street.user, Scope(scope), scope_id, Word(word))
        self._later(for_s, lambda: self._resume_word(scope, scope_id))

    def _resume_word(self, scope: str, scope_id: int) -> None:
        self.street.store.say(self.street.user, Scope(scope), scope_id, Word.RESUME)

    def do_close_command(self) -> None:
        self.street.store.ask(self.street.user, "close", {})

    def _job(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    # ---- the end

    async def calm(self) -> None:
        """No further strike; everything is told to be flat, and has time to come to rest."""
        street = self.street
        if not street.plan.strikes_on:
            self._armed.clear()
            self._writes.clear()
        street.heal()
        for process in self.processes.values():
            process.link.is_down = False
            process.link.armed.clear()
            process.points.cuts.clear()
        street.trade_freely()
        if street.notes.resting:
            await self._outlast_captcha()
        self.watch.healed()
        for look in range(round(CALM_S_MIN / _LOOK_EVERY_S)):
            await street.clock.sleep(_LOOK_EVERY_S)
            self._tick(look)
        for number in range(len(street.strategies)):
            self.accept(number, Signal(kind=SignalKind.CANCEL, dialect="test"))
            self.accept(number, Signal(kind=SignalKind.CLOSE, dialect="test"))
        looks = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(CALM_S_MAX):
                while looks < _SETTLED_LOOKS:
                    await street.clock.sleep(_LOOK_EVERY_S)
                    self._tick(looks)
                    looks = looks + 1 if self.is_at_rest() else 0

    async def _outlast_captcha(self) -> None:
        """Most of the hour nobody is there; who comes then keeps the rest that others heard of.

        A whole hour with two processes would take longer than all the rest of the world.
        """
        street, clock = self.street, self.street.clock
        street.told["captchas"] += len(street.notes.resting)
        await clock.sleep(_AWAY_S_MAX)
        for process in self.processes.values():
            process.kill(flushed=True)
        over_s = max(street.notes.resting.values())
        await clock.sleep(over_s - _LAST_OF_REST_S - clock.monotonic())
        for name in PROCESSES:
            self.start(name)
        await clock.sleep(_PART_OF_REST_S)
        for number in range(len(street.strategies)):
            self._ask_of_resting(number)
        await clock.sleep(_PART_OF_REST_S)
        self.end(self.processes[PROCESSES[0]], 1.0, flushed=False)
        await clock.sleep(over_s - clock.monotonic())
        for login in street.notes.resting:
            self.watch.disturbed(login, 0.0)

    def _ask_of_resting(self, number: int) -> None:
        """To be flat, and to open again: the one waits, the other grows stale."""
        self.accept(number, Signal(kind=SignalKind.CLOSE, dialect="test"))
        self.accept(
            number, Signal(kind=SignalKind.ORDER, dialect="test", side=Side.BUY, quantity=1)
        )

    def _tick(self, look: int) -> None:
        """The market goes on: what rests at a price is filled by the next trade."""
        for root in self.street.prices:
            self.street.move(root, (1, -1)[look % 2])

    def is_at_rest(self) -> bool:
        street = self.street
        moving = any(
            row.state is not IntentState.WORKING and row.ended_at is None
            for row in street.store.intents.open()
        )
        return not moving and not street.outbox.unpublished() and not self.watch.works()


def _failed(street: Street, said: dict[str, Any]) -> None:
    """A callback that raises would otherwise be a line of a log that nobody reads."""
    if "handle" in said:
        street.found.append(f"{said['message']}: {said.get('exception')!r}")


def _outside() -> Context:
    return Context()


def _has_fill(street: Street, seat: Seat) -> bool:
    return any(fill.active for fill in street.venue.store.of_account(rows.Fill, seat.venue_account))


async def _live(plan: Plan, build: Build, kept_lines: int) -> Outcome:
    street = open_street(plan, kept_lines, build.new_store)
    watch = Watch(street)
    life = Life(street, build, watch, {name: MachineClock(street.clock) for name in PROCESSES})
    loop_of_world().set_exception_handler(lambda _loop, said: _failed(street, said))
    keeping = asyncio.create_task(street.feed.keep_time())
    for name in PROCESSES:
        life.start(name)
    wrong: list[str] = []
    try:
        await life.live()
        await life.calm()
    except (Stuck, BrokenRuleError) as error:
        wrong.append(f"{type(error).__name__}: {error}")
    watch.close()
    for process in life.processes.values():
        wrong += process.ended_by_itself()
    wrong += [*build.parted(street), *wrong_of(street, watch)]
    keeping.cancel()
    counts = street.told + street.notes.reached + street.bells.told
    counts["steps"] = loop_of_world().steps
    counts["faults"] = plan.faults
    return Outcome(plan.seed, street.trace.digest, tuple(wrong), counts, tuple(street.trace.lines))


def lived(seed: int | Plan, build: Build | None = None, kept_lines: int = 0) -> Outcome:
    """One world from its first instant to its verdict; the same for the same seed."""
    plan = plan_of(seed) if isinstance(seed, int) else seed
    state = random.getstate()
    random.seed(f"world {plan.seed}")  # for pauses of the product that are spread by chance
    gc.disable()
    try:
        return run_world(lambda: _live(plan, build or Build(), kept_lines))
    finally:
        gc.enable()
        random.setstate(state)
