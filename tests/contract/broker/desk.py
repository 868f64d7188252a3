"""Who sits between a case and the broker: sends requests, folds facts, compares with the venue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Final, TypeVar
from uuid import UUID

from shared.domain.order import Action, BrokerStatus, OrderType, TimeInForce
from shared.ports.broker import (
    Accepted,
    AccountInfo,
    Broker,
    FillFact,
    LegRequest,
    ModifyRequest,
    NotSent,
    Outcome,
    PlaceRequest,
    Priority,
    Refused,
    Unknown,
)
from tests.contract.broker.books import Books
from tests.contract.broker.stage import Stage, Trouble, Truth, Who

WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.05
# The longest time-out of a call and some more: nothing of ours is still on its way.
QUIET_S: Final = 12.0
OutcomeT = TypeVar("OutcomeT", Accepted, Refused, Unknown, NotSent)


@dataclass(slots=True)
class Desk:
    stage: Stage
    broker: Broker
    account: AccountInfo
    books: Books
    run: asyncio.Task[None]  # the broker's
    _ids: count[int] = field(default_factory=lambda: count(1))

    # --- requests -----------------------------------------------------------------------------
    def new_id(self) -> str:
        return str(UUID(int=next(self._ids)))

    def at(self, points: int) -> Decimal:
        """A price so many points from where the market was."""
        return self.stage.price_usd + points * self.stage.point

    def order(
        self,
        action: Action = Action.BUY,
        qty: int = 1,
        order_type: OrderType = OrderType.MARKET,
        *,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
        time_in_force: TimeInForce = TimeInForce.DAY,
        legs: tuple[LegRequest, ...] = (),
        other: LegRequest | None = None,
        priority: Priority = Priority.ENTRY,
    ) -> PlaceRequest:
        return PlaceRequest(
            account=self.account.account,
            account_name=self.account.name,
            client_id=self.new_id(),
            contract=self.stage.contract,
            action=action,
            qty_contracts=qty,
            order_type=order_type,
            time_in_force=time_in_force,
            price=price,
            stop_price=stop_price,
            legs=legs,
            other=other,
            priority=priority,
        )

    def limit(self, points: int, action: Action = Action.BUY, qty: int = 1) -> PlaceRequest:
        return self.order(action, qty, OrderType.LIMIT, price=self.at(points))

    def stop(self, points: int, action: Action = Action.BUY, qty: int = 1) -> PlaceRequest:
        return self.order(action, qty, OrderType.STOP, stop_price=self.at(points))

    def legs(self, stop: int = -10, target: int = 10) -> tuple[LegRequest, LegRequest]:
        """A protective stop and a target of a long position; of a short one when turned round."""
        action = Action.SELL if stop < target else Action.BUY
        return (
            LegRequest(self.new_id(), action, OrderType.STOP, stop_price=self.at(stop)),
            LegRequest(self.new_id(), action, OrderType.LIMIT, price=self.at(target)),
        )

    def change(
        self,
        order_id: int,
        order_type: OrderType = OrderType.LIMIT,
        *,
        qty: int = 1,
        points: int | None = None,
        stop_points: int | None = None,
        time_in_force: TimeInForce = TimeInForce.DAY,
    ) -> ModifyRequest:
        return ModifyRequest(
            order_id,
            self.new_id(),
            qty,
            order_type,
            time_in_force,
            None if points is None else self.at(points),
            None if stop_points is None else self.at(stop_points),
        )

    # --- what comes of them -------------------------------------------------------------------
    async def accepted(self, request: PlaceRequest) -> Accepted:
        return became(await self.broker.place(request), Accepted)

    async def refused(self, request: PlaceRequest) -> Refused:
        """Refused in so many words, and nothing of it is at the venue."""
        outcome = became(await self.broker.place(request), Refused)
        assert outcome.code.startswith("broker.")
        assert outcome.reason
        truth = await self.truth()
        assert request.client_id not in truth.placed_ids
        return outcome

    async def works(self, request: PlaceRequest) -> int:
        """Placed and working; its order id."""
        order_id = (await self.accepted(request)).order_id
        await self.reaches(order_id, BrokerStatus.WORKING)
        return order_id

    async def fills(self, request: PlaceRequest) -> int:
        """Placed and filled, with its fills told; its order id."""
        order_id = (await self.accepted(request)).order_id
        await self.reaches(order_id, BrokerStatus.FILLED)
        await self.until(lambda: self.filled_qty(order_id) == request.qty_contracts)
        return order_id

    async def rejected(self, request: PlaceRequest) -> str:
        """Taken, then rejected; the reason that the facts give."""
        order_id = (await self.accepted(request)).order_id
        await self.reaches(order_id, BrokerStatus.REJECTED)
        await self.until(lambda: self.books.orders[order_id].reject_reason is not None)
        assert not self.fills_of(order_id)
        return self.books.orders[order_id].reject_reason or ""

    async def reaches(self, order_id: int, status: BrokerStatus) -> None:
        await self.until(lambda: self.books.status(order_id) is status, f"{order_id} is {status}")

    def fills_of(self, order_id: int) -> list[FillFact]:
        fills = self.books.fills.values()
        return [fill for fill in fills if fill.order_id == order_id and fill.active]

    def filled_qty(self, order_id: int) -> int:
        return sum(fill.qty_contracts for fill in self.fills_of(order_id))

    def net(self) -> int:
        return sum(
            position.net_qty
            for position in self.books.positions.values()
            if position.account == self.account.account
        )

    # --- waiting ------------------------------------------------------------------------------
    async def until(
        self, enough: Callable[[], bool], what: str = "it", within_s: float = WITHIN_S
    ) -> None:
        """Wait for it; AssertionError when it does not come."""
        ends_s = self.stage.now_s() + within_s
        while not enough():
            if self.run.done():
                self.run.result()  # raises what ended it
            assert self.stage.now_s() < ends_s, f"waited {within_s} s in vain until {what}"
            await self.stage.sleep(_LOOK_EVERY_S)

    async def in_sync(self, times: int, within_s: float = WITHIN_S) -> None:
        """So often told in sync, and so now."""
        await self.until(
            lambda: self.books.syncs >= times and self.books.is_synced,
            f"in sync for the {times}. time",
            within_s,
        )

    async def lost(self) -> None:
        await self.until(lambda: self.books.losses > 0, "the feed is told lost")

    async def trouble(self, trouble: Trouble, **options: object) -> None:
        await self.stage.trouble(trouble, account=self.account.name, **options)

    async def price(self, points: int) -> None:
        await self.stage.price(self.at(points))

    # --- the venue's own truth ----------------------------------------------------------------
    async def truth(self) -> Truth:
        return await self.stage.truth(self.account.name)

    async def found(self, client_id: str) -> int | None:
        """What the broker finds of it when asked."""
        return (await self.broker.lookup(frozenset({client_id}))).get(client_id)

    async def agrees(self, within_s: float = 600.0) -> None:
        """In the end the facts tell exactly what the venue holds, and no order was taken twice."""
        await self.stage.calm()
        await self.until(lambda: self.broker.ready and self.books.is_synced, "ready", within_s)
        await self.stage.sleep(5)
        truth = await self.truth()
        self.books.must_equal(self.account.account, truth)
        assert len(truth.placed_ids) == len(set(truth.placed_ids)), "an order was taken twice"


def became(outcome: Outcome, kind: type[OutcomeT]) -> OutcomeT:
    assert isinstance(outcome, kind), outcome
    return outcome


@asynccontextmanager
async def trading(stage: Stage, who: Who | None = None) -> AsyncIterator[Desk]:
    """A desk at a broker in sync; who asks for trouble at once opens the parts himself."""
    await stage.price(stage.price_usd)
    async with stage.broker(Who() if who is None else who) as broker, running(broker) as run:
        books = Books()
        reading = asyncio.create_task(_read(broker, books))
        try:
            desk = Desk(stage, broker, AccountInfo(0, "", active=False), books, run)
            await desk.in_sync(1)
            desk.account = (await broker.accounts())[0]
            yield desk
        finally:
            await _end(reading)


@asynccontextmanager
async def running(broker: Broker) -> AsyncIterator[asyncio.Task[None]]:
    run = asyncio.create_task(broker.run())
    try:
        yield run
    finally:
        await _end(run)


async def _end(task: asyncio.Task[None]) -> None:
    if task.done():
        return  # whoever expects an error of it asks for it
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _read(broker: Broker, books: Books) -> None:
    async for fact in broker.facts():
        books.fold(fact)
