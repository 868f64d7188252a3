"""Events about what happens by the calendar, written by execution. They belong to a user."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from pydantic import AwareDatetime

from shared.contracts.registry import EventBody, register
from shared.contracts.streams import EVENTS


@register
class RollDue(EventBody):
    """On trade date `on` a contract that is held stops being the one to trade; told ahead.

    `policy` says what will happen then: tell, close or move.
    """

    type: ClassVar[str] = "roll.due.v1"
    stream: ClassVar[str] = EVENTS

    strategy_id: int
    account_id: int
    contract: str
    entering: str
    on: date
    policy: str
    net_qty: int


@register
class RollDone(EventBody):
    """What the roll of `on` did to a position: kept, closed, moved, not_moved or failed.

    `not_moved` was closed and not entered again, `failed` was not closed by its own exit; `code`
    says why. `qty_contracts` is what was moved or closed.
    """

    type: ClassVar[str] = "roll.done.v1"
    stream: ClassVar[str] = EVENTS

    strategy_id: int
    account_id: int
    contract: str
    entering: str | None
    on: date
    outcome: str
    code: str
    qty_contracts: int


@register
class WindowEnded(EventBody):
    """Positions had to be flat at `at`; the exit goes then, or at the open when none trades."""

    type: ClassVar[str] = "window.ended.v1"
    stream: ClassVar[str] = EVENTS

    strategy_id: int
    account_id: int
    contract: str
    code: str
    at: AwareDatetime
    exit_at: AwareDatetime
    net_qty: int


@register
class StrategyQuiet(EventBody):
    """No accepted alert: for as long as its owner finds odd, or until a time of day (`due_at`)."""

    type: ClassVar[str] = "strategy.quiet.v1"
    stream: ClassVar[str] = EVENTS

    strategy_id: int
    code: str
    since: AwareDatetime
    due_at: AwareDatetime | None
