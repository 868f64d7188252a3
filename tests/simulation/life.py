"""One bracket's life, driven by the smallest honest driver, and what must be true at its end.

    entry with stop and target -> filled -> stop moved -> target or stop hit -> quiet

The driver obeys three rules: an order is sent once; what is unknown is asked for, never sent
again; facts are folded by id. Whatever strikes at a moment of the life, the books that the facts
give must equal the venue's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

from paper.faults import Fault
from shared.brokers.tradovate.adapter import TradovateBroker
from shared.domain.errors import BrokerUnavailable
from shared.domain.order import Action, BrokerStatus, OrderType, TimeInForce
from shared.ports.broker import (
    Accepted,
    AccountInfo,
    BalanceFact,
    Fact,
    FeedLost,
    FeeFact,
    FillFact,
    LegRequest,
    ModifyRequest,
    NotSent,
    OrderFact,
    PlaceRequest,
    PositionFact,
    Refused,
    Synced,
    Unknown,
)
from tests.simulation.venue_in_process import World

CONTRACT: Final = "MESH6"
ROOT: Final = "MES"
PRICE: Final = Decimal(5000)
QTY: Final = 2
ENTRY, STOP, TARGET = (str(UUID(int=number)) for number in (1, 2, 3))
_FINAL: Final = frozenset({"Canceled", "Completed", "Expired", "Filled", "Rejected"})

ASK_AFTER_S: Final = 2.5
ASK_EVERY_S: Final = 2.0
# The longest time-out of a call and 6 s more: nothing of ours can still be on its way.
QUIET_S: Final = 11.0
ENTRY_AGE_S_MAX: Final = 60.0  # older than that it is stale, and not sent any more
STAGE_S_MAX: Final = 30.0  # what has not come by then is not waited for; the end is checked alike
SETTLE_S: Final = 20.0
RETURN_S_MAX: Final = 7_200.0
_LOOK_AT_SHARE: Final = 0.002
_APART_S: Final = 0.005


class Moment(StrEnum):
    """When something may strike."""

    ENTRY = "entry"
    WORKING = "working"
    EXIT = "exit"


class Exit(StrEnum):
    TARGET = "target"
    STOP = "stop"


class Fate(StrEnum):
    """What the driver holds true of its entry."""

    BOUND = "bound"
    REFUSED = "refused"
    ABANDONED = "abandoned"
    NEVER_SENT = "never_sent"


@dataclass(slots=True)
class Books:
    """Facts folded by id."""

    orders: dict[int, OrderFact] = field(default_factory=dict)
    fills: dict[int, FillFact] = field(default_factory=dict)
    fees: dict[int, Decimal] = field(default_factory=dict)
    positions: dict[tuple[int, str], PositionFact] = field(default_factory=dict)
    balances: dict[int, BalanceFact] = field(default_factory=dict)
    is_synced: bool = False
    synced_at_s: float = 0.0

    def fold(self, fact: Fact, now_s: float) -> None:
        match fact:
            case OrderFact():
                self.orders[fact.order_id] = fact
            case FillFact():
                self.fills[fact.fill_id] = fact
            case FeeFact():
                self.fees[fact.fill_id] = fact.fee_usd
            case PositionFact():
                self.positions[fact.account, fact.contract] = fact
            case BalanceFact():
                self.balances[fact.account] = fact
            case Synced():
                self.is_synced, self.synced_at_s = True, now_s
            case FeedLost():
                self.is_synced = False

    def order_of(self, client_id: str) -> OrderFact | None:
        return next((o for o in self.orders.values() if o.client_id == client_id), None)

    def net(self) -> int:
        return sum(position.net_qty for position in self.positions.values())


@dataclass(slots=True)
class Driver:
    """Holds one login and remembers what it sent and heard."""

    world: World
    broker: TradovateBroker
    account: AccountInfo
    books: Books
    fate: Fate = Fate.NEVER_SENT
    sends_again: bool = False  # a bug on purpose: what is unknown is sent once more

    async def enter(self) -> None:
        request = _bracket(self.account)
        began_s = self.world.clock.monotonic()
        while self.world.clock.monotonic() - began_s < ENTRY_AGE_S_MAX:
            sent_at_s = self.world.clock.monotonic()
            match await self.broker.place(request):
                case Accepted():
                    self.fate = Fate.BOUND
                case Refused():
                    self.fate = Fate.REFUSED
                case Unknown() if self.sends_again:
                    continue
                case Unknown():
                    self.fate = await self._resolve(sent_at_s)
                case NotSent(_, wait_s):
                    await self.world.clock.sleep(min(max(wait_s, 1.0), ENTRY_AGE_S_MAX))
                    continue
            return

    async def _resolve(self, sent_at_s: float) -> Fate:
        """Ask until it is found, or absent for good."""
        await self.world.clock.sleep(ASK_AFTER_S)
        while True:
            asked_at_s = self.world.clock.monotonic()
            if self.books.order_of(ENTRY) is not None:
                return Fate.BOUND
            try:
                if await self.broker.lookup(frozenset({ENTRY})):
                    return Fate.BOUND
            except BrokerUnavailable:
                pass  # a failed question proves nothing
            else:
                whole = self.books.is_synced and self.books.synced_at_s <= asked_at_s
                if whole and asked_at_s - sent_at_s >= QUIET_S:
                    return Fate.ABANDONED
            await self.world.clock.sleep(ASK_EVERY_S)

    async def move_stop(self) -> None:
        """Ask once; whatever comes of it, the facts tell."""
        stop = self.books.order_of(STOP)
        if stop is None or stop.status is not BrokerStatus.WORKING:
            return
        await self.broker.modify(
            ModifyRequest(
                stop.order_id,
                STOP,
                QTY,
                OrderType.STOP,
                TimeInForce.GTC,
                stop_price=PRICE - 9,
            )
        )

    async def until(self, enough: Callable[[], bool], within_s: float = STAGE_S_MAX) -> None:
        """Wait for it, a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not enough():
                    await self.world.clock.sleep(within_s * _LOOK_AT_SHARE)

    def is_status(self, client_id: str, *statuses: BrokerStatus) -> bool:
        order = self.books.order_of(client_id)
        return order is not None and order.status in statuses


