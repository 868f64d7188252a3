"""From an event to a queued message, in the transaction that marks the event as handled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import store
from notifier.channels.base import Channel
from notifier.render import render
from notifier.rules import is_wanted, notice_of
from shared.contracts.envelope import Envelope
from shared.contracts.records import PositionOpened, PositionResized, TradeClosed
from shared.contracts.registry import EventBody

GROUP: Final = "notifier"
TYPES: Final = (PositionOpened.type, PositionResized.type, TradeClosed.type)
# A fee usually follows its fill within moments; the message waits this long for it, not longer.
HOLD: Final = timedelta(seconds=1)
_NOW: Final = timedelta(0)


class Intake:
    """A consumer's handler."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = channels

    async def handle(
        self, connection: AsyncConnection, envelope: Envelope, body: EventBody
    ) -> None:
        """Queue what the event is worth, for each channel on which its user wants it."""
        notice = notice_of(body, envelope.id)
        if notice is None or envelope.user_id is None:
            return
        person = await store.find_person(connection, envelope.user_id)
        if person is None or not is_wanted(person, notice.kind):
            return
        content = render(notice.kind, body)
        for channel in self._channels:
            if channel.address(person) is None:
                continue
            if isinstance(body, TradeClosed) and not notice.is_provisional:
                await store.complete(
                    connection, notice, user_id=person.user_id, channel=channel.name,
                    content=content,
                )  # fmt: skip
            await store.add(
                connection, notice, user_id=person.user_id, channel=channel.name, content=content,
                hold=HOLD if notice.is_provisional else _NOW, code=channel.waits_for,
            )  # fmt: skip
