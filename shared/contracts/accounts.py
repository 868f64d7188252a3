"""Events about accounts and broker connections, written by execution."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import ClassVar

from pydantic import AwareDatetime

from shared.contracts.registry import EventBody, register
from shared.contracts.streams import EVENTS


@register
class BalanceChanged(EventBody):
    """The broker's cash figure of an account."""

    type: ClassVar[str] = "balance.changed.v1"
    stream: ClassVar[str] = EVENTS

    account_id: int
    trade_date: date
    cash_usd: Decimal
    realized_pnl_usd: Decimal | None
    as_of: AwareDatetime


@register
class ConnectionChanged(EventBody):
    """How the feed of a login is doing, with its reason.

    `streaming`, `connecting`, `cooling`, `quarantined`, `stopped` or `offline`.
    """

    type: ClassVar[str] = "connection.changed.v1"
    stream: ClassVar[str] = EVENTS

    connection_id: int
    state: str
    reason: str | None


@register
class AccountQuarantined(EventBody):
    """Exits only from now on, and why; `code` None when it was released."""

    type: ClassVar[str] = "account.quarantined.v1"
    stream: ClassVar[str] = EVENTS

    account_id: int
    code: str | None
    message: str


@register
class RiskReached(EventBody):
    """A limit or a prop firm's rule was reached: entries are refused until its period is over.

    `scope` is `account` or `strategy`; a strategy's is told in one of its accounts.
    """

    type: ClassVar[str] = "risk.reached.v1"
    stream: ClassVar[str] = EVENTS

    account_id: int
    scope: str
    scope_id: int
    code: str
    on: date
    limit_usd: Decimal | None
    result_usd: Decimal | None
