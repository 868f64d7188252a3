"""Long work: what can be asked for, and how it is doing."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from api.schemas import Answer, Body
from api.wire import BIGINT_MAX, Line

TEXT_LENGTH_MAX: Final = 6_000_000
_Name = Annotated[Line, Field(max_length=200)]
_Text = Annotated[str, Field(min_length=1, max_length=TEXT_LENGTH_MAX, pattern=r"^[^\x00]*$")]


class ExportTradesIn(Body):
    """Closed trades of these filters, oldest exit first. Days are trading days, both within."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "export_trades", "format": "csv", "since": "2026-01-01"}]
        }
    )

    kind: Literal["export_trades"]
    format: Literal["csv", "json"] = "csv"
    strategy: _Name = ""
    symbol: _Name = ""
    timeframe: _Name = ""
    since: date | None = None
    until: date | None = None


class ExportStrategiesIn(Body):
    """Every strategy with its settings and rules; without keys, and without its accounts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kind": "export_strategies"}]})

    kind: Literal["export_strategies"]


class ImportTradesIn(Body):
    """Closed trades in the columns of an export, for statistics.

    Needed are `side`, `qty`, `entry_price`, `exit_price`, `entry_at`, `exit_at` (ISO 8601 with a
    zone) and `ticker`; `strategy` names one of yours, absent it is `strategy_id`. A row that is
    here already is skipped, one that cannot be read is counted and told.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "import_trades",
                    "format": "csv",
                    "strategy_id": 7,
                    "text": "ticker,side,qty,entry_price,exit_price,entry_at,exit_at,fees_usd\n"
                    "NQ1!,BUY,1,21000,21010.25,2026-03-02T15:30:00Z,2026-03-02T15:41:00Z,4.20\n",
                }
            ]
        }
    )

    kind: Literal["import_trades"]
    format: Literal["csv", "json"] = "csv"
    strategy_id: Annotated[int, Field(ge=1, le=BIGINT_MAX)] | None = None
    text: _Text


class ImportStrategiesIn(Body):
    """An array of settings as an export gives it; one whose name is taken is told and skipped."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "import_strategies", "text": '[{"name": "Opening Range"}]'}]
        }
    )

    kind: Literal["import_strategies"]
    text: _Text


JobIn = Annotated[
    ExportTradesIn | ExportStrategiesIn | ImportTradesIn | ImportStrategiesIn,
    Field(discriminator="kind"),
]


class JobOut(Answer):
    """`status`: queued, running, done, failed or cancelled.

    `result` of an import counts `imported`, `duplicates` and `bad` rows and tells `problems`; of an
    export it counts `rows`. `has_file`: its result can be fetched. `can_undo`: what it brought in
    can be taken away again.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 5,
                    "kind": "import_trades",
                    "status": "running",
                    "progress_done": 500,
                    "progress_total": 10_000,
                    "result": {"imported": 497, "duplicates": 2, "bad": 1, "problems": []},
                    "code": None,
                    "message": None,
                    "has_file": False,
                    "can_undo": False,
                    "cancel_requested": False,
                    "created_at": "2026-03-02T15:30:00Z",
                    "started_at": "2026-03-02T15:30:00Z",
                    "ended_at": None,
                    "undone_at": None,
                }
            ]
        }
    )

    id: int
    kind: str
    status: str
    progress_done: int
    progress_total: int | None
    result: dict[str, Any]
    code: str | None
    message: str | None
    has_file: bool
    can_undo: bool
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    undone_at: datetime | None


class JobsOut(Answer):
    jobs: list[JobOut]


class UndoneOut(Answer):
    """How many trades or strategies were taken away again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"message": "Taken away again.", "removed": 497}]}
    )

    message: str
    removed: int
