"""From an event to a queued message, in the transaction that marks the event as handled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from notifier import store
from notifier.channels.base import Channel
from notifier.render import render
from notifier.rules import ALARMS, Notice, Person, is_wanted, notice_of
from shared.contracts.accounts import RiskReached
from shared.contracts.calendar import RollDone, RollDue, StrategyQuiet, WindowEnded
from shared.contracts.controls import ControlSaid
from shared.contracts.drifts import DriftEnded, DriftFound
from shared.contracts.envelope import Envelope
from shared.contracts.records import PositionOpened, PositionResized, TradeClosed
from shared.contracts.registry import EventBody
from shared.contracts.signals import EntryRefused, SignalExitRefused

GROUP: Final = "notifier"
TYPES: Final = (PositionOpened.type, PositionResized.type, TradeClosed.type, *ALARMS)
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
        """Queue what the event is worth, for each channel on which its users want it."""
        notice = notice_of(body, envelope.id)
        if notice is None:
            return
        for person in await _readers(connection, envelope, body):
            if is_wanted(person, notice.kind):
                names = await store.find_names(connection, person.user_id, *_about(body))
                content = render(notice.kind, body, names)
                await self._queue(connection, notice, body, person, content)

    async def _queue(
        self,
        connection: AsyncConnection,
        notice: Notice,
        body: EventBody,
        person: Person,
        content: str,
    ) -> None:
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


async def _readers(
    connection: AsyncConnection, envelope: Envelope, body: EventBody
) -> Sequence[Person]:
    """Whose event it is; a word said to the system is everybody's."""
    if envelope.user_id is None:
        return await store.everybody(connection) if isinstance(body, ControlSaid) else ()
    person = await store.find_person(connection, envelope.user_id)
    return () if person is None else (person,)


def _about(body: EventBody) -> tuple[int | None, int | None]:
    """The strategy and the account of an alarm; records name theirs themselves."""
    match body:
        case ControlSaid():
            return (
                body.scope_id if body.scope == "strategy" else None,
                body.scope_id if body.scope == "account" else None,
            )
        case RiskReached():
            return body.scope_id if body.scope == "strategy" else None, body.account_id
        case DriftFound() | DriftEnded():
            return body.strategy_id or None, body.account_id  # 0: no single strategy's
        case EntryRefused() | SignalExitRefused() | RollDue() | RollDone() | WindowEnded():
            return body.strategy_id, body.account_id
        case StrategyQuiet():
            return body.strategy_id, None
        case _:
            return None, None
