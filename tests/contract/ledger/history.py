"""One random history, lived by both ledgers at once; every answer and every row is compared.

A step is a name and a number; what it does is drawn from that number and from what the twin holds,
so a history repeats exactly and shrinks well.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random
from typing import Any, Final

from shared.domain.claim import judge
from shared.domain.controls import Word
from shared.domain.decision.decide import decide
from shared.domain.gates.controls import Scope
from shared.domain.ids import AccountId
from shared.domain.order import IntentState, Role
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.bracket import Bracket, DistanceUnit, OnAdd, Stop, Target, Trail
from shared.domain.rules.limits import Brakes, Limits
from shared.ports.broker import (
    Accepted,
    LoginHealth,
    LoginState,
    NotSent,
    Outcome,
    Refused,
    Unknown,
)
from shared.ports.ledger import Claims, Lease, LegOffset, Naked, Riding
from tests.contract.ledger import rumours
from tests.contract.ledger.handing import handovers_of
from tests.contract.ledger.plain import said
from tests.contract.ledger.twin_world import TwinWorld
from tests.contract.ledger.world import BUY, CLOSE, MAX_AGE_S, QUOTE, TABLES, Row, World
from tests.simulation.rows import IntentRow

HOLDERS: Final = ("a", "b")
_LADDER: Final = Bracket(
    targets=(Target(at=Decimal(10), trim=Decimal(40)), Target(at=Decimal(30))),
    stop=Stop(at=Decimal("0.1"), unit=DistanceUnit.PERCENT, trail=Trail(distance=Decimal(10))),
    on_add=OnAdd.PER_POSITION,
)
_PAUSES_S: Final = (0.1, 0.1, 0.6, 0.6, 1.5, 1.5, 4, 6, 16, 31)


class History:
    def __init__(self, twin: TwinWorld, real: World) -> None:
        self.twin = twin
        self.real = real
        self.broker = rumours.Broker(twin)
        self.held: dict[str, list[Lease]] = {}
        self.steps: list[str] = []

    async def live(self, steps: list[tuple[str, int]]) -> None:
        await self.both(lambda w: w.set_rules(StrategyRules(bracket=_LADDER), 1))
        for holder in HOLDERS:
            self.held[holder] = await self.both(lambda w, h=holder: w.ledger.renew_leases(h))  # type: ignore[misc] # mypy cannot infer a lambda with a default
        for name, number in steps:
            self.steps.append(f"{name} {number}")
            await getattr(self, f"do_{name}")(Random(number))  # noqa: S311 - no secret
        parted = await self.differences(await self.real_rows())
        assert not parted, (parted, self.steps)
        await self._no_gaps()

    async def both(self, call: Callable[[World], Awaitable[Any]], *, ordered: bool = True) -> Any:
        """The twin's answer, once PostgreSQL has given the same. None when both refused."""
        twins, failed = await refused_or(call, self.twin)
        real, real_failed = await refused_or(call, self.real)
        assert (failed is None) == (real_failed is None), (failed, real_failed, self.steps)
        expected, found = said(real), said(twins)
        if not ordered:
            expected, found = sorted(expected, key=str), sorted(found, key=str)
        assert found == expected, (found, expected, self.steps)
        return twins

    async def real_rows(self) -> dict[str, list[Row]]:
        return {table: await self.real.table(table) for table in TABLES}

    async def differences(self, real: dict[str, list[Row]]) -> dict[str, tuple[Any, ...]]:
        return differences({name: await self.twin.table(name) for name in real}, real)

    async def _no_gaps(self) -> None:
        for account in self.twin.accounts:
            rows = await self.twin.rows("outbox", account_id=account)
            assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1)), self.steps

    # --- drawing from what there is ---
    def _account(self, rng: Random) -> AccountId:
        return rng.choice(self.twin.accounts)

    def _intent(self, rng: Random, *states: IntentState) -> IntentRow | None:
        """An order of that state; now and then one of any state."""
        rows = self.twin.store.intents.rows()
        orders = [row for row in rows if not row.is_leg or row.intent.rung]
        wanted = [row for row in orders if row.state in states]
        some = orders if rng.random() < 0.05 else wanted
        return rng.choice(some) if some else None

    # --- signals ---
    async def do_signal(self, rng: Random) -> None:
        signal, strategy = rumours.signal(rng), rng.choice((0, 0, 1, 1))
        await self.both(lambda w: w.accept(signal, strategy))
        if rng.random() < 0.8:
            await self._fan_out(strategy)

    async def do_fan_out(self, rng: Random) -> None:
        await self.both(lambda w: w.ledger.undecided(), ordered=False)
        await self._fan_out(rng.choice((0, 1)))

    async def _fan_out(self, strategy: int) -> None:
        await self.both(lambda w: w.ledger.fan_out(w.strategies[strategy], decide, MAX_AGE_S))

    # --- orders ---
    async def do_send(self, rng: Random) -> None:
        """A round as it should be: renew, claim, and the broker mostly takes what it is given."""
        self.held["a"] = await self.both(lambda w: w.ledger.renew_leases("a"))
        for row in await self._claim(rng, self.held["a"]):
            odd = rng.random() < 0.25
            await self._record(row, self._outcome(rng, row) if odd else self._accepted(rng, row))

    async def do_claim(self, rng: Random) -> None:
        await self._claim(rng, self.held[rng.choice(("a", "a", "a", "b"))])

    async def _claim(self, rng: Random, held: list[Lease]) -> list[IntentRow]:
        quote = rng.choice((QUOTE, QUOTE, QUOTE, None))
        now = self.twin.clock.now()
        claims: Claims | None = await self.both(
            lambda w: w.ledger.claim(held, lambda c: judge(c, now, quote))
        )
        claimed = () if claims is None else claims.claimed
        return [self.twin.store.intents.one(each.intent.id) for each in claimed]

    async def _record(self, row: IntentRow, outcome: Outcome) -> None:
        await self.both(lambda w: w.ledger.record(row.id, outcome))

    async def do_answer(self, rng: Random) -> None:
        row = self._intent(rng, IntentState.SENDING)
        if row is not None:
            await self._record(row, self._outcome(rng, row))

    def _outcome(self, rng: Random, row: IntentRow) -> Outcome:
        match rng.randrange(8):
            case 0:
                return Unknown("timeout")
            case 1:
                return NotSent("connect", rng.choice((0.0, 2.0)))
            case 2:
                return Refused("broker.refused.margin", "margin")
            case _:
                return self._accepted(rng, row)

    def _accepted(self, rng: Random, row: IntentRow) -> Accepted:
        legs = [self.broker.order_of(leg) for leg in self._beside(row)]
        known = tuple(legs) if rng.random() < 0.7 else tuple(legs[:1])
        return Accepted(self.broker.order_of(row), known)

    def _beside(self, row: IntentRow) -> list[IntentRow]:
        """The legs that left with it, in the order of the request."""
        parent = row.intent.parent
        legs = self.twin.store.intents.legs(row.id if parent is None else parent)
        rung = row.intent.rung
        legs = [leg for leg in legs if leg.intent.rung == rung and leg.id != row.id]
        return [leg for leg in legs if not rung or leg.intent.attempt == row.intent.attempt]

    async def do_resolve(self, rng: Random) -> None:
        held = self.held[rng.choice(HOLDERS)]
        await self.both(lambda w: w.ledger.unresolved(held))
        row = self._intent(rng, IntentState.UNKNOWN)
        if row is None:
            return
        if rng.random() < 0.5:
            order = self.broker.order_of(row)
            await self.both(lambda w: w.ledger.found(row.id, order))
        else:
            await self.both(lambda w: w.ledger.abandon(row.id))

    # --- facts ---
    async def do_facts(self, rng: Random) -> None:
        told = self.broker.facts(rng)
        await self.both(lambda w: w.ledger.apply(w.connection, told))

    async def do_fills(self, rng: Random) -> None:
        told = self.broker.expected(rng)
        await self.both(lambda w: w.ledger.apply(w.connection, told))

    async def do_full_read(self, rng: Random) -> None:
        told = self.broker.everything(rng)
        await self.both(lambda w: w.ledger.apply(w.connection, told))

    async def do_drift(self, rng: Random) -> None:
        told = self.broker.positions(rng)
        await self.both(lambda w: w.ledger.drifted(w.connection, told))
        drifted = rng.random() < 0.25
        account, code = self._account(rng), "drift.position" if drifted else None
        await self.both(lambda w: w.ledger.quarantine(account, code))

    # --- protection ---
    async def do_protect(self, rng: Random) -> None:
        pause_s = rng.choice((1, 4))
        await self.both(lambda w: w.advance(pause_s))
        held = self.held[rng.choice(HOLDERS)]
        off: list[LegOffset] = await self.both(lambda w: w.ledger.legs_off(held))
        if off:
            leg = rng.choice(off)
            await self.both(lambda w: w.ledger.move_leg(leg))
        await self.both(lambda w: w.ledger.uneven(held))
        rides: list[Riding] = await self.both(lambda w: w.ledger.riding(held))
        if rides:
            tight = _tightened(rng.choice(rides))
            await self.both(lambda w: w.ledger.tighten(tight))
        naked: list[Naked] = await self.both(lambda w: w.ledger.naked(held, 3), ordered=False)
        if naked:
            found = rng.choice(naked)
            await self.both(lambda w: w.ledger.guard_exit(found))

    # --- wishes ---
    async def do_command(self, rng: Random) -> None:
        here = {"account_id": self._account(rng)}
        everybody = {"every_owner": True}
        detail = rng.choice(({}, here, {"strategy_id": 1}, everybody, here | everybody))
        command = await self.both(lambda w: w.ask("close", detail))
        await self.both(lambda w: w.ledger.commands())
        for _ in range(rng.choice((1, 1, 2))):
            await self.both(lambda w: w.ledger.close_all(command))
        await self.both(lambda w: w.ledger.answer(command, "refused", "command.unknown", "?"))

    async def do_hand_over(self, rng: Random) -> None:
        """What one strategy holds becomes the other's, or stays with a reason."""
        giver, taker = rng.choice(((0, 1), (0, 1), (1, 0), (1, 1)))
        command = await self.both(
            lambda w: w.ask(
                "hand_over",
                {"strategy_id": w.strategies[giver], "to_strategy_id": w.strategies[taker]},
            )
        )
        for _ in range(rng.choice((1, 1, 2))):
            await self.both(lambda w: handovers_of(w).carry_out(command))

    async def do_word(self, rng: Random) -> None:
        """Somebody stops or resumes; half of the time what was stopped is resumed at once."""
        scope = rng.choice(tuple(Scope))
        scope_id = {
            Scope.SYSTEM: 0,
            Scope.USER: int(self.twin.user),
            Scope.ACCOUNT: int(self._account(rng)),
            Scope.STRATEGY: int(rng.choice(self.twin.strategies)),
        }[scope]
        words = rng.choice(((Word.KILL, Word.RESUME), (Word.PAUSE,), (Word.RESUME,)))
        for word in words:
            await self.both(lambda w, said=word: w.say(scope, scope_id, said))  # type: ignore[misc] # mypy cannot infer a lambda with a default
        for command in await self.both(lambda w: w.ledger.commands()) or ():
            await self.both(lambda w, asked=command: w.ledger.close_all(asked))  # type: ignore[misc] # mypy cannot infer a lambda with a default

    async def do_limit(self, rng: Random) -> None:
        """An account's bounds change while entries wait."""
        index, contracts = rng.randrange(2), rng.choice((None, None, 1, 3))
        brakes = Brakes(duplicate_s=rng.choice((0, 0, 5)))
        rules = AccountRules(limits=Limits(max_position_contracts=contracts), brakes=brakes)
        exclusive = rng.random() < 0.7
        await self.both(lambda w: w.set_account(rules, exclusive=exclusive, account=index))

    # --- what chance alone seldom brings together ---
    async def do_crash(self, rng: Random) -> None:
        """A process dies with orders on their way; another takes its logins."""
        await self._claim(rng, self.held["a"])
        await self.both(lambda w: w.advance(6))
        self.held["b"] = await self.both(lambda w: w.ledger.renew_leases("b"))
        for lease in self.held["b"]:
            await self._take_over(lease)

    async def _take_over(self, lease: Lease) -> None:
        await self.both(lambda w: w.ledger.take_over(lease))

    async def do_stuck(self, rng: Random) -> None:
        """An entry that cannot go, and then "be flat"."""
        account = self._account(rng)
        await self.both(lambda w: w.ledger.quarantine(account, "drift.position"))
        for signal in (BUY, CLOSE):
            await self.both(lambda w, said=signal: w.accept(said))  # type: ignore[misc] # mypy cannot infer a lambda with a default
        await self._fan_out(0)
        await self.do_send(rng)

    # --- processes and time ---
    async def do_lease(self, rng: Random) -> None:
        holder = rng.choice(HOLDERS)
        if rng.random() < 0.3:
            await self.both(lambda w: w.ledger.release_leases(holder))
        holder = rng.choice(HOLDERS)
        before = self.held[holder]
        self.held[holder] = await self.both(lambda w: w.ledger.renew_leases(holder))
        for lease in self.held[holder]:
            if lease not in before:
                await self._take_over(lease)

    async def do_login(self, rng: Random) -> None:
        state = rng.choice(tuple(LoginState))
        code = rng.choice((None, "broker.captcha", "broker.silent"))
        await self.both(_without_device)
        login = await self.twin.ledger.login(self.twin.connection)
        health = LoginHealth(state, code, self.twin.clock.now(), None)
        await self.both(lambda w: w.ledger.save_state(login, health))
        await self.both(lambda w: w.ledger.wanted(w.connection))
        if rng.random() < 0.1:
            enabled = rng.random() < 0.8
            await self.both(lambda w: w.switch_login(enabled=enabled))

    async def do_pause(self, rng: Random) -> None:
        seconds = rng.choice(_PAUSES_S)
        await self.both(lambda w: w.advance(seconds))


