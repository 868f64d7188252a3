"""What a broker must bring to be put through the acceptance cases: a stage.

    the broker under test   <- only the port `shared.ports.broker`
    the market              <- `price`, `trouble`
    the venue's own truth   <- `truth`, taken past the adapter

The cases know nothing else, so another broker runs all of them with a stage of its own. What its
venue cannot do is named in `House.cannot`; the cases that need it are then skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Protocol

from shared.domain.order import Action, BrokerStatus
from shared.ports.broker import Broker

TUESDAY_MORNING: Final = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)  # 09:00 in Chicago


class Step(StrEnum):
    """A request at which a trouble of the wire strikes."""

    PLACE = "place"
    MODIFY = "modify"
    CANCEL = "cancel"
    LIQUIDATE = "liquidate"
    START = "start"
    ANY = ""


class Trouble(StrEnum):
    """What can be made to happen, named by what it is, not by how a venue does it."""

    # of the wire; option `step`
    CUT_BEFORE = "the line breaks while the request is on its way; it never arrives"
    CUT_AFTER = "the line breaks when the request has arrived, before its answer"
    HALF_OPEN = "from the request on nothing passes, and no end of the line is seen"
    DOWN = "no connection can be made, and those that were are gone"
    UP = "the end of that"
    DROP = "every line is closed without a word; new ones can be made"
    # of the answer
    LOSE_ANSWER = "done, and never answered"
    NEVER_TAKEN = "not done, and never answered"
    ERROR_AFTER = "done, and answered with a server error"
    UNREADABLE = "done, and answered with a success that cannot be read"
    LATE_ANSWER = "done, and answered `ms` late: the events come first"
    LATE_EVENTS = "answered, and the events come `ms` later"
    # of the events
    DOUBLED = "each event is told twice, until calm"
    BACKWARDS = "the events of a transaction come last first, until calm"
    SHUFFLED = "the events of a transaction come in an order of `seed`, until calm"
    SPLIT = "each event comes in a frame of its own, until calm"
    STRANGE = "events of unknown kind and fields nobody knows come in between, until calm"
    NONSENSE = "one frame that cannot be read"
    REPLAYED = "the events of the whole day are told again"
    BIG = "the snapshot is `bytes` larger"
    INTERLEAVED = "events come between the request of a snapshot and its answer"
    # of the venue
    REJECT = "the next order is taken and then rejected, with `text`"
    PARTIAL = "at most `size` contracts trade at a time; None ends it"
    BUST = "the last fill is taken back"
    CORRECT = "the last fill is taken back and made again at `price`"
    BY_HAND = "a person orders `qty` at market, `action`"
    FLATTENED_BY_HAND = "a person closes everything"
    LIQUIDATED = "the venue closes everything and lets nothing be opened"
    CLOSING_ONLY = "the account may only close"
    QTY_MAX = "at most `size` contracts in one order"
    POSITION_MAX = "at most `size` contracts held"
    HOURS = "orders only while the product trades"
    UNIQUE_IDS = "a client id that was seen before is refused"
    MAINTENANCE = "the venue is away for `s` seconds and says so"
    # of the login
    TOKENS_OVER = "every token is void"
    DISPLACED = "the user signs in elsewhere, so often that our session ends"
    OTHER_HOST = "`count` reads of lists are empty, as if asked of the wrong environment"
    LOCKED = "the next sign-in is answered that the login is locked"
    TOO_MANY = "`count` requests are turned away for their number"
    WAIT = "an order (`on` login: a sign-in) has to wait `s` seconds and be sent again"
    CAPTCHA = "an order (`on` login: a sign-in) needs a person's captcha"


class NotHere(Exception):  # noqa: N818 - it names the state, not the mistake
    """The venue cannot do that; the case is skipped."""


@dataclass(frozen=True, slots=True)
class TrueOrder:
    client_id: str | None  # of the entry of an order strategy: the strategy's
    status: BrokerStatus
    action: Action
    qty: int
    price: Decimal | None
    stop_price: Decimal | None


@dataclass(frozen=True, slots=True)
class TrueFill:
    order_id: int
    qty: int
    price: Decimal
    active: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """One account as the venue itself holds it; fees by fill, nets by contract unless flat."""

    orders: Mapping[int, TrueOrder]
    fills: Mapping[int, TrueFill]
    fees_usd: Mapping[int, Decimal]
    nets: Mapping[str, int]
    cash_usd: Decimal
    placed_ids: tuple[str, ...]  # client ids of all placements that were taken, in order

    def net(self) -> int:
        return sum(self.nets.values())

    def working(self) -> list[int]:
        return [id_ for id_, order in self.orders.items() if order.status is BrokerStatus.WORKING]


@dataclass(frozen=True, slots=True)
class Who:
    """How to sign in. `key` None: without an API key; `consent`: by OAuth instead of a password."""

    is_password_right: bool = True
    key: str | None = None
    consent: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """What a case asks of its stage before anything happens."""

    at: datetime = TUESDAY_MORNING
    token_life_s: float = 4_800.0


# The session of a Chicago index future ends at 16:00 there and begins at 17:00 (CST: UTC - 6 h).
BEFORE_THE_END: Final = Setting(at=datetime(2026, 3, 3, 21, 58, tzinfo=UTC))


class Stage(Protocol):
    """One venue, fresh for each case, with a login of at least two accounts."""

    contract: str
    point: Decimal  # the case's price unit: many ticks
    tick: Decimal
    price_usd: Decimal  # the market when the case begins

    def now(self) -> datetime: ...
    def now_s(self) -> float: ...
    async def sleep(self, delay_s: float) -> None: ...

    def broker(self, who: Who) -> AbstractAsyncContextManager[Broker]:
        """A broker that nobody runs yet; two of one `who` share what is stored of a session."""

    async def price(self, price: Decimal) -> None:
        """The market trades at that price; returns when everything it caused is done."""

    async def truth(self, account_name: str) -> Truth: ...

    async def trouble(self, trouble: Trouble, **options: object) -> None:
        """Raises NotHere."""

    async def calm(self) -> None:
        """Nothing that was asked for strikes any more."""


@dataclass(frozen=True, slots=True)
class House:
    """A broker with its venue: how to run a case, and how to open a stage."""

    name: str
    run: Callable[[Coroutine[Any, Any, None]], None]
    stage: Callable[[Setting], AbstractAsyncContextManager[Stage]]
    cannot: frozenset[Trouble] = field(default_factory=frozenset)
