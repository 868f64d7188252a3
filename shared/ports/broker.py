"""The broker as the rest of the house sees it: requests, three outcomes, and facts that stream in.

Adapters live in `shared/brokers/<name>/`; nothing above this file knows their wire. A request
carries a client id that was committed before it is sent. Facts are complete (an order fact has
its quantity and prices, a fill fact its account), may come twice and in any order, and are
applied by id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Final, Protocol

from shared.domain.order import Action, BrokerStatus, OrderType, TimeInForce


class Priority(IntEnum):
    """Who goes first when a login's requests are few; each class leaves some for those above."""

    EXIT = 0  # also a kill, and the cancels that an exit waits for
    RESOLUTION = 1
    PROTECTION = 2
    ENTRY = 3
    RECONCILE = 4
    RECORDING = 5


# --- requests ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class LegRequest:
    """A protective leg that leaves in the same call as its entry; the entry gives its quantity."""

    client_id: str
    action: Action
    order_type: OrderType
    price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PlaceRequest:
    """One order, with at most two legs that become an OCO pair once it fills.

    Or, with `other` instead of legs, the first of a pair that works at once: each ends the other,
    both have this quantity. Its id is the one leg id of the outcome.
    """

    account: int  # the broker's account id
    account_name: str
    client_id: str
    contract: str
    action: Action
    qty_contracts: int
    order_type: OrderType
    time_in_force: TimeInForce
    price: Decimal | None = None
    stop_price: Decimal | None = None
    legs: tuple[LegRequest, ...] = ()
    priority: Priority = Priority.ENTRY
    other: LegRequest | None = None


@dataclass(frozen=True, slots=True)
class ModifyRequest:
    """A full replacement of an order's version: every field that shall stay is repeated."""

    order_id: int
    client_id: str
    qty_contracts: int
    order_type: OrderType
    time_in_force: TimeInForce
    price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Trailing:
    """From `trigger` points of profit on, the stop follows `distance` points behind.

    It moves in steps of `step` points. A `distance` equal to `trigger` brings the stop to the
    entry's price at first: this protocol's way to break even.
    """

    distance: Decimal
    trigger: Decimal
    step: Decimal


@dataclass(frozen=True, slots=True)
class Bracket:
    """The exits of a part of an entry, measured from its fill in points, positive outwards.

    `follows`: the stop trails by its own distance from the start. One of `follows` and
    `trailing` at most.
    """

    qty_contracts: int
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    follows: bool = False
    trailing: Trailing | None = None


@dataclass(frozen=True, slots=True)
class StrategyRequest:
    """An entry whose exits the broker places itself, as it fills, at distances from the fill.

    The brackets share out the entry's quantity. Its orders have no client ids of their own: the
    facts name the entry by `client_id` and the exits by their `strategy`.
    """

    account: int
    account_name: str
    client_id: str
    contract: str
    action: Action
    qty_contracts: int
    order_type: OrderType
    time_in_force: TimeInForce
    brackets: tuple[Bracket, ...]
    price: Decimal | None = None
    stop_price: Decimal | None = None
    priority: Priority = Priority.ENTRY


# --- outcomes ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker took it for processing. `leg_order_ids` follow the order of the request's legs.

    `is_strategy`: the id is that of an order strategy, whose orders only the facts name.
    """

    order_id: int
    leg_order_ids: tuple[int, ...] = ()
    is_strategy: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker said no in so many words; nothing is working."""

    code: str  # ours, stable: `broker.refused.<reason in snake case>`
    reason: str  # the broker's own words, bounded


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may or may not have reached the broker. Resolved by asking, never by sending again."""

    cause: str


CAPTCHA: Final = "broker.captcha"
# What is not answered by then is `Unknown`, whatever its fate.
ORDER_TIMEOUT_S: Final = 2.5


@dataclass(frozen=True, slots=True)
class NotSent:
    """Certainly not accepted: never left us, or turned away at the door (401, 429, ticket).

    With the cause `CAPTCHA` the login itself may place nothing for `retry_after_s`.
    """

    cause: str
    retry_after_s: float = 0.0


Outcome = Accepted | Refused | Unknown | NotSent


# --- facts ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class OrderFact:
    """An order as it stands now, joined from the broker's order, version and command rows."""

    account: int
    order_id: int
    client_id: str | None  # None: not ours, or its command has not been seen yet
    parent_order_id: int | None
    contract_id: int
    contract: str
    action: Action
    status: BrokerStatus
    order_type: OrderType | None  # None: a type we do not place (foreign orders)
    qty_contracts: int
    price: Decimal | None
    stop_price: Decimal | None
    at: datetime
    reject_reason: str | None = None
    strategy: str | None = None  # the client id of the order strategy whose exit this is
    unclaimed: bool = False  # perhaps of a strategy of ours that has not named all its orders yet

    @property
    def is_target(self) -> bool:
        """Whether an exit takes a profit; every other kind of it is a stop."""
        return self.order_type is OrderType.LIMIT


@dataclass(frozen=True, slots=True)
class FillFact:
    account: int
    fill_id: int
    order_id: int
    contract_id: int
    contract: str
    action: Action
    qty_contracts: int
    price: Decimal
    at: datetime
    trade_date: date
    active: bool = True  # False: busted by the exchange


@dataclass(frozen=True, slots=True)
class FeeFact:
    """The whole fee of one fill; may come long after it."""

    fill_id: int
    fee_usd: Decimal


@dataclass(frozen=True, slots=True)
class PositionFact:
    """The broker's own net position: compared with ours, never copied into it."""

    account: int
    contract_id: int
    contract: str
    net_qty: int
    net_price: Decimal | None  # None when flat
    at: datetime


