"""A trading desk for histories about money: a price that walks, stops that slip, fees told late.

What must hold is reckoned from the desk's own notes of every trade, by moving cash, and not with
anything of the product's.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Final

from shared.domain.calendar import trade_date
from shared.domain.claim import Candidate, Verdict, judge
from shared.domain.ids import AccountId
from shared.domain.order import BrokerStatus, OrderIntent, Role
from shared.domain.risk.limits import week_of
from shared.ports.broker import Accepted, BalanceFact, FeeFact
from shared.ports.ledger import Claimed
from tests.contract.ledger.twin_world import TwinWorld
from tests.contract.ledger.world import BROKER_ACCOUNTS, BUY, CLOSE, SELL
from tests.simulation.rows import IntentRow
from tests.simulation.twin import TwinLedger

TICK: Final = Decimal("0.25")
POINT_USD: Final = 20
FEE_USD: Final = Decimal("4.50")  # a side; what is allowed for is 5
SLIPPAGE_TICKS: Final = 3
START_USD: Final = Decimal(50_000)


class Desk(TwinWorld):
    """The venue, the market and the notes."""

    def __init__(self, start: datetime, rng: Random) -> None:
        super().__init__()
        self.clock.advance((start - self.clock.now()).total_seconds())
        self.rng = rng
        self.price = Decimal(20_000)
        self.untold: list[FeeFact] = []
        self.cash: dict[AccountId, Decimal] = defaultdict(lambda: START_USD)
        self.made: dict[tuple[AccountId, int, date], Decimal] = defaultdict(Decimal)
        self.net: dict[tuple[AccountId, int], int] = defaultdict(int)
        self.carried: set[date] = set()  # trade dates that began with a position
        self.on = trade_date(start)
        self.entered = 0
        self.is_watched = False  # looked at with every tick, and every wish obeyed at once
        self.asked: dict[tuple[int, date], int] = defaultdict(int)  # closes of an account and day
        self.peak: dict[AccountId, Decimal] = defaultdict(lambda: START_USD)

    # --- what happens ---
    async def begin(self) -> None:
        (self.lease,) = await self.ledger.renew_leases("me")
        await self.tell_cash()
        await self.look()

    async def step(self) -> None:
        act = self.rng.choice(
            ("signal", "signal", "signal", "walk", "walk", "walk", "look", "restart", "pause")
        )
        await getattr(self, f"do_{act}")()

    async def do_signal(self) -> None:
        signal = self.rng.choice((BUY, BUY, SELL, CLOSE))
        signal = replace(signal, price=self.price)
        if signal.kind is BUY.kind:
            signal = replace(signal, quantity=self.rng.choice((1, 1, 2, 3)))
        await self.signal(signal, self.rng.choice((0, 1)))
        for _ in range(3):
            await self._trade()

    async def do_walk(self) -> None:
        """Tick by tick, so that every stop is met where it stands."""
        way = self.rng.choice((-1, 1))
        for _ in range(self.rng.choice((1, 5, 20, 60))):
            self.price += way * TICK
            await self._stops_and_targets()
            self._note_peaks()
            if self.is_watched:
                await self.look()
                await self.obey()
        await self.tell_fees()

    async def obey(self) -> None:
        """What was asked to be closed is closed at the price of the moment."""
        for command in await self.ledger.commands():
            account = command.detail.get("account_id")
            if isinstance(account, int):
                self.asked[account, self.on] += 1
            await self.ledger.close_all(command)
            for _ in range(4):
                await self._trade()

    def _note_peaks(self) -> None:
        for account in self.accounts:
            self.peak[account] = max(self.peak[account], self.equity_usd(account))

    async def do_look(self) -> None:
        await self.look()

    async def look(self) -> None:
        price = self.price
        await self.ledger.watch_risk([self.lease], lambda _c, _a: price)

    async def do_restart(self) -> None:
        """Nothing is known but what is in the tables."""
        self.ledger = TwinLedger(self.store)
        await self.do_pause(seconds=6)

    async def do_pause(self, seconds: int | None = None) -> None:
        self.clock.advance(seconds or self.rng.choice((1, 5, 11, 600, 3_600, 7_200, 14_400)))
        (self.lease,) = await self.ledger.renew_leases("me")
        now = trade_date(self.clock.now())
        if now != self.on:
            self.on = now
            if any(self.net.values()):
                self.carried.add(now)
        await self.tell_cash()
        if self.rng.random() < 0.8:
            await self.look()

    # --- the venue ---
    def judge(self, candidate: Candidate) -> Verdict:
        return judge(candidate, self.clock.now(), self.price)

    async def _trade(self) -> None:
        claims = await self.claim()
        for cancel in claims.cancels:
            await self._cancel(cancel.broker_order_id)
        for each in claims.claimed:
            await self._accept(each)

    async def _accept(self, claimed: Claimed) -> None:
        legs = tuple(next(self.ids) for _ in claimed.legs)
        order = next(self.ids)
        await self.ledger.record(claimed.intent.id, Accepted(order, legs))
        if claimed.intent.role is Role.ENTRY:
            self.entered += 1
        await self._fill(claimed.intent, order, self.price)

    async def _cancel(self, order: int) -> None:
        row = next((r for r in self.store.intents.open() if r.broker_order_id == order), None)
        if row is not None:
            await self.tell(self.shown(row.intent, BrokerStatus.CANCELED, order))

    async def _stops_and_targets(self) -> None:
        for row in list(self._legs()):
            if row.id not in {each.id for each in self._legs()}:
                continue  # its pair has just traded
            at = self._hit(row)
            if at is not None and row.broker_order_id is not None:
                await self._fill(row.intent, row.broker_order_id, at)
                for other in self.store.intents.legs(row.intent.parent):  # type: ignore[arg-type] # a leg has a parent
                    if other.ended_at is None and other.broker_order_id is not None:
                        await self._cancel(other.broker_order_id)

    def _legs(self) -> list[IntentRow]:
        return [row for row in self.store.intents.open() if row.is_leg and row.broker_order_id]

    def _hit(self, row: IntentRow) -> Decimal | None:
        leg, way = row.intent, row.intent.action.sign
        if leg.stop_price is not None and (self.price - leg.stop_price) * way >= 0:
            return leg.stop_price + way * TICK * self.rng.randint(0, SLIPPAGE_TICKS)
        if leg.price is not None and (self.price - leg.price) * way <= 0:
            return leg.price
        return None

    async def _fill(self, intent: OrderIntent, order: int, price: Decimal) -> None:
        self.clock.advance(0.001)  # no fill is of the very instant of a word on cash before it
        row = self.store.intents.one(intent.id).intent
        fact = self.fill_fact(row, order, str(price), row.qty_contracts)
        fact = replace(fact, trade_date=self.on)
        fee = FEE_USD * row.qty_contracts
        moved = -row.action.sign * row.qty_contracts * price * POINT_USD - fee
        owner = (row.account_id, int(row.strategy_id))
        self.made[(*owner, self.on)] += moved
        self.cash[row.account_id] += moved
        self.net[owner] += row.action.sign * row.qty_contracts
        self.untold.append(FeeFact(fact.fill_id, fee))
        await self.tell(self.shown(row, BrokerStatus.FILLED, order), fact)
        await self.tell_cash()

    async def tell_fees(self) -> None:
        if self.untold and self.rng.random() < 0.5:
            await self.tell(*self.untold)
            self.untold.clear()

    async def tell_cash(self) -> None:
        """While flat, the broker's word; between, it says nothing."""
        self.clock.advance(0.001)
        for number, account in zip(BROKER_ACCOUNTS, self.accounts, strict=True):
            if not any(net for (a, _), net in self.net.items() if a == account):
                now = self.clock.now()
                await self.tell(BalanceFact(number, self.on, self.cash[account], None, now))

    # --- what must hold, from the notes alone ---
    def equity_usd(self, account: AccountId) -> Decimal:
        held = sum(net for (a, _), net in self.net.items() if a == account)
        return self.cash[account] + held * self.price * POINT_USD

    def day_usd(self, account: AccountId | None = None, strategy: int | None = None) -> Decimal:
        """Of a trade date that began flat."""
        return self._since(self.on, account, strategy)

    def week_usd(self, account: AccountId | None = None, strategy: int | None = None) -> Decimal:
        return self._since(week_of(self.on), account, strategy)

    def _since(self, first: date, account: AccountId | None, strategy: int | None) -> Decimal:
        def mine(owner: tuple[AccountId, int]) -> bool:
            return account in (None, owner[0]) and strategy in (None, owner[1])

        made = sum(
            (usd for (a, s, on), usd in self.made.items() if on >= first and mine((a, s))),
            Decimal(0),
        )
        held = sum(net for owner, net in self.net.items() if mine(owner))
        return made + held * self.price * POINT_USD