def differences(
    twins: dict[str, list[Row]], reals: dict[str, list[Row]]
) -> dict[str, tuple[Any, ...]]:
    """Of each table that is not the same: rows of the twin alone, and of PostgreSQL alone.

    Columns that the twin does not keep are left out.
    """
    out: dict[str, tuple[Any, ...]] = {}
    for table, rows in twins.items():
        names = set(rows[0]) if rows else set()
        kept = [{name: row[name] for name in names} for row in reals[table]]
        only_twin, only_real = _without(rows, kept), _without(kept, rows)
        if only_twin or only_real or len(rows) != len(kept):
            out[table] = (only_twin, only_real, len(rows), len(kept))
    return out


def _without(rows: list[Row], others: list[Row]) -> list[Row]:
    known = {json.dumps(row, sort_keys=True) for row in others}
    return [row for row in rows if json.dumps(row, sort_keys=True) not in known]


def _tightened(ride: Riding) -> LegOffset:
    return LegOffset(
        ride.intent_id,
        ride.connection_id,
        ride.broker_order_id,
        Role.STOP_LOSS,
        ride.qty_contracts,
        ride.stands_at + ride.entry.sign,
    )


async def _without_device(world: World) -> list[Any]:
    row = await world.ledger.login(world.connection)
    return [row.environment, row.login_name, row.token_sealed]


async def refused_or(
    call: Callable[[World], Awaitable[Any]], world: World
) -> tuple[Any, Exception | None]:
    try:
        return await call(world), None
    except Exception as error:  # noqa: BLE001 - whatever one refuses, the other must refuse
        return None, error
