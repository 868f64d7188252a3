"""The ledger port over PostgreSQL: each method is one transaction, and no method calls another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncEngine

from execution.ledger import (
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
from shared.contracts.envelope import Envelope
from shared.db.uow import read_only, unit_of_work
from shared.domain.ids import AccountId, ConnectionId, IntentId, StrategyId
from shared.ports.broker import ContractInfo, Fact, LoginHealth, Outcome, Token
from shared.ports.clock import Clock
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


def _ids(of: Sequence[Lease]) -> list[int]:
    return [int(lease.connection_id) for lease in of]


class PostgresLedger:
    """See `shared.ports.ledger.Ledger` for what each operation promises."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    # --- who drives what ---
    async def renew_leases(self, holder: str) -> list[Lease]:
        async with unit_of_work(self._engine) as connection:
            return await leases.renew(connection, holder)

    async def release_leases(self, holder: str) -> None:
        async with unit_of_work(self._engine) as connection:
            await leases.release(connection, holder)

    async def take_over(self, lease: Lease) -> None:
        async with unit_of_work(self._engine) as connection:
            await outcomes.take_over(connection, lease)

    # --- a signal becomes intents ---
    async def undecided(self) -> list[StrategyId]:
        async with read_only(self._engine) as connection:
            return await decisions.undecided(connection)

    async def fan_out(
        self, strategy: StrategyId, decide: Decide, max_age_s: float
    ) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await decisions.fan_out(
                connection, strategy, decide, self._clock.now(), max_age_s
            )

    # --- an intent becomes an order ---
    async def claim(self, held: Sequence[Lease], judge: Judge) -> Claims:
        async with unit_of_work(self._engine) as connection:
            return await claims.claim(connection, held, judge, self._clock.now())

    async def record(self, intent: IntentId, outcome: Outcome) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await outcomes.record(connection, intent, outcome, self._clock.now())

    async def unresolved(self, held: Sequence[Lease]) -> list[Unresolved]:
        async with unit_of_work(self._engine) as connection:
            return await outcomes.unresolved(connection, _ids(held), self._clock.now())

    async def found(self, intent: IntentId, broker_order_id: int) -> None:
        async with unit_of_work(self._engine) as connection:
            await outcomes.accept(connection, intent, broker_order_id, (), self._clock.now())

    async def abandon(self, intent: IntentId) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await outcomes.abandon(connection, intent, self._clock.now())

    # --- the broker's facts ---
    async def apply(self, login: ConnectionId, told: Sequence[Fact]) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await facts.apply(connection, login, told, self._clock.now())

    async def drifted(
        self, login: ConnectionId, told: Sequence[Fact]
    ) -> tuple[list[AccountId], list[AccountId]]:
        async with read_only(self._engine) as connection:
            return await health.drifted(connection, login, told)

    async def quarantine(self, account: AccountId, code: str | None) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await health.quarantine(connection, account, code, self._clock.now())

    async def look_for_drift(
        self, held: Sequence[Lease], told: Mapping[ConnectionId, Nets]
    ) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await drifts.look(connection, _ids(held), told, self._clock.now())

    async def release_drift(self, command: Command) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await drifts.release(connection, command, self._clock.now())

    async def give_external(self, command: Command) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await drifts.give_by_hand(connection, command, self._clock.now())

    # --- protection ---
    async def legs_off(self, held: Sequence[Lease]) -> list[LegOffset]:
        async with read_only(self._engine) as connection:
            return await protection.legs_off(connection, _ids(held))

    async def move_leg(self, leg: LegOffset) -> None:
        async with unit_of_work(self._engine) as connection:
            await protection.move_leg(connection, leg)

    async def uneven(self, held: Sequence[Lease]) -> list[tuple[LegResize, ...]]:
        async with read_only(self._engine) as connection:
            return await covers.uneven(connection, _ids(held))

    async def riding(self, held: Sequence[Lease]) -> list[Riding]:
        async with read_only(self._engine) as connection:
            return await rides.riding(connection, _ids(held))

    async def tighten(self, leg: LegOffset) -> None:
        async with unit_of_work(self._engine) as connection:
            await rides.tighten(connection, leg)

    async def unshown(
        self, held: Sequence[Lease], older_than_s: float
    ) -> list[tuple[ConnectionId, IntentId]]:
        async with read_only(self._engine) as connection:
            return await adoption.unshown(connection, _ids(held), older_than_s)

    async def give_up_legs(self, entry: IntentId) -> None:
        async with unit_of_work(self._engine) as connection:
            await adoption.give_up(connection, entry)

    async def naked(self, held: Sequence[Lease], older_than_s: float) -> list[Naked]:
        async with read_only(self._engine) as connection:
            return await protection.naked(connection, _ids(held), older_than_s)

    async def guard_exit(self, found: Naked) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await protection.guard_exit(connection, found, self._clock.now())

    async def stuck_exits(self, held: Sequence[Lease], older_than_s: float) -> list[AccountId]:
        async with read_only(self._engine) as connection:
            return await protection.stuck_exits(connection, _ids(held), older_than_s)

    async def lift_stuck(self, held: Sequence[Lease], older_than_s: float) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            stuck = await protection.stuck_exits(connection, _ids(held), older_than_s)
            return await health.lift_stuck(connection, _ids(held), stuck, self._clock.now())

    # --- money ---
    async def watch_risk(self, held: Sequence[Lease], closing: Closing) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await risk.watch(connection, _ids(held), closing, self._clock.now())

    async def unpriced(self, held: Sequence[Lease]) -> list[Unpriced]:
        async with read_only(self._engine) as connection:
            return await values.unpriced(connection, _ids(held), self._clock.now())

    async def value(self, found: Unpriced, open_usd: Decimal) -> None:
        async with unit_of_work(self._engine) as connection:
            await values.keep(connection, found, open_usd)

    # --- wishes ---
    async def commands(self) -> list[Command]:
        async with read_only(self._engine) as connection:
            return await wishes.open_commands(connection)

    async def close_all(self, command: Command) -> list[Envelope]:
        """The exits and the answer in one transaction: a command is carried out once."""
        async with unit_of_work(self._engine) as connection:
            now = self._clock.now()
            done = ("done", "command.done", "Exits are on their way.")
            # Whoever writes the answer carries the command out; another process finds it written.
            told = await wishes.answer(connection, command, *done, now)
            return [*await protection.close_all(connection, command, now), *told] if told else []

    async def answer(
        self, command: Command, status: str, code: str, message: str
    ) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await wishes.answer(
                connection, command, status, code, message, self._clock.now()
            )

    # --- logins ---
    async def login(self, login: ConnectionId) -> LoginRow:
        async with read_only(self._engine) as connection:
            return await logins.load(connection, login)

    async def save_token(self, login: LoginRow, sealed: bytes, token: Token) -> None:
        async with unit_of_work(self._engine) as connection:
            await logins.save_token(connection, login, sealed, token.expires_at)

    async def save_state(self, login: LoginRow, health: LoginHealth) -> list[Envelope]:
        async with unit_of_work(self._engine) as connection:
            return await logins.save_state(connection, login, health, self._clock.now())

    async def save_contract(self, environment: str, contract: ContractInfo) -> None:
        async with unit_of_work(self._engine) as connection:
            await logins.save_contract(connection, environment, contract)

    async def wanted(self, login: ConnectionId) -> tuple[set[str], set[str]]:
        """(contracts held or worked, symbols strategies may trade) in the login."""
        async with read_only(self._engine) as connection:
            contracts = await logins.wanted_contracts(connection, login)
            return contracts, await logins.traded_symbols(connection, login)
