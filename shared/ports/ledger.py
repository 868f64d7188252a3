"""The ledger of the order life cycle: what execution may do to the record.

Each operation is one transaction, never a row: nothing above this port can compose two of them.
PostgreSQL implements it in `execution/ledger/`. Operations return the events they wrote, so
that the caller can ring the bell after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

from shared.contracts.envelope import Envelope
from shared.domain.claim import Candidate, Verdict
from shared.domain.decision.scene import Scene
from shared.domain.ids import (
    AccountId,
    CommandId,
    ConnectionId,
    IntentId,
    StrategyId,
    UserId,
)
from shared.domain.order import Action, OrderIntent, OrderType, Role
from shared.domain.plan import Denied, Plan
from shared.domain.rules.bracket import Stop
from shared.domain.signal import Signal
from shared.domain.strategy import AccountLink, Strategy
from shared.ports.broker import ContractInfo, Fact, LoginHealth, Outcome, Token

Decide = Callable[[Signal, Strategy, AccountLink, Scene], Plan | Denied]
Judge = Callable[[Candidate], Verdict]
# What the broker holds: its account id and the contract, signed contracts.
Nets = Mapping[tuple[int, str], int]
# Where an order of that direction would fill now; None without a fresh price.
Closing = Callable[[str, Action], Decimal | None]

# A process that died or stands still is followed by another after so long, and no sooner than it
# would miss four renewals in a row.
LEASE_S: Final = 3
RENEW_EVERY_S: Final = LEASE_S / 5


@dataclass(frozen=True, slots=True)
class Lease:
    """A login is ours until `epoch` moves on or the lease runs out."""

    connection_id: ConnectionId
    user_id: UserId
    epoch: int


@dataclass(frozen=True, slots=True)
class AccountRef:
    id: AccountId
    user_id: UserId
    broker_account_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """Committed as SENDING: exactly these numbers may be sent, once, under this epoch.

    Legs without a price leave as distances: the broker measures them from the fill, in ticks.
    """

    intent: OrderIntent
    legs: tuple[OrderIntent, ...]
    connection_id: ConnectionId
    account: AccountRef
    tick: Decimal


# Why an account takes exits only: its books differ, a stop is missing, an exit is not getting
# through.
DRIFT: Final = "drift.position"
NAKED: Final = "position.naked"
STUCK: Final = "exit.stuck"

# An order that nobody has bound to one of ours by then is somebody else's.
FOREIGN_AFTER_S: Final = 2.0
# What an alert asked for is compared with the book so long after it was carried out.
MISSED_AFTER_S: Final = 1.0
# Answers to "let entries through although the books have parted": status, code, message.
RELEASED: Final = ("done", "command.done", "Entries may go again, until something else differs.")
NOT_RELEASED: Final = ("refused", "drift.unknown", "No difference of yours is held there now.")
GIVEN: Final = ("done", "command.done", "What others traded there is the strategy's now.")
NOT_GIVEN: Final = (
    "refused",
    "drift.nothing_to_give",
    "Nothing of others is there to give, or the strategy does not trade that account.",
)

# A leg without anything to close is cancelled after this long: fills may come in parts.
ORPHANED_AFTER_S: Final = 1.0

# An entry that ended without a fill gets no pairs for its rungs any more after this long.
EMPTY_AFTER_S: Final = 1.0

# Legs that cover too much or too little are left alone this long: fills may come in parts.
UNEVEN_AFTER_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Cancel:
    """An order to end: an exit of its owner is to be sized, or there is nothing left to close."""

    connection_id: ConnectionId
    broker_order_id: int


@dataclass(frozen=True, slots=True)
class LegResize:
    """A leg to work for another quantity where it stands, filled contracts included.

    None: to be cancelled, nothing is left of it.
    """

    connection_id: ConnectionId
    intent_id: IntentId
    broker_order_id: int
    order_type: OrderType
    qty_contracts: int | None
    price: Decimal | None
    stop_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Claims:
    """`resizes`: for each part that waits for its legs, what they have to become, in that order.

    `put_off`: another claim was at work on the same money; ask again in a moment.
    """

    claimed: tuple[Claimed, ...]
    cancels: tuple[Cancel, ...]
    events: tuple[Envelope, ...]
    resizes: tuple[tuple[LegResize, ...], ...] = ()
    put_off: bool = False


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An intent that is perhaps at the broker."""

    intent_id: IntentId
    connection_id: ConnectionId
    role: Role
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class LegOffset:
    """A working leg that does not stand where its entry's average fill wants it."""

    intent_id: IntentId
    connection_id: ConnectionId
    broker_order_id: int
    role: Role
    qty_contracts: int
    wanted: Decimal


