"""Names for every await with an effect, and what may happen there.

    ledger.<operation>.before|after     before its transaction, and after its commit
    broker.<call>.before|after          before it is written, and after its answer
    wire.<endpoint>.written             written to the broker, and no answer yet
    bell.publish|published              before and after the streams are told

The ports are wrapped when a test builds a process; the product knows nothing of it. Who reaches a
point may be ended there (it never comes back), told that the database is away, or kept waiting.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from shared.db.failures import DatabaseAway
from shared.domain.ids import IntentId
from shared.ports.broker import CAPTCHA, NotSent
from shared.ports.ledger import Claims
from tests.simulation.virtual_loop import VirtualClock

# What they change is seen by others: a crash beside them can matter.
EFFECTS: Final = frozenset(
    {
        *("ledger.renew_leases", "ledger.take_over", "ledger.fan_out", "ledger.claim"),
        *("ledger.record", "ledger.unresolved", "ledger.found", "ledger.abandon", "ledger.apply"),
        *("ledger.quarantine", "ledger.move_leg", "ledger.tighten", "ledger.give_up_legs"),
        *("ledger.guard_exit", "ledger.close_all", "ledger.answer", "ledger.save_state"),
        *("ledger.save_contract", "ledger.watch_risk"),
        *("broker.place", "broker.start", "broker.modify", "broker.cancel", "broker.interrupt"),
        *("broker.liquidate", "broker.lookup", "broker.snapshot"),
    }
)
_BROKER_CALLS: Final = frozenset(
    {"place", "start", "modify", "cancel", "interrupt", "liquidate", "lookup", "snapshot"}
)
# Latency is drawn, so that others get their turn between any two steps of ours.
_AT_ONCE: Final = 0.7
_YIELDS: Final = 0.25
_LATENCY_S_MAX: Final = 0.008


@dataclass(frozen=True, slots=True)
class Sent:
    """A call to the broker that was really made, with what was asked for."""

    at_s: float
    process: str
    call: str
    request: Any


@dataclass(frozen=True, slots=True)
class Committed:
    """A claim, as the ledger gave it back."""

    at_s: float
    process: str
    claimed: Any
    is_holder: bool = True  # whether its login was leased to that process when it committed


@dataclass(frozen=True, slots=True)
class Rested:
    """From here on the record says that the login of that order places nothing before `until_s`."""

    at_s: float
    intent: IntentId
    until_s: float


Hook = Callable[[str], Awaitable[None]]


@dataclass(slots=True)
class Notes:
    """What all processes of a world did, in order. `trace` takes each step's line."""

    clock: VirtualClock
    trace: Callable[[str], None]
    reached: Counter[str] = field(default_factory=Counter)
    sent: list[Sent] = field(default_factory=list)
    resting: dict[str, float] = field(default_factory=dict)  # until when, by login: as heard
    rested: list[Rested] = field(default_factory=list)  # and as recorded
    holds: Callable[[str, Any], bool] = lambda _process, _connection: True
    claims: list[Committed] = field(default_factory=list)


@dataclass(slots=True)
class Points:
    """One process's; `hook` is what the plan of the world does at a point."""

    process: str
    notes: Notes
    rng: Random
    hook: Hook
    cuts: list[str] = field(default_factory=list)  # "before"/"after" for the next ledger effects

    async def reach(self, point: str) -> None:
        self.notes.reached[point] += 1
        self.notes.trace(f"{self.process} {point}")
        await self.hook(point)

    async def rest(self) -> None:
        """Somebody else's turn, perhaps."""
        drawn = self.rng.random()
        if drawn < _AT_ONCE:
            return
        late_s = 0.0 if drawn < _AT_ONCE + _YIELDS else self.rng.random() * _LATENCY_S_MAX
        await asyncio.sleep(late_s)

    def cut(self, when: str) -> None:
        """Raises when the database is to go away there."""
        if self.cuts and self.cuts[0] == when:
            self.cuts.pop(0)
            self.notes.reached[f"database cut {when} commit"] += 1
            raise DatabaseAway("database.away", "cut by the test")


class PointedLedger:
    """Any ledger with its operations named. It grows with the port by itself."""

    def __init__(self, ledger: Any, points: Points) -> None:
        self._ledger = ledger
        self._points = points

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._ledger, name)
        points, full = self._points, f"ledger.{name}"
        effect = full in EFFECTS

        async def operation(*args: Any, **kwargs: Any) -> Any:
            await points.rest()
            if not effect:
                return await call(*args, **kwargs)
            await points.reach(f"{full}.before")
            points.cut("before")
            answer = await call(*args, **kwargs)
            if isinstance(answer, Claims):
                self._note(answer)
            if name == "record":
                self._note_rest(*args)
            await points.reach(f"{full}.after")
            points.cut("after")
            await points.rest()
            return answer

        setattr(self, name, operation)
        return operation

    def _note(self, claims: Claims) -> None:
        points, now_s = self._points, self._points.notes.clock.monotonic()
        for claimed in claims.claimed:
            holds = points.notes.holds(points.process, claimed.connection_id)
            points.notes.claims.append(Committed(now_s, points.process, claimed, holds))

    def _note_rest(self, intent: IntentId, outcome: Any) -> None:
        if isinstance(outcome, NotSent) and outcome.cause == CAPTCHA:
            notes = self._points.notes
            now_s = notes.clock.monotonic()
            notes.rested.append(Rested(now_s, intent, now_s + outcome.retry_after_s))


class PointedBroker:
    """Any broker with its calls named; streams and the rest pass."""

    def __init__(self, broker: Any, points: Points, login: str) -> None:
        self._broker = broker
        self._points = points
        self._login = login

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._broker, name)
        if name not in _BROKER_CALLS:
            return found
        points, full = self._points, f"broker.{name}"

        async def call(*args: Any, **kwargs: Any) -> Any:
            await points.reach(f"{full}.before")
            notes = points.notes
            notes.sent.append(Sent(notes.clock.monotonic(), points.process, name, args))
            answer = await found(*args, **kwargs)
            if isinstance(answer, NotSent) and answer.cause == CAPTCHA:
                until_s = notes.clock.monotonic() + answer.retry_after_s
                notes.resting[self._login] = max(until_s, notes.resting.get(self._login, until_s))
            await points.reach(f"{full}.after")
            return answer

        setattr(self, name, call)
        return call
