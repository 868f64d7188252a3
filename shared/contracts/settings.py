"""What a person changed of an account or a strategy: written by api, told to every open screen."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import AwareDatetime

from shared.contracts.registry import EventBody, register
from shared.contracts.streams import EVENTS, RECORDS


@register
class AccountEdited(EventBody):
    """An account as it is now. Of two the one with the later `at` is the newer.

    `changed` names the fields that were given, `rules` for any of its rules and limits.
    """

    type: ClassVar[str] = "account.edited.v1"
    stream: ClassVar[str] = EVENTS

    account_id: int
    name: str
    enabled: bool
    live_enabled: bool
    multiplier: Decimal
    max_contracts: int
    custom_ticker: str | None
    changed: list[str]
    by: str
    at: AwareDatetime


@register
class StrategyEdited(EventBody):
    """A strategy as it is now, `deleted` with its last; the rest of it is to be read anew."""

    type: ClassVar[str] = "strategy.edited.v1"
    stream: ClassVar[str] = RECORDS

    strategy_id: int
    name: str
    active: bool
    recording_enabled: bool
    deleted: bool
    changed: list[str]
    by: str
    at: AwareDatetime
