"""The time of the record, whatever the machine's clock says.

    asked (monotonic) ── "what time is it?" ── answered      now = answer + what has passed since

Rows are written by one process and judged by another: the age of a claim, of an alert, of a token.
With the clocks of two machines minutes apart, one would give up at once what the other sent a
moment ago, or not at all. So execution reads the database's clock and counts on from it with its
monotonic one; the machine's wall clock serves only until the first answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, NoReturn

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.failures import is_outage
from shared.db.uow import read_only
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

ASK_EVERY_S: Final = 5.0
# An answer that took longer may be as old as that: it is not believed while there is a better one.
ANSWER_S_MAX: Final = 0.25
# From here on somebody should be told that the machine's clock is wrong.
_TOLD_FROM: Final = timedelta(seconds=2)
_NOW: Final = text("SELECT clock_timestamp()")

Read = Callable[[], Awaitable[datetime]]


class RecordClock:
    """A `Clock` whose `now` is the record's once it has been asked."""

    def __init__(self, machine: Clock, read: Read) -> None:
        self._machine = machine
        self._read = read
        self._known: tuple[datetime, float] | None = None  # at that monotonic time
        self._is_told = False

    def now(self) -> datetime:
        if self._known is None:
            return self._machine.now()
        at, told_at_s = self._known
        return at + timedelta(seconds=self._machine.monotonic() - told_at_s)

    def monotonic(self) -> float:
        return self._machine.monotonic()

    async def sleep(self, delay_s: float) -> None:
        await self._machine.sleep(delay_s)

    async def ask(self) -> None:
        """Raises what reading raises."""
        asked_s = self._machine.monotonic()
        at = await self._read()
        told_s = self._machine.monotonic()
        if self._known is None or told_s - asked_s <= ANSWER_S_MAX:
            self._known = (at, (asked_s + told_s) / 2)
        self._tell_difference()

    async def run(self) -> NoReturn:
        """Ask for ever; while the database is away its last answer is counted on from."""
        while True:
            try:
                await self.ask()
            except Exception as error:
                if not is_outage(error):
                    raise
            await self._machine.sleep(ASK_EVERY_S)

    def _tell_difference(self) -> None:
        wrong_by = self._machine.now() - self.now()
        is_wrong = abs(wrong_by) > _TOLD_FROM
        if is_wrong and not self._is_told:
            _log.warning("machine_clock_wrong", by_s=round(wrong_by.total_seconds(), 3))
        self._is_told = is_wrong


async def database_now(engine: AsyncEngine) -> datetime:
    async with read_only(engine) as connection:
        at: datetime = (await connection.execute(_NOW)).scalar_one()
    return at
