"""Work that is done when something rings and, in case nothing rang, every so often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared.db.failures import is_outage
from shared.runtime.logging import get_logger

_log = get_logger(__name__)


class Rounds:
    """Calls `work` after `wake` and at least each `every_s`, one call at a time.

    While the database is away a round is postponed; any other error is the process's end.
    """

    def __init__(self, what: str, every_s: float, work: Callable[[], Awaitable[None]]) -> None:
        self._what = what
        self._every_s = every_s
        self._work = work
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        while True:
            await self._pause()
            try:
                await self._work()
            except Exception as error:
                if not is_outage(error):
                    raise
                _log.warning("round_postponed", what=self._what, error=type(error).__name__)

    async def _pause(self) -> None:
        timer = asyncio.get_running_loop().call_later(self._every_s, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()
        self._woken.clear()
