"""Work at brokers, login beside login: a slow one keeps nobody but itself waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from execution.rounds import Rounds
from shared.db.failures import is_outage
from shared.domain.ids import ConnectionId
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

AT_ONCE: Final = 32  # logins in flight; the longest waiting go first, the others with a later round
# Longer than any call with its own time-outs: whoever hangs longer gives its place back.
WITHIN_S: Final = 60.0


class Abreast:
    """One task for each login at a time. While the database is away its work is postponed."""

    def __init__(self, what: str, *, at_once: int = AT_ONCE, within_s: float = WITHIN_S) -> None:
        self._what = what
        self._at_once = at_once
        self._within_s = within_s
        self._busy: set[ConnectionId] = set()
        self._turns: dict[ConnectionId, int] = {}
        self._turn = 0
        self._tasks: asyncio.TaskGroup

    async def run(self, rounds: Rounds) -> None:
        """The rounds that call `start`, until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            await rounds.run()

    def start(self, work: Mapping[ConnectionId, Callable[[], Awaitable[None]]]) -> None:
        """Begin for every login that is not at it already, as far as there are places."""
        free = [each for each in work if each not in self._busy]
        free.sort(key=lambda each: self._turns.get(each, 0))
        for connection in free[: self._at_once - len(self._busy)]:
            self._turn += 1
            self._turns[connection] = self._turn
            self._busy.add(connection)
            self._tasks.create_task(self._carry(connection, work[connection]))
        self._turns = {k: v for k, v in self._turns.items() if k in work or k in self._busy}

    async def _carry(self, connection: ConnectionId, work: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(self._within_s):
                await work()
        except TimeoutError:
            _log.warning("look_hangs", what=self._what, connection_id=connection)
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("look_postponed", what=self._what, error=type(error).__name__)
        finally:
            self._busy.discard(connection)
