"""The entities on the wire: complete rows with their documented fields, absent ones left out.

Written from the partner OpenAPI of Tradovate (2026-08) and its older swagger file. Ids are 64-bit,
prices and money are JSON numbers, timestamps ISO-8601 in UTC with milliseconds. `KINDS` at the
end is the one place where an entity is added: it gives its endpoints, its place in the snapshot
of a socket and its events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import msgspec

from paper.risk_rows import (
    AccountRiskStatus,
    ContractMargin,
    MarginSnapshot,
    ProductMargin,
    ProductSession,
    UserAccountAutoLiq,
)
from paper.strategy_rows import OrderStrategy, OrderStrategyLink, OrderStrategyType
from paper.wire import Row, TradeDate, Wire, encode, stamp, trade_date_of

__all__ = [
    "AccountRiskStatus",
    "ContractMargin",
    "MarginSnapshot",
    "OrderStrategy",
    "OrderStrategyLink",
    "OrderStrategyType",
    "ProductMargin",
    "ProductSession",
    "Row",
    "TradeDate",
    "UserAccountAutoLiq",
    "Wire",
    "encode",
    "stamp",
    "trade_date_of",
]

USD: Final = 1  # id of the currency


class User(Row, frozen=True, kw_only=True):
    name: str
    timestamp: str
    email: str
    status: str
    professional: bool
    organization_id: int | None = None


class Account(Row, frozen=True, kw_only=True):
    name: str
    user_id: int
    account_type: str
    clearing_house_id: int
    risk_category_id: int
    auto_liq_profile_id: int
    margin_account_type: str
    legal_status: str
    timestamp: str
    active: bool
    restricted: bool | None = None
    closed: bool | None = None
    readonly: bool | None = None
    futures_disabled: bool | None = None
    swap_enabled: bool | None = None
    spot_margin_enabled: bool | None = None
    ssf_risk_disclosure_acknowledgment: bool | None = None
    evaluation_size: Decimal | None = None
    cc_email: str | None = None


class CashBalance(Row, frozen=True, kw_only=True):
    account_id: int
    timestamp: str
    trade_date: TradeDate
    currency_id: int
    amount: Decimal
    realized_pnl: Decimal = msgspec.field(name="realizedPnL")
    week_realized_pnl: Decimal = msgspec.field(name="weekRealizedPnL")
    amount_sod: Decimal = msgspec.field(name="amountSOD")


class CashBalanceLog(Row, frozen=True, kw_only=True):
    account_id: int
    timestamp: str
    trade_date: TradeDate
    currency_id: int
    amount: Decimal
    realized_pnl: Decimal = msgspec.field(name="realizedPnL")
    week_realized_pnl: Decimal = msgspec.field(name="weekRealizedPnL")
    cash_change_type: str
    fill_pair_id: int | None = None
    fill_id: int | None = None
    fund_transaction_id: int | None = None
    comment: str | None = None
    delta: Decimal
    sender_id: int | None = None


class Position(Row, frozen=True, kw_only=True):
    account_id: int
    contract_id: int
    timestamp: str
    trade_date: TradeDate
    net_pos: int
    net_price: Decimal | None = None
    bought: int
    bought_value: Decimal
    sold: int
    sold_value: Decimal
    prev_pos: int
    prev_price: Decimal | None = None


class Order(Row, frozen=True, kw_only=True):
    account_id: int
    contract_id: int
    spread_definition_id: int | None = None  # never; the venue lists no spreads
    timestamp: str
    action: str
    ord_status: str
    execution_provider_id: int
    oco_id: int | None = None
    parent_id: int | None = None
    linked_id: int | None = None
    admin: bool


class OrderVersion(Row, frozen=True, kw_only=True):
    order_id: int
    order_qty: int
    order_type: str
    price: Decimal | None = None
    stop_price: Decimal | None = None
    limit_if_touched_price: Decimal | None = None  # never; that type is not supported
    peg_difference: Decimal | None = None
    max_show: int | None = None
    time_in_force: str
    expire_time: str | None = None
    text: str | None = None


class Command(Row, frozen=True, kw_only=True):
    order_id: int
    timestamp: str
    cl_ord_id: str | None = None
    command_type: str
    command_status: str
    sender_id: int | None = None
    user_session_id: int | None = None
    activation_time: str | None = None
    custom_tag50: str | None = None
    is_automated: bool | None = None


class CommandReport(Row, frozen=True, kw_only=True):
    command_id: int
    timestamp: str
    command_status: str
    reject_reason: str | None = None
    text: str | None = None
    ord_status: str | None = None


class ExecutionReport(Row, frozen=True, kw_only=True):
    command_id: int
    name: str
    account_id: int
    contract_id: int
    timestamp: str
    trade_date: TradeDate
    order_id: int
    exec_type: str
    exec_ref_id: str | None = None
    ord_status: str
    action: str
    cum_qty: int
    avg_px: Decimal | None = None
    last_qty: int | None = None
    last_px: Decimal | None = None
    reject_reason: str | None = None
    text: str | None = None
    exchange_order_id: str


class Fill(Row, frozen=True, kw_only=True):
    order_id: int
    contract_id: int
    timestamp: str
    trade_date: TradeDate
    action: str
    qty: int
    price: Decimal
    active: bool
    finally_paired: int
    external: bool | None = None  # in no schema, but seen in real payloads


class FillFee(Row, frozen=True, kw_only=True):
    """The id is the fill's."""

    clearing_fee: Decimal
    clearing_currency_id: int | None = None
    exchange_fee: Decimal
    exchange_currency_id: int | None = None
    nfa_fee: Decimal
    nfa_currency_id: int | None = None
    brokerage_fee: Decimal
    brokerage_currency_id: int | None = None
    ip_fee: Decimal
    ip_currency_id: int | None = None
    commission: Decimal
    commission_currency_id: int
    order_routing_fee: Decimal
    order_routing_currency_id: int | None = None


