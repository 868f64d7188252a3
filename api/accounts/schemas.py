"""Accounts as the original's clients read them, and our fields beside."""

from __future__ import annotations

from datetime import date, datetime

from api.schemas import Answer
from api.wire import DecimalNumber, DecimalText


class AccountOut(Answer):
    """`main` is the connection an account belongs to; `maxcons` 0 means no cap.

    `balance` is the broker's word on cash in US dollars, as of `balance_at`; None before its first.
    """

    name: str
    accntID: str  # noqa: N815 - the original's name
    main: str
    maxcons: int
    customTicker: str  # noqa: N815 - the original's name
    mult: DecimalNumber
    enabled: bool
    id: int
    connection_id: int
    connection_name: str
    environment: str
    netting: str
    multiplier: DecimalText
    balance: DecimalText | None
    realized_pnl: DecimalText | None
    balance_date: date | None
    balance_at: datetime | None
    quarantine_code: str | None


class AccountsOut(Answer):
    accounts: list[AccountOut]
