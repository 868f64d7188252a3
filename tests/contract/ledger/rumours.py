"""What a broker may tell: true things, late things, repeated things, foreign things."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from random import Random
from typing import Final

from shared.domain.alert_signal import Side, Signal, SignalKind, SignalOrderType
from shared.domain.order import Action, BrokerStatus, IntentState, OrderType
from shared.ports.broker import (
    BalanceFact,
    Fact,
    FeeFact,
    FillFact,
    OrderFact,
    PositionFact,
)
from tests.contract.ledger.twin_world import TwinWorld
from tests.contract.ledger.world import BROKER_ACCOUNTS, BUY, CLOSE, QUOTE
from tests.simulation.rows import IntentRow

_TICK: Final = Decimal("0.25")
_AT_BROKER: Final = (IntentState.SENDING, IntentState.UNKNOWN, IntentState.ACCEPTED)
_STATUSES: Final = (
    *(BrokerStatus.WORKING,) * 4,
    *(BrokerStatus.FILLED,) * 3,
    *(BrokerStatus.CANCELED,) * 3,
    *BrokerStatus,
)


def signal(rng: Random) -> Signal:
    symbol = rng.choice(("NQ1!", "NQ1!", "NQ1!", "ES1!", None))
    price = rng.choice((QUOTE, None))
    match rng.randrange(7):
        case 6:
            return replace(BUY, kind=SignalKind.CANCEL, side=None, symbol=symbol)
        case 0 | 1:
            return replace(CLOSE, symbol=symbol, quantity=rng.choice((None, None, 1, 2)))
        case 2:
            goal = rng.randint(-2, 2)
            return replace(BUY, kind=SignalKind.TARGET, side=None, target_position=goal)
        case 3:
            limit = replace(BUY, order_type=SignalOrderType.LIMIT, limit_price=QUOTE - 10)
            return replace(limit, symbol=symbol)
        case _:
            side = rng.choice((Side.BUY, Side.SELL))
            quantity = rng.choice((None, 1, 2, 3))
            return replace(BUY, side=side, symbol=symbol, quantity=quantity, price=price)


class Broker:
    """Gives each intent one order id for good, and remembers what it told."""

    def __init__(self, world: TwinWorld) -> None:
        self._world = world
        self._ids = count(1_000)
        self._orders: dict[object, int] = {}
        self._told: list[Fact] = []

    def order_of(self, row: IntentRow) -> int:
        if row.broker_order_id is not None:
            return row.broker_order_id
        return self._orders.setdefault(row.id, next(self._ids))

    def facts(self, rng: Random) -> list[Fact]:
        """A small batch, in any order."""
        out = [fact for _ in range(rng.randint(1, 4)) for fact in self._some(rng)]
        rng.shuffle(out)
        self._told += out
        return out

    def expected(self, rng: Random) -> list[Fact]:
        """What usually happens: an order at the broker fills, or the legs there are cancelled."""
        rows = [row for row in self._sent() if row.ended_at is None]
        orders = [row for row in rows if not row.is_leg]
        if not orders:
            return self._cancels(rng, rows)
        return self._fills(rng, orders)

    def _cancels(self, rng: Random, rows: list[IntentRow]) -> list[Fact]:
        canceled = BrokerStatus.CANCELED
        out: list[Fact] = [replace(self._order(rng, row), status=canceled) for row in rows]
        self._told += out
        return out

    def _fills(self, rng: Random, rows: list[IntentRow]) -> list[Fact]:
        row = rng.choice(rows)
        left = max(1, row.intent.qty_contracts - row.filled_qty)
        shown = replace(self._order(rng, row), status=BrokerStatus.FILLED)
        out: list[Fact] = [shown, self._fill(rng, row, left)]
        self._told += out
        return out

    def everything(self, rng: Random) -> list[Fact]:
        """A full read: the newest word on each order, every fill, and perhaps some news."""
        orders = {fact.order_id: fact for fact in self._told if isinstance(fact, OrderFact)}
        fills = [fact for fact in self._told if isinstance(fact, FillFact)]
        return [*orders.values(), *fills, *self.facts(rng)]

    def positions(self, rng: Random) -> list[Fact]:
        now = self._world.clock.now()
        rows = self._world.store.positions.rows()
        accounts = dict(zip(self._world.accounts, BROKER_ACCOUNTS, strict=True))
        return [
            PositionFact(
                account=accounts[row.account_id],
                contract_id=1,
                contract=row.contract,
                net_qty=row.net_qty + rng.choice((0, 0, 0, 1)),
                net_price=None,
                at=now,
            )
            for row in rows
            if rng.random() < 0.9
        ]

    def _sent(self) -> list[IntentRow]:
        """What may be at the broker, perhaps long over."""
        rows = self._world.store.intents.rows()
        return [row for row in rows if row.claim_epoch is not None and row.intent.qty_contracts]

    def _some(self, rng: Random) -> list[Fact]:
        tellers = (self._foreign, self._again, self._busts, self._fees, self._balance)
        ours = (self._of_ours, self._of_ours, self._of_ours, self._of_ours, self._again)
        return rng.choice((*tellers, *ours))(rng)

    def _again(self, rng: Random) -> list[Fact]:
        return rng.choices(self._told, k=rng.randint(1, 3)) if self._told else []

    def _of_ours(self, rng: Random) -> list[Fact]:
        rows = self._sent()
        if not rows:
            return []
        row = rng.choice(rows)
        if rng.random() < 0.4:
            return [self._fill(rng, row, rng.randint(1, row.intent.qty_contracts))]
        return [self._order(rng, row)]

    def _order(self, rng: Random, row: IntentRow) -> OrderFact:
        intent = row.intent
        status = rng.choice(_STATUSES)
        qty = intent.qty_contracts
        return OrderFact(
            account=BROKER_ACCOUNTS[self._world.accounts.index(intent.account_id)],
            order_id=self.order_of(row),
            client_id=rng.choice((str(intent.id),) * 6 + (None, "by hand")),
            parent_order_id=None,
            contract_id=1,
            contract=intent.contract,
            action=intent.action,
            status=status,
            order_type=intent.order_type,
            qty_contracts=max(1, qty - 1) if row.is_leg and rng.random() < 0.2 else qty,
            price=self._moved(rng, intent.price),
            stop_price=self._moved(rng, intent.stop_price),
            at=self._world.clock.now(),
            reject_reason="margin" if status is BrokerStatus.REJECTED else None,
        )

    def _moved(self, rng: Random, price: Decimal | None) -> Decimal | None:
        return None if price is None else price + rng.choice((0, 0, 0, 4)) * _TICK

    def _fill(self, rng: Random, row: IntentRow, qty: int) -> FillFact:
        now = self._world.clock.now()
        return FillFact(
            account=BROKER_ACCOUNTS[self._world.accounts.index(row.account_id)],
            fill_id=next(self._ids),
            order_id=self.order_of(row),
            contract_id=1,
            contract=row.intent.contract,
            action=row.intent.action,
            qty_contracts=qty,
            price=QUOTE + rng.randint(-20, 20) * _TICK,
            at=now - timedelta(milliseconds=rng.choice((0, 0, 1, 700))),
            trade_date=now.date(),
            active=rng.random() < 0.97,
        )

    def _foreign(self, rng: Random) -> list[Fact]:
        """Somebody's thumb on a phone, or an account that is not ours."""
        now = self._world.clock.now()
        action = rng.choice((Action.BUY, Action.SELL))
        account = rng.choice((*BROKER_ACCOUNTS, 1))
        order, contract = next(self._ids), rng.choice(("NQZ6", "ESZ6"))
        shown = OrderFact(
            account=account,
            order_id=order,
            client_id=None,
            parent_order_id=None,
            contract_id=1,
            contract=contract,
            action=action,
            status=BrokerStatus.FILLED,
            order_type=rng.choice((OrderType.MARKET, None)),
            qty_contracts=1,
            price=None,
            stop_price=None,
            at=now,
        )
        fill = FillFact(
            account=account,
            fill_id=next(self._ids),
            order_id=order,
            contract_id=1,
            contract=contract,
            action=action,
            qty_contracts=1,
            price=QUOTE,
            at=now,
            trade_date=now.date(),
        )
        return [shown, fill]

    def _busts(self, rng: Random) -> list[Fact]:
        fills = [fact for fact in self._told if isinstance(fact, FillFact)]
        return [replace(rng.choice(fills), active=False)] if fills else []

    def _fees(self, rng: Random) -> list[Fact]:
        fills = [fact for fact in self._told if isinstance(fact, FillFact)]
        fee = Decimal(rng.choice(("1.25", "2.50")))
        return [FeeFact(rng.choice(fills).fill_id, fee)] if fills else []

    def _balance(self, rng: Random) -> list[Fact]:
        now = self._world.clock.now()
        return [
            BalanceFact(
                account=rng.choice(BROKER_ACCOUNTS),
                trade_date=now.date(),
                cash_usd=Decimal(rng.choice((50_000, 50_100))),
                realized_pnl_usd=rng.choice((None, Decimal(100))),
                at=now - timedelta(seconds=rng.choice((0, 0, 1))),
            )
        ]
