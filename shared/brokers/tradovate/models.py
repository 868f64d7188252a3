"""The broker's entities as it sends them: complete rows, unknown fields ignored.

Leniently read, except for what drives the state of an order (`ordStatus`, `action`), where an
unknown word is an error. Source: Tradovate partner OpenAPI 2026-08, with the nullability of the
2021 swagger file.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from shared.brokers.tradovate.wire import instant
from shared.domain.order import Action, BrokerStatus

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class TradeDate(msgspec.Struct, frozen=True):
    year: int
    month: int
    day: int

    @property
    def day_of(self) -> date:
        return date(self.year, self.month, self.day)


class Entity(msgspec.Struct, frozen=True, rename="camel"):
    """Any row; its timestamp may be missing, then it is older than every other."""

    id: int
    timestamp: str = ""

    @property
    def at(self) -> datetime:
        return instant(self.timestamp) if self.timestamp else _NEVER


class Account(Entity, frozen=True, rename="camel"):
    name: str = ""
    active: bool = True
    closed: bool = False


class CashBalance(Entity, frozen=True, rename="camel", kw_only=True):
    account_id: int
    trade_date: TradeDate
    currency_id: int
    amount: Decimal
    realized_pnl: Decimal | None = msgspec.field(default=None, name="realizedPnL")


class Position(Entity, frozen=True, rename="camel", kw_only=True):
    account_id: int
    contract_id: int
    trade_date: TradeDate | None = None  # documented as always there
    net_pos: int
    net_price: Decimal | None = None
    prev_price: Decimal | None = None
    bought: int = 0
    sold: int = 0


class Order(Entity, frozen=True, rename="camel", kw_only=True):
    account_id: int
    action: Action
    ord_status: BrokerStatus
    contract_id: int | None = None  # a spread has none
    parent_id: int | None = None


class OrderVersion(Entity, frozen=True, rename="camel", kw_only=True):
    order_id: int
    order_qty: int
    order_type: str
    price: Decimal | None = None
    stop_price: Decimal | None = None
    text: str | None = None


class Command(Entity, frozen=True, rename="camel", kw_only=True):
    order_id: int
    command_type: str
    command_status: str
    cl_ord_id: str | None = None


class CommandReport(Entity, frozen=True, rename="camel", kw_only=True):
    command_id: int
    command_status: str = ""
    reject_reason: str | None = None
    text: str | None = None


class ExecutionReport(Entity, frozen=True, rename="camel", kw_only=True):
    order_id: int
    exec_type: str
    reject_reason: str | None = None
    text: str | None = None


class Fill(Entity, frozen=True, rename="camel", kw_only=True):
    order_id: int
    contract_id: int
    trade_date: TradeDate
    action: Action
    qty: int
    price: Decimal
    active: bool = True


class FillFee(Entity, frozen=True, rename="camel"):
    """The fee of one fill, under the fill's id."""

    clearing_fee: Decimal | None = None
    exchange_fee: Decimal | None = None
    nfa_fee: Decimal | None = None
    brokerage_fee: Decimal | None = None
    ip_fee: Decimal | None = None
    commission: Decimal | None = None
    order_routing_fee: Decimal | None = None

    @property
    def total(self) -> Decimal:
        parts = (
            self.clearing_fee,
            self.exchange_fee,
            self.nfa_fee,
            self.brokerage_fee,
            self.ip_fee,
            self.commission,
            self.order_routing_fee,
        )
        return sum((part for part in parts if part is not None), Decimal(0))


class Contract(Entity, frozen=True, rename="camel", kw_only=True):
    name: str
    contract_maturity_id: int


class ContractMaturity(Entity, frozen=True, rename="camel", kw_only=True):
    product_id: int
    expiration_date: str | None = None


class Product(Entity, frozen=True, rename="camel", kw_only=True):
    name: str
    tick_size: Decimal
    value_per_point: Decimal


class AuthAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to a login or a renewal; without a token it is a refusal."""

    error_text: str = ""
    access_token: str = ""
    md_access_token: str | None = None
    expiration_time: str = ""
    user_id: int = 0

    def __repr__(self) -> str:
        return f"AuthAnswer(error_text={self.error_text!r})"


class QuoteEntry(msgspec.Struct, frozen=True):
    price: Decimal | None = None


class Quote(msgspec.Struct, frozen=True, rename="camel"):
    """A partial quote: an entry that is absent has not changed, it is not zero."""

    contract_id: int
    timestamp: str
    entries: dict[str, QuoteEntry] = {}