@dataclass(frozen=True, slots=True)
class BalanceFact:
    account: int
    trade_date: date
    cash_usd: Decimal
    realized_pnl_usd: Decimal | None
    at: datetime


@dataclass(frozen=True, slots=True)
class QuoteFact:
    """Last known quote of a contract; a missing side is None, never zero."""

    contract: str
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Synced:
    """Everything up to here has been delivered: absence means something from now on."""

    at: datetime


@dataclass(frozen=True, slots=True)
class FeedLost:
    """The user feed is down; facts may be missing until the next `Synced`."""

    reason: str


Fact = OrderFact | FillFact | FeeFact | PositionFact | BalanceFact | Synced | FeedLost


@dataclass(frozen=True, slots=True)
class AccountInfo:
    account: int
    name: str
    active: bool


@dataclass(frozen=True, slots=True)
class ContractInfo:
    contract_id: int
    name: str
    root: str
    tick_size: Decimal
    point_value_usd: Decimal
    # The broker's last day in Chicago, None where it tells none. To compare, not to trade by: its
    # hour was seen to be later than the exchange's last minute.
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class FrontContract:
    """The contract of a product that the broker puts first, and the one it rolls into."""

    contract: ContractInfo
    rolls_into: str | None


@dataclass(frozen=True, slots=True)
class Token:
    """A session's secrets. Never logged; sealed wherever it rests."""

    access: str
    market_data: str | None
    expires_at: datetime
    user_id: int

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at.isoformat()})"


class LoginState(StrEnum):
    """How a login is doing, for people and for whoever decides to trade."""

    CONNECTING = "connecting"  # on its way, or lost and trying again
    STREAMING = "streaming"  # signed in and in sync; with a code: something is not right
    COOLING = "cooling"  # told to wait, or waiting for its turn at the door
    QUARANTINED = "quarantined"  # captcha or last warning: an hour of rest
    STOPPED = "stopped"  # a person is needed
    OFFLINE = "offline"  # switched off: nobody drives it


@dataclass(frozen=True, slots=True)
class LoginHealth:
    """The state of a login with its reason; `next_attempt_at` None: at once, or never."""

    state: LoginState
    code: str | None
    since: datetime
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All facts of a login, read at one time. Lists reach back at most the current session."""

    facts: tuple[Fact, ...]
    at: datetime


# --- the port ---------------------------------------------------------------------------------
class Broker(Protocol):
    """One login at one broker. Exactly one owner in the whole installation."""

    async def run(self) -> None:
        """Hold token, user socket and quotes until cancelled; reconnects by itself."""

    @property
    def ready(self) -> bool:
        """Signed in, and the user feed is synced."""

    @property
    def age_s(self) -> float:
        """Seconds since the last frame of the user feed."""

    @property
    def rests_s(self) -> float:
        """For so long no order can be placed, though others can be cancelled and modified.

        More than 0 as well while nobody is signed in.
        """

    def rest_until(self, at: datetime) -> None:
        """Place nothing before `at`: a captcha was heard by whoever held the login before."""

    @property
    def health(self) -> LoginHealth:
        """How this login is doing now."""

    def healths(self) -> AsyncIterator[LoginHealth]:
        """The state of now, then each newer one; for one reader."""

    async def place(self, request: PlaceRequest) -> Outcome: ...
    async def start(self, request: StrategyRequest) -> Outcome:
        """Accepted with `is_strategy`: the strategy stands, its entry is on its way."""

    async def interrupt(self, client_id: str) -> Outcome:
        """End an order strategy: its working orders are cancelled, the position stays.

        Refused `broker.order_final`: it has ended before, or the broker does not know it.
        """

    async def modify(self, request: ModifyRequest) -> Outcome: ...
    async def cancel(self, order_id: int, client_id: str) -> Outcome:
        """Accepted: the cancel is under way. Refused `broker.order_final`: nothing to cancel."""

    async def liquidate(self, account: int, contract_id: int) -> Outcome: ...

    async def lookup(self, client_ids: frozenset[str]) -> dict[str, int]:
        """Order ids by client id, asked freshly over REST; raises BrokerUnavailable.

        A missing key means absent as of now only if the feed is also synced and quiet.
        """

    async def snapshot(self, *, urgent: bool = False) -> Snapshot:
        """Orders, fills, fees, positions and balances of all accounts over REST.

        `urgent`: something naked waits for it, so it goes before entries and reconciliation.
        """

    async def news(self) -> Snapshot | None:
        """All of `snapshot`, or None: nothing has changed since the last one.

        For looking each second while no stream tells; as urgent, and cheap while nothing happens.
        None proves no absence: it is not known who answered.
        """

    def facts(self) -> AsyncIterator[Fact]:
        """The stream of facts, beginning with a full snapshot and `Synced`."""

    def quotes(self) -> AsyncIterator[QuoteFact]: ...
    async def subscribe(self, contract: str) -> None:
        """Ask for quotes of a contract; idempotent, kept over reconnects."""

    async def open_pnl_usd(self, account: int) -> Decimal | None:
        """Of all that is held, as the broker values it now; None where it does not say.

        A read that brokers ask not to repeat often. Raises BrokerUnavailable, CredentialsExpired
        and NotFound.
        """

    async def accounts(self) -> list[AccountInfo]: ...
    async def contract(self, name: str) -> ContractInfo: ...
    async def front(self, root: str) -> FrontContract:
        """Raises NotFound for a product the broker lists no contract of."""
