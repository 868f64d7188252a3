"""Sends what is due: claim, commit, send, commit.

    pending --claim--> pending, next try in 6.5 s --send--> sent | failed | pending after a while

No transaction is open during a send. A crash after the send leaves the row pending; it is sent
again after the claim lapsed, under the same nonce, and the reader sees it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar, assert_never

from sqlalchemy.ext.asyncio import AsyncEngine

from notifier import store
from notifier.channels.base import Channel, Delivered, Message, NotYet, Outcome, Undeliverable
from notifier.rules import is_wanted
from notifier.store import Claimed
from shared.db.failures import is_outage
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger
from shared.runtime.metrics import counter
from shared.streams.outage import Outage

_log = get_logger(__name__)
T = TypeVar("T")

SEND_TIMEOUT_S: Final = 5.5  # below `store.CLAIM_S`, above a rate limit that is waited for
SENDERS_MAX: Final = 8
LOOK_EVERY_S: Final = 0.5
BACKOFF_FIRST_S: Final = 1.0
BACKOFF_S_MAX: Final = 120.0
GIVE_UP_AFTER: Final = timedelta(hours=24)
_DOUBLINGS_MAX: Final = 10

_outcomes = counter("tm_notifier_tries_total", "tries to send a message", ("channel", "outcome"))


class Delivery:
    """The sender of one channel."""

    def __init__(self, engine: AsyncEngine, channel: Channel, clock: Clock) -> None:
        self._engine = engine
        self._channel = channel
        self._clock = clock
        self._wake = asyncio.Event()
        self._sending = 0
        self._outage = Outage(f"postgresql (delivery by {channel.name})", clock)

    def wake(self) -> None:
        """Look now: something was queued."""
        self._wake.set()

    async def run(self) -> None:
        """For ever. A channel that cannot send keeps its messages, each showing why."""
        await self._insist(
            lambda: store.mark_waiting(self._engine, self._channel.name, self._channel.waits_for)
        )
        if self._channel.waits_for is not None:
            _log.warning("channel_waits", channel=self._channel.name, code=self._channel.waits_for)
            await asyncio.Event().wait()
        await self._channel.open()
        async with asyncio.TaskGroup() as sends:
            while True:
                await self._send_due(sends)
                await self._look_later()

    async def _send_due(self, sends: asyncio.TaskGroup) -> None:
        """One page after the other, until nothing is due or nobody is free to send."""
        while (free := SENDERS_MAX - self._sending) > 0:
            due = await self._insist(lambda: store.claim(self._engine, self._channel.name, free))
            for claimed in due:
                self._sending += 1
                sends.create_task(self._one(claimed))
            if not due:
                return

    async def _look_later(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _one(self, claimed: Claimed) -> None:
        try:
            outcome = await self._try(claimed)
            _outcomes.labels(self._channel.name, type(outcome).__name__).inc()
            state, code, delay_s = verdict(outcome, claimed)
            if state == "failed":
                _log.warning("message_failed", delivery_id=claimed.id, code=code)
            await self._insist(lambda: store.mark(self._engine, claimed, state, code, delay_s))
        finally:
            self._sending -= 1
            self._wake.set()  # a sender is free, and this person's next message may be due

    async def _try(self, claimed: Claimed) -> Outcome:
        """What the person wants now counts, not what they wanted when it was queued."""
        address = self._channel.address(claimed.person)
        if address is None or not is_wanted(claimed.person, claimed.kind):
            return Undeliverable("notice.switched_off")
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                return await self._channel.send(Message(claimed.id, address, claimed.content))
        except TimeoutError:
            return NotYet(f"{self._channel.name}.timeout")

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """Until the database answers."""
        while True:
            try:
                result = await work()
            except Exception as error:
                if not (is_outage(error) or isinstance(error, TimeoutError)):
                    raise
                self._outage.failed(error)
                await self._outage.pause()
            else:
                self._outage.worked()
                return result


def verdict(outcome: Outcome, claimed: Claimed) -> tuple[str, str | None, float]:
    """State, code and delay in seconds until the next try. Pure."""
    match outcome:
        case Delivered():
            return "sent", None, 0.0
        case Undeliverable(code=code):
            return "failed", code, 0.0
        case NotYet(code=code) if claimed.age > GIVE_UP_AFTER:
            return "failed", code, 0.0
        case NotYet(code=code, retry_after_s=retry_after_s):
            backoff_s = BACKOFF_FIRST_S * 2 ** min(claimed.attempts - 1, _DOUBLINGS_MAX)
            return "pending", code, max(min(backoff_s, BACKOFF_S_MAX), retry_after_s or 0.0)
        case _:
            assert_never(outcome)