class Stage(Protocol):
    """Where something strikes."""

    @property
    def world(self) -> World: ...
    @property
    def account(self) -> AccountInfo: ...


Strike = Callable[[Stage], Awaitable[None]]


async def live(driver: Driver, exit_: Exit, strikes: dict[Moment, list[Strike]]) -> None:
    """The whole life; each strike lands at the beginning of its moment."""
    world = driver.world
    await world.price(ROOT, PRICE)
    await land(driver, strikes, Moment.ENTRY)
    await driver.enter()
    await driver.until(
        lambda: driver.is_status(STOP, BrokerStatus.WORKING) or driver.fate is not Fate.BOUND
    )
    await land(driver, strikes, Moment.WORKING)
    await driver.move_stop()
    await land(driver, strikes, Moment.EXIT)
    await world.price(ROOT, PRICE + 12 if exit_ is Exit.TARGET else PRICE - 12)
    await driver.until(lambda: driver.books.is_synced and driver.books.net() == 0)
    await calm(world)
    await driver.until(lambda: driver.broker.ready, RETURN_S_MAX)
    await world.clock.sleep(SETTLE_S)


async def calm(world: World) -> None:
    """No further strike; after one a paused sign-in may take an hour to come back."""
    for fault in Fault:
        world.venue.faults.arm(fault, 0, {})
    world.link.chance, world.link.is_down = 0.0, False
    world.link.armed.clear()
    await world.clock.sleep(SETTLE_S)


