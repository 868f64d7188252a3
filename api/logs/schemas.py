"""One line of the owner's log, whatever it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import ConfigDict

from api.schemas import Answer


class Kind(StrEnum):
    """What a line is about."""

    ALERT = "alert"  # a delivery to a webhook, and the verdict on it
    DECISION = "decision"  # what was decided on a signal in one account, and how that ended
    ORDER = "order"  # an order that was meant, and its state now
    FILL = "fill"
    DRIFT = "drift"  # our books and the broker's parted
    SIGN_IN = "sign_in"  # to this installation; tries that failed, for a day
    EDIT = "edit"  # what the user changed or asked for


class Level(StrEnum):
    """`warning`: something was not done, by a rule. `error`: somebody has to look."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogOut(Answer):
    """`id` is stable; `code` stands in the catalogue of codes; `detail` is of the line's kind.

    A line that may still change (an order that works) is shown as it is now, where it began.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "decision-42",
                    "at": "2026-03-02T15:30:00Z",
                    "kind": "decision",
                    "level": "warning",
                    "code": "session.closed",
                    "message": "ES does not trade at this hour.",
                    "strategy_id": 7,
                    "account_id": 3,
                    "signal_id": 12,
                    "detail": {"disposition": "BLOCKED"},
                }
            ]
        }
    )

    id: str
    at: datetime
    kind: Kind
    level: Level
    code: str | None
    message: str
    strategy_id: int | None
    account_id: int | None
    signal_id: int | None
    detail: dict[str, Any]


class LogsOut(Answer):
    """`next` continues behind the last one, as `after`; None at the end."""

    logs: list[LogOut]
    next: str | None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """None or empty: not asked for. `code` is one, or the beginning of many: `risk.`."""

    kinds: frozenset[Kind] = frozenset(Kind)
    level: Level | None = None
    code: str = ""
    strategy_id: int | None = None
    account_id: int | None = None
    signal_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
