"""The ledger port in memory, for deterministic simulation.

It keeps the promises of `shared.ports.ledger.Ledger` with the domain's own functions and no SQL.
Each operation runs to its end without giving way, so none can see another half done; one that
raises leaves nothing behind. Time comes from the store's clock only. One contract suite
(`tests/contract/ledger/`) holds this twin and PostgreSQL's ledger to the same histories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from shared.contracts.envelope import Envelope
from shared.domain.ids import AccountId, ConnectionId, IntentId, StrategyId
from shared.ports.broker import ContractInfo, Fact, LoginHealth, Outcome, Token
from shared.ports.ledger import (
    Claims,
    Closing,
    Command,
    Decide,
    Judge,
    Lease,
    LegOffset,
    LegResize,
    LoginRow,
    Naked,
    Nets,
    Riding,
    Unpriced,
    Unresolved,
)
from tests.simulation.ledger import (
    adoption,
    claims,
    covers,
    decisions,
    drifts,
    facts,
    health,
    leases,
    logins,
    outcomes,
    protection,
    rides,
    risk,
    values,
    wishes,
)
from tests.simulation.store import Store


def _ids(held: Sequence[Lease]) -> set[ConnectionId]:
    return {lease.connection_id for lease in held}


class TwinLedger:
    """Several instances over one store are several processes over one database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def _now(self) -> datetime:
        return self._store.clock.now()

    # --- who drives what ---
    async def renew_leases(self, holder: str) -> list[Lease]:
        with self._store.undo.transaction():
            return leases.renew(self._store, holder, self._now)

    async def release_leases(self, holder: str) -> None:
        with self._store.undo.transaction():
            leases.release(self._store, holder, self._now)

    async def take_over(self, lease: Lease) -> None:
        with self._store.undo.transaction():
            outcomes.take_over(self._store, lease)

    # --- a signal becomes intents ---
    async def undecided(self) -> list[StrategyId]:
        return decisions.undecided(self._store, self._now)

    async def fan_out(
        self, strategy: StrategyId, decide: Decide, max_age_s: float
    ) -> list[Envelope]:
        with self._store.undo.transaction():
            return decisions.fan_out(self._store, strategy, decide, self._now, max_age_s)

    # --- an intent becomes an order ---
    async def claim(self, held: Sequence[Lease], judge: Judge) -> Claims:
        with self._store.undo.transaction():
            return claims.claim(self._store, held, judge, self._now)

    async def record(self, intent: IntentId, outcome: Outcome) -> list[Envelope]:
        with self._store.undo.transaction():
            return outcomes.record(self._store, intent, outcome, self._now)

    async def unresolved(self, held: Sequence[Lease]) -> list[Unresolved]:
        with self._store.undo.transaction():
            return outcomes.unresolved(self._store, _ids(held), self._now)

    async def found(self, intent: IntentId, broker_order_id: int) -> None:
        with self._store.undo.transaction():
            outcomes.accept(self._store, intent, broker_order_id, (), self._now)

    async def abandon(self, intent: IntentId) -> list[Envelope]:
        with self._store.undo.transaction():
            return outcomes.abandon(self._store, intent, self._now)

    # --- the broker's facts ---
    async def apply(self, login: ConnectionId, told: Sequence[Fact]) -> list[Envelope]:
        with self._store.undo.transaction():
            return facts.apply(self._store, login, told, self._now)

    async def drifted(
        self, login: ConnectionId, told: Sequence[Fact]
    ) -> tuple[list[AccountId], list[AccountId]]:
        return health.drifted(self._store, login, told)

    async def quarantine(self, account: AccountId, code: str | None) -> list[Envelope]:
        with self._store.undo.transaction():
            return health.quarantine(self._store, account, code, self._now)

    async def look_for_drift(
        self, held: Sequence[Lease], told: Mapping[ConnectionId, Nets]
    ) -> list[Envelope]:
        with self._store.undo.transaction():
            return drifts.look(self._store, _ids(held), told, self._now)

    async def release_drift(self, command: Command) -> list[Envelope]:
        with self._store.undo.transaction():
            return drifts.release(self._store, command, self._now)

    async def give_external(self, command: Command) -> list[Envelope]:
        with self._store.undo.transaction():
            return drifts.give_by_hand(self._store, command, self._now)

    # --- protection ---
    async def legs_off(self, held: Sequence[Lease]) -> list[LegOffset]:
        return protection.legs_off(self._store, _ids(held))

    async def move_leg(self, leg: LegOffset) -> None:
        with self._store.undo.transaction():
            protection.move_leg(self._store, leg)

    async def uneven(self, held: Sequence[Lease]) -> list[tuple[LegResize, ...]]:
        return covers.uneven(self._store, _ids(held), self._now)

    async def riding(self, held: Sequence[Lease]) -> list[Riding]:
        return rides.riding(self._store, _ids(held))

    async def tighten(self, leg: LegOffset) -> None:
        with self._store.undo.transaction():
            rides.tighten(self._store, leg)

    async def unshown(
        self, held: Sequence[Lease], older_than_s: float
    ) -> list[tuple[ConnectionId, IntentId]]:
        return adoption.unshown(self._store, _ids(held), older_than_s, self._now)

    async def give_up_legs(self, entry: IntentId) -> None:
        with self._store.undo.transaction():
            adoption.give_up(self._store, entry)

    async def naked(self, held: Sequence[Lease], older_than_s: float) -> list[Naked]:
        return protection.naked(self._store, _ids(held), older_than_s, self._now)

    async def guard_exit(self, found: Naked) -> list[Envelope]:
        with self._store.undo.transaction():
            return protection.guard_exit(self._store, found, self._now)

    async def stuck_exits(self, held: Sequence[Lease], older_than_s: float) -> list[AccountId]:
        return protection.stuck_exits(self._store, _ids(held), older_than_s, self._now)

    async def lift_stuck(self, held: Sequence[Lease], older_than_s: float) -> list[Envelope]:
        with self._store.undo.transaction():
            stuck = protection.stuck_exits(self._store, _ids(held), older_than_s, self._now)
            return health.lift_stuck(self._store, _ids(held), stuck, self._now)

    # --- money ---
    async def watch_risk(self, held: Sequence[Lease], closing: Closing) -> list[Envelope]:
        with self._store.undo.transaction():
            return risk.watch(self._store, _ids(held), closing, self._now)

    async def unpriced(self, held: Sequence[Lease]) -> list[Unpriced]:
        return values.unpriced(self._store, _ids(held), self._now)

    async def value(self, found: Unpriced, open_usd: Decimal) -> None:
        with self._store.undo.transaction():
            values.keep(self._store, found, open_usd)

    # --- wishes ---
    async def commands(self) -> list[Command]:
        return wishes.open_commands(self._store, self._now)

    async def close_all(self, command: Command) -> list[Envelope]:
        with self._store.undo.transaction():
            return wishes.close_all(self._store, command, self._now)

    async def answer(
        self, command: Command, status: str, code: str, message: str
    ) -> list[Envelope]:
        with self._store.undo.transaction():
            return wishes.answer(self._store, command, status, code, message, self._now)

    # --- logins ---
    async def login(self, login: ConnectionId) -> LoginRow:
        return logins.load(self._store, login)

    async def save_token(self, login: LoginRow, sealed: bytes, token: Token) -> None:
        with self._store.undo.transaction():
            logins.save_token(self._store, login, sealed, token)

    async def save_state(self, login: LoginRow, health: LoginHealth) -> list[Envelope]:
        with self._store.undo.transaction():
            return logins.save_state(self._store, login, health, self._now)

    async def save_contract(self, environment: str, contract: ContractInfo) -> None:
        with self._store.undo.transaction():
            self._store.contracts.put((environment, contract.name), contract)

    async def wanted(self, login: ConnectionId) -> tuple[set[str], set[str]]:
        return logins.wanted(self._store, login)
