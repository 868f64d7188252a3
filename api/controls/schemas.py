"""Kill, pause, resume and flatten on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from api.schemas import Answer, Body
from api.wire import Line

REASON_LENGTH_MAX = 500


class WordIn(Body):
    """`reason` is shown wherever something is refused because of the word."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "The feed looks wrong."}]})

    reason: Annotated[Line, Field(max_length=REASON_LENGTH_MAX)] = ""


class SaidOut(Answer):
    """`command_ids`: what closes the scope, a command for each user."""

    message: str
    scope: str
    scope_id: int
    word: str
    control_id: int | None
    command_ids: list[int]


class ControlOut(Answer):
    """The newest word of a scope; it rules until another is said."""

    id: int
    scope: str
    scope_id: int
    word: str
    reason: str
    said_by: str
    at: datetime


class ControlsOut(Answer):
    """`in_force`: what stops something now. `history`: the last words, newest first."""

    in_force: list[ControlOut]
    history: list[ControlOut]
