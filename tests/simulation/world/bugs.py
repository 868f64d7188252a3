"""Deliberate mistakes, each a process built wrong by the test: the oracle has to see every one.

They wrap the ports or replace a part of a process. The product has no switch for any of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid5

from execution.placer import Placer, request_of
from execution.planner import Planner
from execution.protector import Protector
from execution.record_clock import RecordClock
from shared.domain.claim import Candidate, Send, Verdict, Wait
from shared.domain.decision.decide import decide
from shared.domain.ids import IntentId
from shared.domain.order import BrokerStatus, IntentState, Role
from shared.domain.rules import FREE_ACCOUNT
from shared.ports.broker import (
    BalanceFact,
    FeeFact,
    FillFact,
    NotSent,
    OrderFact,
    Outcome,
    PlaceRequest,
    Unknown,
)
from shared.ports.ledger import Claims, Judge, Lease
from tests.simulation.twin import TwinLedger
from tests.simulation.world.bus import TwinRelay
from tests.simulation.world.process import Build, Process

Call = Callable[..., Awaitable[Any]]
Around = Callable[..., Awaitable[Any]]


class Wrapped:
    """A port of which one operation is another's: `around` is given the true one first."""

    def __init__(self, port: Any, process: Process, **around: Around) -> None:
        self._port = port
        self._process = process
        self._around = around

    def __getattr__(self, name: str) -> Any:
        true = getattr(self._port, name)
        around = self._around.get(name)
        if around is None:
            return true

        async def operation(*args: Any, **kwargs: Any) -> Any:
            return await around(true, *args, **kwargs)

        return operation


def _ledger(**around: Around) -> Build:
    return Build(ledger=lambda port, process: Wrapped(port, process, **around))


def _broker(**around: Around) -> Build:
    return Build(broker=lambda port, process: Wrapped(port, process, **around))


def _judging(change: Callable[[Candidate, Verdict, Judge], Verdict]) -> Build:
    """A process that judges claims another way; what it claims is committed like any other."""

    async def claim(true: Call, held: Sequence[Lease], judge: Judge) -> Any:
        return await true(held, lambda candidate: change(candidate, judge(candidate), judge))

    return _ledger(claim=claim)


def _hearing(change: Callable[[list[Any]], list[Any]]) -> Build:
    async def apply(true: Call, login: Any, told: Sequence[Any]) -> Any:
        return await true(login, change(list(told)))

    return _ledger(apply=apply)


# ---- outcomes


async def _unknown_as_unsent(true: Call, intent: IntentId, outcome: Outcome) -> Any:
    return await true(intent, NotSent("lost") if isinstance(outcome, Unknown) else outcome)


async def _again_when_unknown(true: Call, request: PlaceRequest) -> Any:
    outcome = await true(request)
    return await true(request) if isinstance(outcome, Unknown) else outcome


async def _never_resolved(_true: Call, *_args: Any) -> list[Any]:
    return []


# ---- what is sent


async def _one_more(true: Call, request: PlaceRequest) -> Any:
    return await true(replace(request, qty_contracts=request.qty_contracts + 1))


async def _in_two_orders(true: Call, request: PlaceRequest) -> Any:
    outcome = await true(request)
    if request.priority.name == "ENTRY":
        other = str(uuid5(UUID(request.client_id), "again"))
        await true(replace(request, client_id=other, legs=()))
    return outcome


async def _other_side(true: Call, request: PlaceRequest) -> Any:
    return await true(replace(request, action=request.action.opposite))


def _exit_one_more(_: Candidate, verdict: Verdict, __: Judge) -> Verdict:
    if isinstance(verdict, Send) and verdict.intent.role is Role.EXIT:
        qty = verdict.intent.qty_contracts + 1
        return Send(replace(verdict.intent, qty_contracts=qty), verdict.legs)
    return verdict


def _exit_far_contract(_: Candidate, verdict: Verdict, __: Judge) -> Verdict:
    if isinstance(verdict, Send) and verdict.intent.role is Role.EXIT:
        far = verdict.intent.contract[:3] + "M6"
        return Send(replace(verdict.intent, contract=far), verdict.legs)
    return verdict


def _exit_beside_legs(candidate: Candidate, verdict: Verdict, judge: Judge) -> Verdict:
    """Does not wait until its legs have ended."""
    exits = candidate.intent.role is Role.EXIT
    return judge(replace(candidate, working=())) if exits and isinstance(verdict, Wait) else verdict


def _without_stop(_: Candidate, verdict: Verdict, __: Judge) -> Verdict:
    if isinstance(verdict, Send) and verdict.intent.role is Role.ENTRY:
        legs = tuple(leg for leg in verdict.legs if leg.role is not Role.STOP_LOSS)
        return Send(verdict.intent, legs)
    return verdict


def _no_gates(candidate: Candidate, verdict: Verdict, judge: Judge) -> Verdict:
    """A claim that asks no gate again: not the stop that was said meanwhile."""
    return judge(replace(candidate, facts=None)) if candidate.facts is not None else verdict


