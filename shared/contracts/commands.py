"""Commands are rows; these events are only the bells that ring for them."""

from __future__ import annotations

from typing import ClassVar

from shared.contracts.registry import EventBody, register
from shared.contracts.streams import COMMANDS, EVENTS


@register
class CommandRequested(EventBody):
    """Execution: read this command's row. Secrets never travel on a stream."""

    type: ClassVar[str] = "command.requested.v1"
    stream: ClassVar[str] = COMMANDS

    command_id: int


@register
class CommandAnswered(EventBody):
    """Execution has committed the result of a command."""

    type: ClassVar[str] = "command.answered.v1"
    stream: ClassVar[str] = EVENTS

    command_id: int
    status: str
    code: str
