"""Histories in which two processes speak at once: as good as one after the other.

The twin's operations are whole. So whatever two interleaved transactions of PostgreSQL answered
and left behind, the twin must answer and leave behind the same in one of the two orders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from types import SimpleNamespace
from typing import Any, Final

from execution.ledger import fact_news
from shared.contracts.envelope import Envelope
from shared.domain.claim import Candidate, Verdict, Wait, judge
from shared.domain.controls import Word
from shared.domain.decision.decide import decide
from shared.domain.gates.controls import Scope
from shared.domain.ids import IntentId
from shared.domain.order import IntentState, Role
from shared.ports.broker import Fact
from shared.ports.ledger import Claims, Lease
from tests.contract.ledger.history import HOLDERS, History, refused_or
from tests.contract.ledger.interleaving import COMMIT, Said, interleaved
from tests.contract.ledger.plain import said
from tests.contract.ledger.postgres_world import PostgresWorld
from tests.contract.ledger.twin_world import TwinWorld
from tests.contract.ledger.world import BROKER_ACCOUNTS, MAX_AGE_S, QUOTE, Row, World

Call = Callable[[World], Awaitable[Any]]
_SHOWN: Final = ("intent_id", "client_id", "status", "order_type", "qty", "price", "stop_price")


class _EnoughError(Exception):
    """From here on the two ledgers need not be the same."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What a broker told; `rest`: what of it was news when it came."""

    told: Sequence[Fact]
    rest: Sequence[Fact]

    async def __call__(self, world: World) -> list[Envelope]:
        return await world.ledger.apply(world.connection, self.told)


def _rest(call: Call) -> Call:
    return replace(call, told=call.rest) if isinstance(call, _Read) else call


def _claimed(found: Claims | None) -> list[IntentId]:
    return [] if found is None else [each.intent.id for each in found.claimed]


@dataclass(frozen=True, slots=True)
class _Claim:
    """`only`: of entries these; the others are left to the next claim."""

    held: Sequence[Lease]
    now: datetime
    only: tuple[IntentId, ...] | None = None

    async def __call__(self, world: World) -> Claims:
        return await world.ledger.claim(self.held, self.judge)

    def judge(self, candidate: Candidate) -> Verdict:
        entry = candidate.intent.role is Role.ENTRY
        if entry and self.only is not None and candidate.intent.id not in self.only:
            return Wait("put_off")
        return judge(candidate, self.now, QUOTE)


def _less(call: Call, answer: Said) -> Call:
    return replace(call, only=tuple(_claimed(answer[0]))) if isinstance(call, _Claim) else call


