"""Messages into the log: for an installation without Discord, and for looking at them."""

from __future__ import annotations

from notifier.channels.base import Delivered, Message, Outcome
from notifier.rules import Person
from shared.runtime.logging import get_logger

_log = get_logger(__name__)


class LogChannel:
    name = "log"
    waits_for: str | None = None

    def address(self, person: Person) -> str | None:
        return person.username

    async def open(self) -> None:
        """Nothing to open."""

    async def send(self, message: Message) -> Outcome:
        _log.info("message", delivery_id=message.delivery_id, content=message.content)
        return Delivered()

    async def close(self) -> None:
        """Nothing to close."""
