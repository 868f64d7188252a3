"""The rules of a prop firm for one account, as data."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from shared.domain.rules.base import NEW_YORK, Contracts, Rule, Usd, Zone
from shared.domain.rules.entries import Hours
from shared.domain.rules.limits import OnReached


class DrawdownKind(StrEnum):
    """How the floor of a trailing drawdown follows the account, in the prop firms' words."""

    INTRADAY = "intraday"  # the highest equity, open P&L included, at any moment
    END_OF_DAY = "end_of_day"  # the highest balance at the end of a trade date
    STATIC = "static"  # never follows


class NewsWindow(Rule):
    """No entries between these instants of one day, in the zone beside it; from the rules' file."""

    on: date
    start: time
    stop: time
    zone: Zone = NEW_YORK
    what: Annotated[str, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _one_day(self) -> NewsWindow:
        if self.start.tzinfo is not None or self.stop.tzinfo is not None:
            raise ValueError("times of day carry no offset; the zone stands beside them")
        if self.stop <= self.start:
            raise ValueError("a window ends after it begins, on the same day")
        return self


class PropRules(Rule):
    """One evaluation or funded account of a prop firm, as data."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    start_balance_usd: Usd
    drawdown_usd: Usd
    drawdown_kind: DrawdownKind = DrawdownKind.INTRADAY
    lock_at_usd: Usd | None = None  # the floor never rises above this balance
    daily_loss_usd: Usd | None = None
    # Of the floor and of the day's loss. To close what is open means to close it in time: while
    # that still keeps the account above them, with the strategy's slippage and the fees.
    on_reached: OnReached = OnReached.BLOCK
    profit_target_usd: Usd | None = None
    # No trade date may make more than this part of the whole profit, in percent.
    consistency_percent: Annotated[Decimal, Field(gt=0, le=100)] | None = None
    max_contracts: Contracts | None = None  # minis; a micro counts a tenth
    hours: Hours = Hours()
    flat_by: time | None = None  # positions end at this time of day, in the zone of `hours`
    news: Annotated[tuple[NewsWindow, ...], Field(max_length=1_000)] = ()
