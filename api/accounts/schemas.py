"""Accounts as the original's clients read them, and our fields beside."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

from pydantic import AliasChoices, ConfigDict, Field, PlainSerializer

from api.open_risk import OnOpen
from api.schemas import Answer, Body
from api.strategies.schemas import Contracts, Multiplier, Ticker
from api.wire import DecimalNumber, DecimalText
from shared.domain.rules import AccountRules

# Every rule with its value; exact numbers as text. The lambda names no return type, so that the
# schema stays that of the rules.
RulesOut = Annotated[AccountRules, PlainSerializer(lambda rules: rules.model_dump(mode="json"))]


class AccountOut(Answer):
    """`main` is the connection an account belongs to; `maxcons` 0 means no cap.

    `balance` is the broker's word on cash in US dollars, as of `balance_at`; None before its first.
    `live_enabled`: whether its owner enabled it for real money; None where there is none at stake.
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
    live_enabled: bool | None
    netting: str
    multiplier: DecimalText
    balance: DecimalText | None
    realized_pnl: DecimalText | None
    balance_date: date | None
    balance_at: datetime | None
    quarantine_code: str | None
    rules: RulesOut


_ORIGINAL: Final = {
    "multiplier": "mult",
    "max_contracts": "maxcons",
    "custom_ticker": "customTicker",
}


def _either(name: str) -> AliasChoices:
    return AliasChoices(name, _ORIGINAL[name])


class AccountIn(Body):
    """Changes what is named and nothing else; `rules` are merged, null takes one away.

    `max_contracts` 0 means no cap; an empty `custom_ticker` trades what the alert names.
    `on_open` is needed to switch off an account in which something is open.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"rules": {"limits": {"daily_loss_usd": "500"}}},
                {"multiplier": "0.5", "max_contracts": 3, "custom_ticker": "MES1!"},
                {"enabled": False, "on_open": "flatten"},
            ]
        }
    )

    enabled: bool = True
    multiplier: Annotated[Multiplier | None, Field(validation_alias=_either("multiplier"))] = None
    max_contracts: Annotated[Contracts | None, Field(validation_alias=_either("max_contracts"))] = (
        None
    )
    custom_ticker: Annotated[Ticker | None, Field(validation_alias=_either("custom_ticker"))] = None
    rules: AccountRules | None = None
    on_open: OnOpen | None = None


class ChangedOut(Answer):
    """`command_id`: the command that closes what was open."""

    message: str
    id: int
    rules: RulesOut
    enabled: bool
    multiplier: DecimalText
    max_contracts: int
    custom_ticker: str
    command_id: int | None


class AccountsOut(Answer):
    accounts: list[AccountOut]
