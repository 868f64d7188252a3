"""Facts folded by id, and their comparison with the venue's own books."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from shared.domain.order import BrokerStatus
from shared.ports.broker import (
    BalanceFact,
    Fact,
    FeedLost,
    FeeFact,
    FillFact,
    OrderFact,
    PositionFact,
    Synced,
)
from tests.contract.broker.stage import TrueFill, TrueOrder, Truth


@dataclass(slots=True)
class Books:
    """The last word on each thing; the whole story in `told`."""

    told: list[Fact] = field(default_factory=list)
    orders: dict[int, OrderFact] = field(default_factory=dict)
    fills: dict[int, FillFact] = field(default_factory=dict)
    fees_usd: dict[int, Decimal] = field(default_factory=dict)
    positions: dict[tuple[int, str], PositionFact] = field(default_factory=dict)
    balances: dict[int, BalanceFact] = field(default_factory=dict)
    syncs: int = 0
    losses: int = 0
    is_synced: bool = False

    def fold(self, fact: Fact) -> None:
        self.told.append(fact)
        match fact:
            case OrderFact():
                self.orders[fact.order_id] = fact
            case FillFact():
                self.fills[fact.fill_id] = fact
            case FeeFact():
                self.fees_usd[fact.fill_id] = fact.fee_usd
            case PositionFact():
                self.positions[fact.account, fact.contract] = fact
            case BalanceFact():
                self.balances[fact.account] = fact
            case Synced():
                self.is_synced = True
                self.syncs += 1
            case FeedLost():
                self.is_synced = False
                self.losses += 1
            case _:
                assert_never(fact)

    def status(self, order_id: int) -> BrokerStatus | None:
        order = self.orders.get(order_id)
        return None if order is None else order.status

    def of(self, client_id: str) -> OrderFact | None:
        return next((o for o in self.orders.values() if o.client_id == client_id), None)

    def must_equal(self, account: int, truth: Truth) -> None:
        """Asserts, one kind of thing after the other, so that a difference is short to read."""
        assert self._orders(account) == truth.orders
        assert self._fills(account) == truth.fills
        assert {id_: self.fees_usd.get(id_) for id_ in truth.fees_usd} == truth.fees_usd
        assert self._nets(account) == truth.nets
        assert self.balances[account].cash_usd == truth.cash_usd

    def _orders(self, account: int) -> dict[int, TrueOrder]:
        return {
            id_: TrueOrder(
                fact.client_id,
                fact.status,
                fact.action,
                fact.qty_contracts,
                fact.price,
                fact.stop_price,
            )
            for id_, fact in self.orders.items()
            if fact.account == account
        }

    def _fills(self, account: int) -> dict[int, TrueFill]:
        return {
            id_: TrueFill(fact.order_id, fact.qty_contracts, fact.price, fact.active)
            for id_, fact in self.fills.items()
            if fact.account == account
        }

    def _nets(self, account: int) -> dict[str, int]:
        return {
            fact.contract: fact.net_qty
            for fact in self.positions.values()
            if fact.account == account and fact.net_qty
        }
