"""Entities of margin and risk; the id is that of the account, product or contract they are of."""

from __future__ import annotations

from decimal import Decimal

from paper.wire import Row, Wire


class MarginSnapshot(Row, frozen=True, kw_only=True):
    timestamp: str
    risk_time_period_id: int
    initial_margin: Decimal
    maintenance_margin: Decimal
    auto_liq_level: Decimal | None = None
    liq_only_level: Decimal | None = None
    total_used_margin: Decimal
    full_initial_margin: Decimal
    position_margin: Decimal
    total_used_full_margin: Decimal
    open_collateral_req: Decimal | None = None


class AccountRiskStatus(Row, frozen=True, kw_only=True):
    admin_action: str | None = None
    admin_timestamp: str | None = None
    liquidate_only: bool | None = None
    user_triggered_liq_only: bool | None = None
    max_net_liq: Decimal | None = None
    min_net_liq: Decimal | None = None


class UserAccountAutoLiq(Row, frozen=True, kw_only=True):
    """The limits a user sets; those in dollars of a day are acted on, the rest only kept."""

    changes_locked: bool | None = None
    margin_percentage_alert: Decimal | None = None
    daily_loss_percentage_alert: Decimal | None = None
    daily_loss_alert: Decimal | None = None
    margin_percentage_liq_only: Decimal | None = None
    daily_loss_percentage_liq_only: Decimal | None = None
    daily_loss_liq_only: Decimal | None = None
    margin_percentage_auto_liq: Decimal | None = None
    daily_loss_percentage_auto_liq: Decimal | None = None
    daily_loss_auto_liq: Decimal | None = None
    weekly_loss_auto_liq: Decimal | None = None
    daily_profit_auto_liq: Decimal | None = None
    weekly_profit_auto_liq: Decimal | None = None
    flatten_timestamp: str | None = None
    trailing_max_drawdown: Decimal | None = None
    trailing_max_drawdown_limit: Decimal | None = None
    trailing_max_drawdown_mode: str | None = None
    do_not_unlock: bool | None = None


class ProductMargin(Row, frozen=True, kw_only=True):
    initial_margin: Decimal
    maintenance_margin: Decimal
    timestamp: str


class ContractMargin(Row, frozen=True, kw_only=True):
    initial_margin: Decimal
    maintenance_margin: Decimal
    timestamp: str


class TradeTime(Wire, frozen=True, kw_only=True):
    hour: int
    minute: int


class ProductSession(Row, frozen=True, kw_only=True):
    """Chicago time; the sources do not say in which zone the broker tells these."""

    open_time: TradeTime
    start_time: TradeTime
    stop_time: TradeTime
    close_time: TradeTime
    sunday_open_time: TradeTime | None = None
    all_day: bool | None = None
