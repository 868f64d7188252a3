"""Bounds and brakes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from shared.domain.rules.base import Contracts, Percent, Rule, Seconds, Usd, exact


class OnReached(StrEnum):
    """What a reached limit does until its day or week is over; a breached floor, for good."""

    BLOCK = "block"  # entries are refused; what is open stays with its stops and targets
    FLATTEN = "flatten"  # and once, at the moment it is reached, what is open is closed


class Limits(Rule):
    """Bounds of one strategy or one account; every amount is positive.

    Losses and profits are those of the trade date, or of the week that begins with Sunday's
    session, net of fees and with open P&L.
    """

    max_order_contracts: Contracts | None = None
    max_position_contracts: Contracts | None = None  # over all roots, absolute
    max_root_contracts: dict[str, Contracts] = Field(
        default_factory=dict
    )  # a root without an entry is not bounded
    # How far from the market a limit or stop entry may lie, in percent of the quote.
    price_band_percent: Percent | None = None
    daily_loss_usd: Usd | None = None
    daily_profit_usd: Usd | None = None
    weekly_loss_usd: Usd | None = None
    weekly_profit_usd: Usd | None = None
    on_reached: OnReached = OnReached.BLOCK


class Brakes(Rule):
    """Against a script that runs wild. All are off by default; exits never meet one."""

    duplicate_s: Seconds = 0  # same account, contract, side and quantity again within this time
    max_entries_per_minute: Annotated[int, BeforeValidator(exact), Field(ge=1, le=1_000)] | None = (
        None
    )
    entries_before_review: (
        Annotated[int, BeforeValidator(exact), Field(ge=1, le=100_000)] | None
    ) = None  # entries since a person last resumed the strategy