class FillPair(Row, frozen=True, kw_only=True):
    position_id: int
    buy_fill_id: int
    sell_fill_id: int
    qty: int
    buy_price: Decimal
    sell_price: Decimal
    active: bool


class Currency(Row, frozen=True, kw_only=True):
    name: str
    symbol: str


class Exchange(Row, frozen=True, kw_only=True):
    name: str
    mic_code: str | None = None


class ContractGroup(Row, frozen=True, kw_only=True):
    name: str


class Product(Row, frozen=True, kw_only=True):
    name: str
    currency_id: int
    product_type: str
    description: str
    exchange_id: int
    contract_group_id: int
    risk_discount_contract_group_id: int | None = None
    status: str
    months: str
    is_secured: bool
    value_per_point: Decimal
    price_format_type: str
    price_format: int
    tick_size: Decimal
    is_micro: bool


class ContractMaturity(Row, frozen=True, kw_only=True):
    product_id: int
    expiration_month: int
    expiration_date: str
    first_intent_date: str | None = None
    underlying_id: int | None = None
    is_front: bool


class Contract(Row, frozen=True, kw_only=True):
    name: str
    contract_maturity_id: int
    timestamp: str
    status: str


class Session(Row, frozen=True, kw_only=True):
    """Never shown: a login. Only digests of its tokens are kept."""

    user_id: int
    token_digest: str
    md_token_digest: str
    expires_at: str
    ended: bool
    told_ended: bool = False


class Trigger(Row, frozen=True, kw_only=True):
    """Never shown: where the stop order with this id stands, and whether it has been hit."""

    hit: bool
    level: Decimal | None = None  # where a trailing stop stands now
    peg: Decimal | None = None  # how a stop of a strategy trails, which no version tells
    starts_at: Decimal | None = None
    step: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One entity: its names, whose id `deps` takes, and which operations it has beside item(s).

    `shared` rows are seen by every login; `hidden` ones by none. `synced` ones stand in the
    snapshot and are told as events.
    """

    name: str
    row: type[Row]
    master: str | None = None
    listed: bool = True
    found: bool = False
    shared: bool = False
    hidden: bool = False
    synced: bool = True

    @property
    def plural(self) -> str:
        if self.name.endswith("y"):
            return f"{self.name.removesuffix('y')}ies"
        return f"{self.name}es" if self.name.endswith("s") else f"{self.name}s"


_ALL: Final = (
    Kind("user", User, found=True),
    Kind("account", Account, "user_id", found=True),
    Kind("cashBalance", CashBalance, "account_id"),
    Kind("cashBalanceLog", CashBalanceLog, "account_id", listed=False, synced=False),
    Kind("position", Position, "account_id"),
    Kind("order", Order, "account_id"),
    Kind("orderVersion", OrderVersion, "order_id"),
    Kind("command", Command, "order_id"),
    Kind("commandReport", CommandReport, "command_id"),
    Kind("executionReport", ExecutionReport, "command_id"),
    Kind("fill", Fill, "order_id"),
    Kind("fillFee", FillFee, "id"),
    Kind("fillPair", FillPair, "position_id"),
    Kind("marginSnapshot", MarginSnapshot, "id"),
    Kind("accountRiskStatus", AccountRiskStatus, "id"),
    Kind("userAccountAutoLiq", UserAccountAutoLiq, "id"),
    Kind("orderStrategy", OrderStrategy, "account_id"),
    Kind("orderStrategyLink", OrderStrategyLink, "order_strategy_id"),
    Kind("orderStrategyType", OrderStrategyType, found=True, shared=True),
    Kind("currency", Currency, found=True, shared=True),
    Kind("exchange", Exchange, found=True, shared=True),
    Kind("contractGroup", ContractGroup, found=True, shared=True),
    Kind("product", Product, "exchange_id", found=True, shared=True),
    Kind("contractMaturity", ContractMaturity, "product_id", listed=False, shared=True),
    Kind("contract", Contract, "contract_maturity_id", listed=False, found=True, shared=True),
    Kind("productMargin", ProductMargin, "id", shared=True, synced=False),
    Kind("contractMargin", ContractMargin, "id", listed=False, shared=True, synced=False),
    Kind("productSession", ProductSession, "id", listed=False, shared=True, synced=False),
    Kind("session", Session, hidden=True, synced=False),
    Kind("trigger", Trigger, hidden=True, synced=False),
)
KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in _ALL})
KIND_OF: Final[Mapping[type[Row], Kind]] = MappingProxyType({kind.row: kind for kind in _ALL})