class Duets(History):
    """A history with one more step, `duet`."""

    def __init__(self, twin: TwinWorld, real: PostgresWorld) -> None:
        super().__init__(twin, real)
        self.house = real
        self.shows = twin
        self.seen: Counter[str] = Counter()

    async def live(self, steps: list[tuple[str, int]]) -> None:
        with suppress(_EnoughError):
            await super().live(steps)

    async def do_duet(self, rng: Random) -> None:
        """Two of the things that processes do, at the same time."""
        names = [rng.choice(PARTS) for _ in range(2)]
        drawn = [await self._draw(name, rng) for name in names]
        self.steps.append(f"    {names}")
        first, second = drawn
        answers, trace = await interleaved(
            self.house.db, rng, (lambda: first(self.house), lambda: second(self.house))
        )
        real = await self.real_rows()
        calls = list(zip(drawn, answers, strict=True))
        if [line for line in trace if line.endswith(COMMIT)][:1] == [f"B {COMMIT}"]:
            calls.reverse()
            self.seen["second committed first"] += 1
        self.seen["duets"] += 1
        self.seen[" | ".join(names)] += 1
        parted = [await self._parted(each, real) for each in (calls, calls[::-1])]
        if all(parted):
            # A large read is sifted before it takes a lock: what was no news then came before the
            # other, the rest after it.
            sifted = [(_rest(call), answer) for call, answer in calls]
            late = ([calls[0], sifted[1]], [calls[1], sifted[0]])
            parted += [await self._parted(each, real) for each in late]
        if all(parted) and "claim" in names:
            parted += await self._put_off(names, calls, real)
        if all(parted) and "drift" in names:
            # A look reads without a lock and looks again, under it, where something would change;
            # what came in another account meanwhile is found by the next look.
            self.seen["looks too early"] += 1
            raise _EnoughError
        assert not all(parted), (names, trace, parted, self.steps)

    async def _draw(self, name: str, rng: Random) -> Call:
        call: Call = await getattr(self, f"part_{name}")(rng)
        return call

    async def _put_off(
        self, names: list[str], calls: list[tuple[Call, Said]], real: dict[str, list[Row]]
    ) -> list[list[Any]]:
        """A claim waits for nobody: what it cannot lock at once it leaves to the next claim.

        Beside a word that is being said it sends no entry; that stands for an order in which it
        had judged none. Two claims may share between them what one of them would have done; then
        only that none sends what the other sends is certain, and this history ends here.
        """
        if names == ["claim", "claim"]:
            sent = [set(_claimed(found)) for _, (found, _) in calls]
            assert not sent[0] & sent[1], (sent, self.steps)
            self.seen["claims shared"] += 1
            raise _EnoughError
        if "word" not in names:
            return []
        self.seen["claims put off"] += 1
        less = [(_less(call, answer), answer) for call, answer in calls]
        return [await self._parted(each, real) for each in (less, less[::-1])]

    async def _parted(
        self, calls: list[tuple[Call, Said]], real: dict[str, list[Row]]
    ) -> list[Any]:
        """Where the twin differs, one call after the other; then it is as it was before.

        Nothing: it has lived them, too.
        """
        take_back = self.shows.store.savepoint()
        out: list[Any] = []
        for call, (found, failed) in calls:
            twins, refused = await refused_or(call, self.twin)
            if (failed is None) != (refused is None):
                out.append((failed, refused))
            elif said(found) != said(twins):
                out.append((said(found), said(twins)))
        rows = await self.differences(real)
        out += [rows] if rows else []
        if out:
            take_back()
        return out

    # --- what a process does; drawn from what the twin holds, before either begins ---
    def _held(self, rng: Random) -> list[Lease]:
        return self.held[rng.choice((*HOLDERS, "a"))]

    async def part_fan_out(self, rng: Random) -> Call:
        strategy = rng.choice((0, 1))
        return lambda w: w.ledger.fan_out(w.strategies[strategy], decide, MAX_AGE_S)

    async def part_claim(self, rng: Random) -> Call:
        return _Claim(self._held(rng), self.twin.clock.now())

    async def part_record(self, rng: Random) -> Call:
        row = self._intent(rng, IntentState.SENDING)
        if row is None:
            return await self.part_facts(rng)
        outcome = self._outcome(rng, row)
        return lambda w: w.ledger.record(row.id, outcome)

    async def part_resolve(self, rng: Random) -> Call:
        row = self._intent(rng, IntentState.UNKNOWN)
        if row is None:
            return await self.part_fills(rng)
        order = self.broker.order_of(row)
        if rng.random() < 0.5:
            return lambda w: w.ledger.found(row.id, order)
        return lambda w: w.ledger.abandon(row.id)

    async def part_facts(self, rng: Random) -> Call:
        return self._read(self.broker.facts(rng))

    async def part_fills(self, rng: Random) -> Call:
        return self._read(self.broker.expected(rng))

    async def part_full_read(self, rng: Random) -> Call:
        return self._read(self.broker.everything(rng))

    def _read(self, told: list[Fact]) -> _Read:
        if len(told) < fact_news.WORTH_ASKING:
            return _Read(told, told)
        store = self.shows.store
        ours = {row.broker_account_id: int(row.id) for row in store.accounts.rows()}
        fills = {row.broker_fill_id: row for row in store.fills.rows()}
        orders = {}
        for row in store.orders.rows():
            known = {name: getattr(row, name) for name in _SHOWN}
            bound = store.intents.by_order(row.account_id, row.broker_order_id) is not None
            is_claimed = row.intent_id is None and bound
            key = int(row.account_id), row.broker_order_id
            orders[key] = SimpleNamespace(**known, is_claimed=is_claimed)
        about, is_known = fact_news._about, fact_news._is_known
        new = {about(fact) for fact in told if not is_known(fact, ours, orders, fills)}
        return _Read(told, [fact for fact in told if about(fact) in new])

    async def part_take_over(self, rng: Random) -> Call:
        held = self._held(rng)
        if not held:
            return await self.part_lease(rng)
        return lambda w: w.ledger.take_over(held[0])

    async def part_lease(self, rng: Random) -> Call:
        holder = rng.choice(HOLDERS)
        if rng.random() < 0.3:
            return lambda w: w.ledger.release_leases(holder)
        return lambda w: w.ledger.renew_leases(holder)

    async def part_close(self, rng: Random) -> Call:
        here = {"account_id": self._account(rng)}
        everybody = {"every_owner": True}
        detail = rng.choice(({}, here, {"strategy_id": 1}, everybody, here | everybody))
        command = await self.both(lambda w: w.ask("close", detail))
        return lambda w: w.ledger.close_all(command)

    async def part_word(self, rng: Random) -> Call:
        scope = rng.choice((Scope.ACCOUNT, Scope.STRATEGY))
        some = self.twin.accounts if scope is Scope.ACCOUNT else self.twin.strategies
        scope_id, word = int(rng.choice(some)), rng.choice((Word.KILL, Word.RESUME, Word.RESUME))
        return lambda w: w.say(scope, scope_id, word)

    async def part_quarantine(self, rng: Random) -> Call:
        account, code = self._account(rng), rng.choice((None, "drift.position"))
        return lambda w: w.ledger.quarantine(account, code)

    async def part_drift(self, rng: Random) -> Call:
        held = self._held(rng)
        nets = {(BROKER_ACCOUNTS[0], "NQZ6"): rng.randint(-1, 1)}
        told = {self.twin.connection: nets} if rng.random() < 0.5 else {}
        return lambda w: w.ledger.look_for_drift(held, told)

    async def part_guard(self, rng: Random) -> Call:
        held = self._held(rng)
        naked = await self.twin.ledger.naked(held, 0.5)
        if not naked:
            return lambda w: w.ledger.naked(held, 0.5)
        found = rng.choice(naked)
        return lambda w: w.ledger.guard_exit(found)

    async def part_move(self, rng: Random) -> Call:
        held = self._held(rng)
        off = await self.twin.ledger.legs_off(held)
        if not off:
            return lambda w: w.ledger.uneven(held)
        leg = rng.choice(off)
        return lambda w: w.ledger.move_leg(leg)


# Twice what the life of an order is made of.
_OFTEN: Final = ("fan_out", "claim", "record", "facts", "fills")
_ELSE: Final = (
    *("resolve", "full_read", "take_over", "lease", "close", "word"),
    *("quarantine", "drift", "guard", "move"),
)
PARTS: Final = (*_OFTEN, *_OFTEN, *_ELSE)