def _deaf(candidate: Candidate, verdict: Verdict, judge: Judge) -> Verdict:
    """A claim that does not ask whether a stop has been said."""
    facts = candidate.facts
    if facts is None:
        return verdict
    return judge(replace(candidate, facts=replace(facts, scene=replace(facts.scene, halts=()))))


def _decides_deaf(signal: Any, strategy: Any, link: Any, scene: Any) -> Any:
    return decide(signal, strategy, link, replace(scene, halts=()))


# ---- the record


def _without_some_fills(told: list[Any]) -> list[Any]:
    return [fact for fact in told if not (isinstance(fact, FillFact) and fact.fill_id % 7 == 0)]


def _without_fees(told: list[Any]) -> list[Any]:
    return [fact for fact in told if not (isinstance(fact, FeeFact) and fact.fill_id % 5 == 0)]


def _fills_twice(told: list[Any]) -> list[Any]:
    again = [
        replace(fact, fill_id=fact.fill_id + 1_000_000)
        for fact in told
        if isinstance(fact, FillFact) and fact.fill_id % 5 == 0
    ]
    return [*told, *again]


def _fills_inferred(told: list[Any]) -> list[Any]:
    """An order that is said to be filled gets a fill made up from it."""
    made = [
        FillFact(
            fact.account,
            fact.order_id + 5_000_000,
            fact.order_id,
            fact.contract_id,
            fact.contract,
            fact.action,
            fact.qty_contracts,
            fact.price or fact.stop_price or Decimal(5000),
            fact.at,
            fact.at.date(),
        )
        for fact in told
        if isinstance(fact, OrderFact) and fact.status is BrokerStatus.FILLED
    ]
    return [*told, *made]


def _busts_ignored(told: list[Any]) -> list[Any]:
    return [fact for fact in told if not (isinstance(fact, FillFact) and not fact.active)]


def _without_balances(told: list[Any]) -> list[Any]:
    return [fact for fact in told if not isinstance(fact, BalanceFact)]


def _fills_of_one_side(told: list[Any]) -> list[Any]:
    """A fill's price is taken from another place: half a point off, now and then."""
    return [
        replace(fact, price=fact.price + Decimal("0.5"))
        if isinstance(fact, FillFact) and fact.fill_id % 5 == 0
        else fact
        for fact in told
    ]