@dataclass(frozen=True, slots=True)
class Riding:
    """A working stop that follows the market: where it stands, and what was committed last."""

    intent_id: IntentId
    connection_id: ConnectionId
    broker_order_id: int
    qty_contracts: int
    contract: str
    root: str
    rule: Stop
    entry: Action
    entry_price: Decimal  # the average of its entry's fills, or of the position
    stands_at: Decimal
    committed: Decimal | None


@dataclass(frozen=True, slots=True)
class Naked:
    """A position whose configured stop does not work."""

    account_id: AccountId
    strategy_id: StrategyId
    contract: str
    entry_id: IntentId


@dataclass(frozen=True, slots=True)
class Unpriced:
    """An account with a rule about losses that holds something without a quote."""

    connection_id: ConnectionId
    account_id: AccountId
    broker_account_id: int
    asked_at: datetime  # by the clock of the record, before anybody is asked


@dataclass(frozen=True, slots=True)
class Command:
    id: CommandId
    user_id: UserId
    kind: str
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LoginRow:
    """A broker login as stored: what is secret is sealed."""

    connection_id: ConnectionId
    user_id: UserId
    broker: str
    environment: str
    login_name: str
    password_sealed: bytes | None
    client_id: str | None
    client_secret_sealed: bytes | None
    device_id: str
    token_sealed: bytes | None
    rests_until: datetime | None = None  # no order is placed before: a captcha was heard


