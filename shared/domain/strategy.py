"""A strategy and its link to an account: the settings a decision is made from."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from shared.domain.ids import AccountId, StrategyId, UserId
from shared.domain.rules import FREE_ACCOUNT, FREE_STRATEGY, AccountRules, StrategyRules


class SizeFrom(StrEnum):
    """Whose quantity counts: the alert's if it names one, or always the strategy's own."""

    SIGNAL = "signal"
    STRATEGY = "strategy"


@dataclass(frozen=True, slots=True)
class Strategy:
    """Settings of a strategy. Sizes in contracts; 0 is a legal size and means "do not enter"."""

    id: StrategyId
    user_id: UserId
    name: str
    symbol: str | None
    active: bool
    position_size: int
    position_add: int
    size_from: SizeFrom
    rules: StrategyRules = FREE_STRATEGY


@dataclass(frozen=True, slots=True)
class AccountLink:
    """An account as this strategy trades it; the pair's own settings already won."""

    account_id: AccountId
    enabled: bool
    multiplier: Decimal
    max_contracts: int  # 0: no cap
    custom_ticker: str | None
    exclusive: bool
    rules: AccountRules = FREE_ACCOUNT
