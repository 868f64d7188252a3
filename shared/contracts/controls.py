"""Events about what people say to a whole scope: kill, pause, resume."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AwareDatetime

from shared.contracts.registry import EventBody, register
from shared.contracts.streams import EVENTS


@register
class ControlSaid(EventBody):
    """A word was committed and rules its scope from now on. Said to the system it is everybody's.

    `scope_id` is a user, an account or a strategy; 0 the system.
    """

    type: ClassVar[str] = "control.said.v1"
    stream: ClassVar[str] = EVENTS

    control_id: int
    scope: str
    scope_id: int
    word: str
    reason: str
    said_by: str
    at: AwareDatetime
