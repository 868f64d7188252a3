"""What a channel promises: one try at one message, with one of three outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from notifier.rules import Person


@dataclass(frozen=True, slots=True)
class Message:
    """`delivery_id` is the same at every try, so a channel can recognise a repeat."""

    delivery_id: int
    address: str
    content: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """It is there."""


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """Trying again changes nothing; `code` tells the person why."""

    code: str


@dataclass(frozen=True, slots=True)
class NotYet:
    """Perhaps it is there, perhaps not: try again, not before `retry_after_s` if that is told."""

    code: str
    retry_after_s: float | None = None


Outcome = Delivered | Undeliverable | NotYet


class Channel(Protocol):
    """A way to a person. `waits_for` is why it cannot send at all now, None when it can."""

    name: str
    waits_for: str | None

    def address(self, person: Person) -> str | None:
        """Where this person is reached; None when they are not, or do not want to be."""
        ...

    async def open(self) -> None:
        """Get ready; may take a second."""
        ...

    async def send(self, message: Message) -> Outcome:
        """One try. The caller bounds its time; being cancelled must leave the channel usable."""
        ...

    async def close(self) -> None: ...
