"""The rows of the twin: frozen, typed with the domain's own types."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from shared.domain.controls import Said
from shared.domain.drift import Drift
from shared.domain.ids import (
    AccountId,
    ConnectionId,
    IntentId,
    SignalId,
    StrategyId,
    UserId,
)
from shared.domain.order import Action, Fill, IntentState, OrderIntent, Role
from shared.domain.risk.assess import Kept
from shared.domain.risk.books import Cash
from shared.domain.risk.memory import Json, prop_from_json, reached_from_json
from shared.domain.rules import FREE_ACCOUNT, AccountRules
from shared.domain.strategy import Strategy
from shared.ports.ledger import Command


# --- what api owns ----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ConnectionRow:
    id: ConnectionId
    user_id: UserId
    environment: str
    login_name: str
    device_id: str = "device"
    broker: str = "tradovate"
    password_sealed: bytes | None = None
    client_id: str | None = None
    client_secret_sealed: bytes | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class AccountRow:
    id: AccountId
    user_id: UserId
    connection_id: ConnectionId
    broker_account_id: int
    name: str
    enabled: bool = True
    multiplier: Decimal = Decimal(1)
    max_contracts: int = 0
    custom_ticker: str | None = None
    exclusive: bool = True
    rules: AccountRules = FREE_ACCOUNT
    live_enabled: bool = False


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A strategy in an account; None: the account's own setting holds."""

    strategy_id: StrategyId
    account_id: AccountId
    enabled: bool = True
    multiplier: Decimal | None = None
    max_contracts: int | None = None
    custom_ticker: str | None = None


@dataclass(frozen=True, slots=True)
class StrategyRow:
    strategy: Strategy
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class SignalRow:
    id: SignalId
    strategy_id: StrategyId
    seq: int
    content: dict[str, Any]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ControlRow:
    """`user_id` None: said to the system."""

    id: int
    user_id: UserId | None
    said: Said


@dataclass(frozen=True, slots=True)
class CommandRow:
    command: Command
    created_at: datetime


# --- what execution owns ----------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class DecisionRow:
    signal_id: SignalId
    account_id: AccountId
    strategy_id: StrategyId
    disposition: str
    code: str
    message: str
    detail: dict[str, str]
    decided_at: datetime
    ended_at: datetime | None
    entry_no: int | None


@dataclass(frozen=True, slots=True)
class IntentRow:
    intent: OrderIntent
    root: str
    account_seq: int
    created_at: datetime
    state: IntentState = IntentState.PENDING
    code: str | None = None
    message: str | None = None
    broker_order_id: int | None = None
    filled_qty: int = 0
    fill_value: Decimal = Decimal(0)
    claim_epoch: int | None = None
    not_before: datetime | None = None
    as_of_event: int | None = None
    claimed_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def id(self) -> IntentId:
        return self.intent.id

    @property
    def account_id(self) -> AccountId:
        return self.intent.account_id

    @property
    def role(self) -> Role:
        return self.intent.role

    @property
    def is_leg(self) -> bool:
        return self.intent.parent is not None

    @property
    def owner(self) -> tuple[AccountId, StrategyId, str]:
        """Whose position it moves."""
        return self.intent.account_id, self.intent.strategy_id, self.intent.contract


@dataclass(frozen=True, slots=True)
class OrderRow:
    account_id: AccountId
    broker_order_id: int
    intent_id: IntentId | None
    contract: str
    action: str
    status: str
    order_type: str | None
    qty: int
    price: Decimal | None
    stop_price: Decimal | None
    parent_order_id: int | None
    reject_reason: str | None
    version: int
    as_of: datetime
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class FillRow:
    account_id: AccountId
    broker_fill_id: int
    broker_order_id: int
    intent_id: IntentId | None
    strategy_id: int
    role: str | None
    root: str
    contract: str
    action: Action
    qty: int
    price: Decimal
    fee_usd: Decimal | None
    trade_date: date
    active: bool
    filled_at: datetime
    recorded_at: datetime
    event_seq: int
    realized_usd: Decimal = Decimal(0)

    @property
    def fill(self) -> Fill:
        return Fill(self.action, self.qty, self.price, self.filled_at)


@dataclass(frozen=True, slots=True)
class PositionRow:
    account_id: AccountId
    contract: str
    strategy_id: int
    root: str
    net_qty: int
    avg_price: Decimal | None
    version: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class BalanceRow:
    account_id: AccountId
    trade_date: date
    cash_usd: Decimal
    realized_pnl_usd: Decimal | None
    as_of: datetime


@dataclass(frozen=True, slots=True)
class DriftRow:
    id: int
    user_id: UserId
    drift: Drift
    found_at: datetime
    clean_looks: int = 0
    clean_at: datetime | None = None
    released_at: datetime | None = None
    ended_at: datetime | None = None
    ending: str | None = None


@dataclass(frozen=True, slots=True)
class RiskRow:
    account_id: AccountId
    user_id: UserId
    intent_seq: int = 0
    event_seq: int = 0
    quarantined_at: datetime | None = None
    quarantine_code: str | None = None


@dataclass(frozen=True, slots=True)
class StandingRow:
    """What is kept of a scope, and how it stood when it was last seen."""

    scope: str
    scope_id: int
    user_id: UserId
    reached: list[Json]
    prop: Json | None
    anchor_usd: Decimal | None
    anchor_at: datetime | None
    day: date
    day_usd: Decimal | None
    week_usd: Decimal | None
    room_usd: Decimal | None
    seen_at: datetime

    @property
    def kept(self) -> Kept:
        anchor = None
        if self.anchor_usd is not None and self.anchor_at is not None:
            anchor = Cash(self.anchor_usd, self.anchor_at)
        prop = None if self.prop is None else prop_from_json(self.prop)
        return Kept(reached_from_json(self.reached), prop, anchor, self.seen_at)


@dataclass(frozen=True, slots=True)
class ValueRow:
    account_id: AccountId
    user_id: UserId
    open_usd: Decimal
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class PriceRow:
    connection_id: ConnectionId
    contract: str
    bid: Decimal
    ask: Decimal
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class LeaseRow:
    connection_id: ConnectionId
    user_id: UserId
    holder: str
    epoch: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SessionRow:
    connection_id: ConnectionId
    state: str = "offline"
    reason: str | None = None
    token_sealed: bytes | None = None
    token_expires_at: datetime | None = None
    rests_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ResultRow:
    status: str
    code: str
    message: str
