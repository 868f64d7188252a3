"""What a decision is made of and what it gives: books, drafts, plans and refusals."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from shared.domain.decision.rungs import NO_EXITS, Exits
from shared.domain.ids import IntentId, StrategyId
from shared.domain.order import Action, IntentState, OrderType, Role
from shared.domain.position import OpenIntent


class Disposition(StrEnum):
    """What became of a signal in an account. PLANNED is the only one that is not an end."""

    PLANNED = "PLANNED"
    FILLED = "FILLED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    SKIPPED = "SKIPPED"
    STALE = "STALE"
    BLOCKED = "BLOCKED"
    ABANDONED = "ABANDONED"

    @classmethod
    def of(cls, state: IntentState) -> Disposition:
        """The disposition a final intent state gives."""
        return cls(state.value)


@dataclass(frozen=True, slots=True)
class Held:
    """What one owner holds in one contract."""

    contract: str
    root: str
    net_qty: int


@dataclass(frozen=True, slots=True)
class Book:
    """What is known of one account when one strategy decides for it."""

    held: tuple[Held, ...] = ()
    open_intents: tuple[OpenIntent, ...] = ()
    # root -> another strategy that holds or works something there (0: not ours)
    other_owners: dict[str, StrategyId] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """One order of a plan. An exit's quantity is read from fills when it is claimed."""

    role: Role
    leg: str
    action: Action
    root: str
    contract: str
    qty_contracts: int
    order_type: OrderType = OrderType.MARKET
    price: Decimal | None = None
    stop_price: Decimal | None = None
    reference_price: Decimal | None = None
    after_leg: str | None = None
    exits: Exits = NO_EXITS


@dataclass(frozen=True, slots=True)
class Denied:
    """No orders, and why: `detail` holds the compared values."""

    disposition: Disposition
    code: str
    message: str
    detail: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Orders in their order, or entries that it takes back.

    `withheld` says why a reverse only closes: its entry was refused.
    """

    drafts: tuple[Draft, ...]
    code: str
    message: str
    withheld: Denied | None = None
    withdraws: tuple[IntentId, ...] = ()

    @property
    def disposition(self) -> Disposition:
        """Taking entries back is carried out with the decision; orders have yet to end."""
        return Disposition.FILLED if self.withdraws else Disposition.PLANNED


def blocked(code: str, message: str, **detail: str) -> Denied:
    """A rule forbids it."""
    return Denied(Disposition.BLOCKED, code, message, detail)


def skipped(code: str, message: str, **detail: str) -> Denied:
    """There is nothing to do."""
    return Denied(Disposition.SKIPPED, code, message, detail)
