"""Orders: what we mean to do (an intent), what the broker says of it, and how they meet.

    PENDING --claim--> SENDING --answer--> ACCEPTED -> WORKING -> FILLED | CANCELLED
       |                  |                                       | REJECTED | EXPIRED
       |                  |--certainly not accepted--> PENDING
       |                  '--anything else--> UNKNOWN --found--> ACCEPTED
       '--> STALE | SKIPPED | BLOCKED | CANCELLED          '--absent, quiet--> ABANDONED

The table `_NEXT` below is the only place that knows which step may follow which.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from shared.domain.ids import AccountId, Cause, IntentId, SignalId, StrategyId, UserId
from shared.domain.rules.bracket import Stop


class Action(StrEnum):
    """Direction of an order; the quantity is always positive."""

    BUY = "Buy"
    SELL = "Sell"

    @property
    def sign(self) -> int:
        return 1 if self is Action.BUY else -1

    @property
    def opposite(self) -> Action:
        return Action.SELL if self is Action.BUY else Action.BUY


class OrderType(StrEnum):
    MARKET = "Market"
    LIMIT = "Limit"
    STOP = "Stop"
    STOP_LIMIT = "StopLimit"


class TimeInForce(StrEnum):
    DAY = "Day"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Role(StrEnum):
    """Why an order exists, which decides how it may be repeated and who waits for it."""

    ENTRY = "entry"
    EXIT = "exit"
    REDUCE = "reduce"  # an exit of a part; its quantity is an upper bound until it is claimed
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"

    @property
    def protective(self) -> bool:
        return self in (Role.TAKE_PROFIT, Role.STOP_LOSS)

    @property
    def ends(self) -> bool:
        """Sent to close something: it may be repeated once its earlier attempt is settled."""
        return self in (Role.EXIT, Role.REDUCE)


class IntentState(StrEnum):
    PENDING = "PENDING"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"
    WORKING = "WORKING"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    STALE = "STALE"
    SKIPPED = "SKIPPED"
    BLOCKED = "BLOCKED"
    ABANDONED = "ABANDONED"

    @property
    def final(self) -> bool:
        return self in FINAL

    @property
    def in_flight(self) -> bool:
        """At the broker or perhaps at the broker: it may still trade."""
        return self in IN_FLIGHT


FINAL: Final = frozenset(
    {
        IntentState.FILLED,
        IntentState.CANCELLED,
        IntentState.REJECTED,
        IntentState.EXPIRED,
        IntentState.STALE,
        IntentState.SKIPPED,
        IntentState.BLOCKED,
        IntentState.ABANDONED,
    }
)
IN_FLIGHT: Final = frozenset(
    {IntentState.SENDING, IntentState.UNKNOWN, IntentState.ACCEPTED, IntentState.WORKING}
)

_ENDS: Final = frozenset(
    {IntentState.FILLED, IntentState.CANCELLED, IntentState.REJECTED, IntentState.EXPIRED}
)
_NEXT: Final[dict[IntentState, frozenset[IntentState]]] = {
    IntentState.PENDING: frozenset(
        {
            IntentState.SENDING,
            IntentState.STALE,
            IntentState.SKIPPED,
            IntentState.BLOCKED,
            IntentState.CANCELLED,  # taken back before it was sent
        }
    ),
    IntentState.SENDING: frozenset(
        # The stream may tell of the order before the answer does, hence WORKING and the ends.
        {IntentState.PENDING, IntentState.UNKNOWN, IntentState.ACCEPTED, IntentState.WORKING}
        | _ENDS
    ),
    IntentState.UNKNOWN: frozenset(
        {IntentState.ACCEPTED, IntentState.WORKING, IntentState.ABANDONED} | _ENDS
    ),
    IntentState.ACCEPTED: frozenset({IntentState.WORKING} | _ENDS),
    IntentState.WORKING: _ENDS,
    # Late truth: a fill may arrive after a cancel or a loss was believed, never the other way.
    IntentState.CANCELLED: frozenset({IntentState.FILLED}),
    IntentState.REJECTED: frozenset({IntentState.FILLED}),
    IntentState.EXPIRED: frozenset({IntentState.FILLED}),
    IntentState.ABANDONED: frozenset(
        {IntentState.ACCEPTED, IntentState.WORKING, IntentState.FILLED, IntentState.CANCELLED}
    ),
    IntentState.FILLED: frozenset(),
    IntentState.STALE: frozenset(),
    IntentState.SKIPPED: frozenset(),
    IntentState.BLOCKED: frozenset(),
}


def may_follow(now: IntentState, then: IntentState) -> bool:
    """Whether an intent in state `now` may step to `then`."""
    return then in _NEXT[now]


def states_before(then: IntentState) -> frozenset[IntentState]:
    """All states from which `then` may be reached in one step: the guard of an UPDATE."""
    return frozenset(state for state, nexts in _NEXT.items() if then in nexts)


class BrokerStatus(StrEnum):
    """`ordStatus` of the broker's Order entity; state-driving, therefore strict.

    Source: Tradovate partner OpenAPI, Order.ordStatus (note the single "l" of Canceled).
    """

    CANCELED = "Canceled"
    COMPLETED = "Completed"
    EXPIRED = "Expired"
    FILLED = "Filled"
    PENDING_CANCEL = "PendingCancel"
    PENDING_NEW = "PendingNew"
    PENDING_REPLACE = "PendingReplace"
    REJECTED = "Rejected"
    SUSPENDED = "Suspended"
    UNKNOWN = "Unknown"
    WORKING = "Working"


_MEANS: Final[dict[BrokerStatus, IntentState | None]] = {
    BrokerStatus.PENDING_NEW: IntentState.ACCEPTED,
    BrokerStatus.SUSPENDED: IntentState.ACCEPTED,
    BrokerStatus.WORKING: IntentState.WORKING,
    BrokerStatus.PENDING_CANCEL: IntentState.WORKING,
    BrokerStatus.PENDING_REPLACE: IntentState.WORKING,
    BrokerStatus.FILLED: IntentState.FILLED,
    BrokerStatus.COMPLETED: IntentState.FILLED,
    BrokerStatus.CANCELED: IntentState.CANCELLED,
    BrokerStatus.EXPIRED: IntentState.EXPIRED,
    BrokerStatus.REJECTED: IntentState.REJECTED,
    BrokerStatus.UNKNOWN: None,
}


def state_of(status: BrokerStatus) -> IntentState | None:
    """What the broker's word means for an intent; None when it tells us nothing."""
    return _MEANS[status]


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """One order we mean to place, frozen when it is claimed.

    `qty_contracts` of an EXIT is 0 until the claim reads the remainder from fills. `parent` is
    the entry a protective leg leaves with; `after` is the intent whose end this one waits for
    (the entry of a reverse waits for its exit). Prices lie on the tick.

    A leg stands `offset_ticks` or `offset_percent` from its entry's price; with neither, at its own
    price. `rung` 0 leaves with the entry; the legs of an earlier rung become a pair of their own
    once the entry has filled. `moves` is what moves a stop later; `per_position`: the distance is
    from the average of its owner's position, not of its entry.
    """

    id: IntentId
    user_id: UserId
    account_id: AccountId
    strategy_id: StrategyId
    signal_id: SignalId | None
    cause: Cause
    cause_id: int
    role: Role
    leg: str
    attempt: int
    action: Action
    qty_contracts: int
    order_type: OrderType
    contract: str
    time_in_force: TimeInForce
    price: Decimal | None
    stop_price: Decimal | None
    offset_ticks: int | None
    reference_price: Decimal | None
    parent: IntentId | None
    after: IntentId | None
    expires_at: datetime | None
    offset_percent: Decimal | None = None
    rung: int = 0
    moves: Stop | None = None
    per_position: bool = False

    @property
    def relative(self) -> bool:
        """Whether its price follows from the entry's."""
        return self.offset_ticks is not None or self.offset_percent is not None


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution as the broker reports it; the only truth about money."""

    action: Action
    qty_contracts: int
    price: Decimal
    at: datetime

    @property
    def signed_qty(self) -> int:
        return self.action.sign * self.qty_contracts