async def land(stage: Stage, strikes: dict[Moment, list[Strike]], moment: Moment) -> None:
    for strike in strikes.get(moment, []):
        await strike(stage)
        await stage.world.clock.sleep(_APART_S)  # no two things happen in one millisecond


@asynccontextmanager
async def driving(world: World, seed: int) -> AsyncIterator[Driver]:
    """A driver in sync at a quiet venue."""
    async with world.broker(seed) as broker:
        books = Books()
        read = asyncio.create_task(_read(broker, books, world))
        try:
            async with asyncio.timeout(STAGE_S_MAX):
                while not books.is_synced:
                    await world.clock.sleep(STAGE_S_MAX * _LOOK_AT_SHARE)
            yield Driver(world, broker, (await broker.accounts())[0], books)
        finally:
            read.cancel()
            with suppress(asyncio.CancelledError):
                await read


async def _read(broker: TradovateBroker, books: Books, world: World) -> None:
    async for fact in broker.facts():
        books.fold(fact, world.clock.monotonic())


def _bracket(account: AccountInfo) -> PlaceRequest:
    return PlaceRequest(
        account=account.account,
        account_name=account.name,
        client_id=ENTRY,
        contract=CONTRACT,
        action=Action.BUY,
        qty_contracts=QTY,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        legs=(
            LegRequest(STOP, Action.SELL, OrderType.STOP, stop_price=PRICE - 10),
            LegRequest(TARGET, Action.SELL, OrderType.LIMIT, price=PRICE + 10),
        ),
    )


# --- what must be true --------------------------------------------------------------------------
async def check(driver: Driver) -> None:
    """Asserts everything that holds whatever struck."""
    ledger = await driver.world.ledger()
    mine: dict[str, Any] = ledger[driver.account.name]
    _sent_once(driver, mine)
    _books_agree(driver.books, driver.account.account, mine)
    assert driver.broker.ready


def _sent_once(driver: Driver, mine: dict[str, Any]) -> None:
    news = [c["clOrdId"] for c in mine["commands"] if c["commandType"] == "New" and "clOrdId" in c]
    assert len(news) == len(set(news)), "an order was sent twice"
    there = ENTRY in news
    match driver.fate:
        case Fate.BOUND:
            assert there, "bound to an order that the venue does not have"
        case Fate.ABANDONED | Fate.NEVER_SENT | Fate.REFUSED:
            assert not there, f"the venue has the order, and we say {driver.fate}"


def _books_agree(books: Books, account: int, mine: dict[str, Any]) -> None:
    ours: dict[str, object] = {
        "orders": {o.order_id: o.status.value for o in books.orders.values()},
        "fills": {
            f.fill_id: (f.order_id, f.qty_contracts, f.price, f.active)
            for f in books.fills.values()
        },
        "fees": dict(books.fees),
        "net": {p.contract: p.net_qty for p in books.positions.values() if p.net_qty},
        "cash": books.balances[account].cash_usd,
    }
    theirs: dict[str, object] = {
        "orders": {o["id"]: o["ordStatus"] for o in mine["orders"]},
        "fills": {
            f["id"]: (f["orderId"], f["qty"], Decimal(f["price"]), f["active"])
            for f in mine["fills"]
        },
        "fees": {f["id"]: _fee(f) for f in mine["fees"]},
        "net": {p["contract"]: p["netPos"] for p in mine["positions"] if p["netPos"]},
        "cash": Decimal(mine["balance"]),
    }
    for name, ours_of_it in ours.items():
        assert ours_of_it == theirs[name], f"{name}: {ours_of_it} is not {theirs[name]}"


def _fee(row: dict[str, Any]) -> Decimal:
    parts = [value for key, value in row.items() if key.lower().endswith("fee")]
    return sum(map(Decimal, [*parts, row["commission"]]), Decimal(0))


def exits_working(mine: dict[str, Any]) -> int:
    """Contracts that working orders would sell."""
    return sum(o["ordStatus"] not in _FINAL and o["action"] == "Sell" for o in mine["orders"])
