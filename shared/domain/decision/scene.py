"""All that is known of one account when one strategy decides for it, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from shared.domain.ids import StrategyId
from shared.domain.order import Action, OrderType
from shared.domain.plan import Book
from shared.domain.position import Position
from shared.domain.risk.standing import UNTOUCHED, Standing
from shared.domain.rules.prop import NewsWindow


@dataclass(frozen=True, slots=True)
class PastEntry:
    """An entry intent of the strategy in the account that was not refused before it was sent."""

    at: datetime
    root: str
    contract: str
    action: Action
    qty_contracts: int


@dataclass(frozen=True, slots=True)
class History:
    """What the strategy did in the account. `recent` reaches back as far as any brake looks.

    `adds_made` counts entries after the first one since flat. `asked_entries` counts the entry
    signals of the strategy before this one, for "each n-th". `since_review` counts entries since
    a person last resumed it.
    """

    adds_made: int = 0
    last_entry_at: datetime | None = None
    flat_since: datetime | None = None  # None: never held, or holds now
    asked_entries: int = 0
    since_review: int = 0
    recent: tuple[PastEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order that may still trade in the account, whoever it works for (0: not ours).

    `price` is a limit, `stop_price` a trigger that has not been reached.
    """

    owner: StrategyId
    contract: str
    action: Action
    order_type: OrderType
    price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Exposure:
    """Contracts per root of the whole account, every owner, entries in flight included.

    `net` is signed; `gross` counts opposite owners both. `gates.exposure.exposure_of` makes it.
    """

    net: Mapping[str, int] = field(default_factory=dict)
    gross: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Halt:
    """A control that refuses entries: `code` says which, `reason` is the person's own words."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class RootHeld:
    """No entry in this root: its books have parted. `code` is of the drift, `message` says it."""

    root: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Scene:
    """`on` is the trade date of `now`. Everything beyond the book has a neutral default.

    `account_history` is that of all strategies in the account, for the account's own brakes: of
    it `since_review` and `recent` count. `keeps_hours` says that the venue trades in the
    exchange's sessions only; a paper venue may trade around the clock.
    """

    book: Book
    now: datetime
    on: date
    history: History = History()
    account_history: History = History()
    followed: Mapping[StrategyId, int] = field(default_factory=dict)  # signed contracts
    exposure: Exposure = Exposure()
    account_standing: Standing = UNTOUCHED
    strategy_standing: Standing = UNTOUCHED  # over all its accounts
    positions: Mapping[str, Position] = field(default_factory=dict)  # contract -> the strategy's
    halts: tuple[Halt, ...] = ()  # in force now, the widest scope first
    held_roots: tuple[RootHeld, ...] = ()  # the oldest first
    quote: Decimal | None = None  # of the contract to be traded, younger than 2 s
    working: tuple[WorkingOrder, ...] = ()
    keeps_hours: bool = False
    news: tuple[NewsWindow, ...] = ()  # of the installation's file, for prop accounts