class _ForgetfulLedger(TwinLedger):
    """The first claim of an entry is not kept: the intent is pending again when it is sent."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self._forgotten: set[IntentId] = set()

    async def claim(self, held: Sequence[Lease], judge: Judge) -> Claims:
        claims = await super().claim(held, judge)
        for each in claims.claimed:
            row = self._store.intents.one(each.intent.id)
            if row.role is Role.ENTRY and row.id not in self._forgotten:
                self._forgotten.add(row.id)
                self._store.intents.change(replace(row, state=IntentState.PENDING))
        return claims


class _NewestFirstLedger(TwinLedger):
    """Of several undecided signals the newest is decided first."""

    async def fan_out(self, strategy: Any, decide: Any, max_age_s: float) -> Any:
        store = self._store
        waiting = [
            row
            for row in store.signals.rows()
            if row.strategy_id == strategy and row.id not in store.decided
        ]
        for row in waiting[:-1]:
            store.decided.put(row.id, True)
        events = await super().fan_out(strategy, decide, max_age_s)
        for row in waiting[:-1]:
            store.decided._set(row.id, None)
        return events + await super().fan_out(strategy, decide, max_age_s)


class _UnfencedLedger(TwinLedger):
    """Whoever has held a login may claim for it: the epoch is not compared."""

    async def claim(self, held: Sequence[Lease], judge: Judge) -> Claims:
        leases = self._store.leases
        newest = [replace(each, epoch=leases.one(each.connection_id).epoch) for each in held]
        return await super().claim(newest, judge)


class _RestlessLedger(TwinLedger):
    """What a captcha asks for is known to nobody but who heard it."""

    async def record(self, intent: IntentId, outcome: Outcome) -> Any:
        events = await super().record(intent, outcome)
        for row in self._store.sessions.rows():
            self._store.sessions.put(row.connection_id, replace(row, rests_until=None))
        return events


class _GappyLedger(TwinLedger):
    """One event in many is numbered and never written."""

    async def apply(self, login: Any, told: Sequence[Any]) -> Any:
        events = await super().apply(login, told)
        for event in events:
            if event.seq is not None and event.seq % 17 == 0:
                self._store.outbox._set(event.id, None)
        return [event for event in events if event.id in self._store.outbox]


class _NarrowLedger(TwinLedger):
    """The last account of a strategy is forgotten now and then."""

    async def fan_out(self, strategy: Any, decide: Any, max_age_s: float) -> Any:
        store = self._store
        last = [row for row in store.links.rows() if row.strategy_id == strategy][-1]
        if len(store.decided) % 5 != 0:
            return await super().fan_out(strategy, decide, max_age_s)
        key = (last.strategy_id, last.account_id)
        store.links._set(key, None)
        events = await super().fan_out(strategy, decide, max_age_s)
        store.links._set(key, last)
        return events


# ---- parts that do not do their work


async def _idle() -> None:
    await asyncio.Event().wait()


class _NoSweep(Planner):
    async def _sweep(self) -> None:
        await _idle()


class _NoRelay(TwinRelay):
    async def run(self) -> None:
        await _idle()


class _NoProtector(Protector):
    async def run(self) -> None:
        await _idle()


class _OwnClock(RecordClock):
    """Believes its machine."""

    async def ask(self) -> None:
        pass


class _PatientPlacer(Placer):
    """Sends however long ago it was claimed."""

    async def _send(self, claimed: Any, claimed_at_s: float) -> Outcome:
        login = self._logins._logins.get(claimed.connection_id)
        if login is None:
            return NotSent("not ours")
        return await login.broker.place(request_of(claimed))


def _twice_multiplied(signal: Any, strategy: Any, link: Any, scene: Any) -> Any:
    twice = replace(link, multiplier=link.multiplier * link.multiplier)
    return decide(signal, strategy, twice, scene)


def _unlimited(signal: Any, strategy: Any, link: Any, scene: Any) -> Any:
    return decide(signal, strategy, replace(link, rules=FREE_ACCOUNT), scene)


def _newly(ledger: type[TwinLedger]) -> Build:
    return Build(new_ledger=lambda street: ledger(street.store))


def _without_limits() -> Build:
    build = _judging(_no_gates)
    build.decide = _unlimited
    return build


def _without_stops() -> Build:
    build = _judging(_deaf)
    build.decide = _decides_deaf
    return build


@dataclass(frozen=True, slots=True)
class Bug:
    """`by` are the promises that it breaks; one of them has to be named."""

    name: str
    build: Callable[[], Build]
    by: tuple[str, ...]


BUGS: Final = (
    Bug("unknown is taken for not sent", lambda: _ledger(record=_unknown_as_unsent), ("O1", "O2")),
    Bug(
        "an order is repeated after a time-out", lambda: _broker(place=_again_when_unknown), ("O",)
    ),
    Bug("nobody resolves", lambda: _ledger(unresolved=_never_resolved), ("O6", "A4")),
    Bug("one contract more is sent", lambda: _broker(place=_one_more), ("O",)),
    Bug("entries go in two orders", lambda: _broker(place=_in_two_orders), ("O3", "O7")),
    Bug("the other side is sent", lambda: _broker(place=_other_side), ("O",)),
    Bug("an exit closes one more", lambda: _judging(_exit_one_more), ("O7",)),
    Bug("an exit goes to a far contract", lambda: _judging(_exit_far_contract), ("O7", "O3")),
    Bug("an exit does not wait for its legs", lambda: _judging(_exit_beside_legs), ("O7", "O8")),
    Bug("entries leave without their stop", lambda: _judging(_without_stop), ("O9", "O6")),
    Bug("no limit holds", _without_limits, ("O10",)),
    Bug("a stop is not heard", _without_stops, ("O11",)),
    Bug("a claim asks for no epoch", lambda: _newly(_UnfencedLedger), ("F22",)),
    Bug("a machine's clock is believed", lambda: Build(parts={"RecordClock": _OwnClock}), ("O",)),
    Bug("multiplied twice", lambda: Build(decide=_twice_multiplied), ("O14",)),
    Bug("some fills are not heard", lambda: _hearing(_without_some_fills), ("R1",)),
    Bug("some fees are not heard", lambda: _hearing(_without_fees), ("R1",)),
    Bug("fills are counted twice", lambda: _hearing(_fills_twice), ("R1",)),
    Bug("fills are inferred", lambda: _hearing(_fills_inferred), ("R1",)),
    Bug("busts are ignored", lambda: _hearing(_busts_ignored), ("R1",)),
    Bug("balances are ignored", lambda: _hearing(_without_balances), ("R3",)),
    Bug("prices of fills are wrong", lambda: _hearing(_fills_of_one_side), ("R1",)),
    Bug("a claim is not kept", lambda: _newly(_ForgetfulLedger), ("O",)),
    Bug("newest first", lambda: _newly(_NewestFirstLedger), ("O4",)),
    Bug("a rest is not recorded", lambda: _newly(_RestlessLedger), ("F14",)),
    Bug("events have gaps", lambda: _newly(_GappyLedger), ("R5",)),
    Bug("an account is forgotten", lambda: _newly(_NarrowLedger), ("A4",)),
    Bug("no sweep under the bell", lambda: Build(parts={"Planner": _NoSweep}), ("A4",)),
    Bug("no relay", lambda: Build(parts={"TwinRelay": _NoRelay}), ("P2",)),
    Bug("no protector", lambda: Build(parts={"Protector": _NoProtector}), ("O",)),
    Bug("sent however late", lambda: Build(parts={"Placer": _PatientPlacer}), ("F2",)),
)