class Ledger(Protocol):
    # --- who drives what ---
    async def renew_leases(self, holder: str) -> list[Lease]:
        """Renew what is mine, take what is free; returns all that is mine now."""

    async def release_leases(self, holder: str) -> None: ...
    async def take_over(self, lease: Lease) -> None:
        """Everything an earlier epoch left in SENDING becomes UNKNOWN."""

    # --- a signal becomes intents ---
    async def undecided(self) -> list[StrategyId]: ...
    async def fan_out(
        self, strategy: StrategyId, decide: Decide, max_age_s: float
    ) -> list[Envelope]:
        """Decide all undecided signals of a strategy, oldest first."""

    # --- an intent becomes an order ---
    async def claim(self, held: Sequence[Lease], judge: Judge) -> Claims:
        """Judge every pending intent whose turn it is; what may go is SENDING when this returns."""

    async def record(self, intent: IntentId, outcome: Outcome) -> list[Envelope]:
        """What became of the one call that was made for a claim."""

    async def unresolved(self, held: Sequence[Lease]) -> list[Unresolved]:
        """UNKNOWN intents, and those SENDING for longer than any call can take."""

    async def found(self, intent: IntentId, broker_order_id: int) -> None: ...
    async def abandon(self, intent: IntentId) -> list[Envelope]:
        """Proven absent. An entry ends here; an exit or a rung's leg is tried again."""

    # --- the broker's facts ---
    async def apply(self, login: ConnectionId, told: Sequence[Fact]) -> list[Envelope]: ...
    async def drifted(
        self, login: ConnectionId, told: Sequence[Fact]
    ) -> tuple[list[AccountId], list[AccountId]]:
        """(accounts whose net differs from the broker's, quarantined ones that agree again)."""

    async def quarantine(self, account: AccountId, code: str | None) -> list[Envelope]:
        """Exits only from now on; None releases. `STUCK` names only who was open before."""

    async def look_for_drift(
        self, held: Sequence[Lease], told: Mapping[ConnectionId, Nets]
    ) -> list[Envelope]:
        """Name what has parted, and end what has not for two looks a second apart.

        `told`: everything that the broker holds, of logins whose feed is synced and at rest.
        """

    async def release_drift(self, command: Command) -> list[Envelope]:
        """A person lets entries through; the deed and the answer in one transaction."""

    async def give_external(self, command: Command) -> list[Envelope]:
        """A person gives what others hold where a drift stands to a strategy, likewise."""

    # --- protection ---
    async def legs_off(self, held: Sequence[Lease]) -> list[LegOffset]: ...
    async def move_leg(self, leg: LegOffset) -> None:
        """Commit the price a leg is about to be moved to."""

    async def uneven(self, held: Sequence[Lease]) -> list[tuple[LegResize, ...]]:
        """For each owner, in turn, what its legs have to become to cover what is left to them.

        What is to be asked in one order stands together. While fills may still be coming, first
        pairs give up what pairs of earlier rungs have taken over, and nothing else.
        """

    async def riding(self, held: Sequence[Lease]) -> list[Riding]: ...
    async def tighten(self, leg: LegOffset) -> None:
        """Commit the price a stop is about to follow to; it leaves its distance for good."""

    async def unshown(
        self, held: Sequence[Lease], older_than_s: float
    ) -> list[tuple[ConnectionId, IntentId]]:
        """Entries filled so long ago whose exits, the broker's to place, nobody has seen."""

    async def give_up_legs(self, entry: IntentId) -> None:
        """Exits of a strategy that is over, never shown: gone since their entry ended."""

    async def naked(self, held: Sequence[Lease], older_than_s: float) -> list[Naked]: ...
    async def guard_exit(self, found: Naked) -> list[Envelope]:
        """Flatten it, and let only exits through until its books have been seen clean again."""

    async def stuck_exits(self, held: Sequence[Lease], older_than_s: float) -> list[AccountId]:
        """Accounts with an exit that is not known to be at the broker so long after it was due."""

    async def lift_stuck(self, held: Sequence[Lease], older_than_s: float) -> list[Envelope]:
        """Release accounts closed as `STUCK` none of whose exits is stuck any more, and no others.

        What closed them is seen to be over: nothing has to be compared first.
        """

    # --- money ---
    async def watch_risk(self, held: Sequence[Lease], closing: Closing) -> list[Envelope]:
        """See how every account and strategy of these logins stands, and keep what was reached.

        What was reached stays so until its day or week is over, a breach for good.
        """

    async def unpriced(self, held: Sequence[Lease]) -> list[Unpriced]:
        """Whose open P&L the broker is to be asked for now: each account twice a minute."""

    async def value(self, found: Unpriced, open_usd: Decimal) -> None:
        """Keep what the broker said; it counts until something in the account changes."""

    # --- wishes ---
    async def commands(self) -> list[Command]: ...
    async def close_all(self, command: Command) -> list[Envelope]:
        """The exits and the answer in one transaction: a command is carried out once."""

    async def answer(
        self, command: Command, status: str, code: str, message: str
    ) -> list[Envelope]: ...

    # --- logins ---
    async def login(self, login: ConnectionId) -> LoginRow: ...
    async def save_token(self, login: LoginRow, sealed: bytes, token: Token) -> None: ...
    async def save_state(self, login: LoginRow, health: LoginHealth) -> list[Envelope]:
        """How the login is doing, with reason and times; told when state or reason changed.

        A mere new start does not take back why a login rests.
        """

    async def save_contract(self, environment: str, contract: ContractInfo) -> None: ...
    async def wanted(self, login: ConnectionId) -> tuple[set[str], set[str]]:
        """(contracts held or worked, symbols strategies may trade) in the login."""
