"""Equal deliveries of one moment take turns, from their arrival until their answer is noted.

Only then is it known whether the earlier one was answered, which is what makes the later one a
resend or an alert of its own. Between processes the same is decided by polling the row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Final

WAIT_S: Final = 1.0


class Turn:
    """Held until `end`, which may be called again and again."""

    def __init__(self, turns: Turns, key: Hashable, *, is_held: bool) -> None:
        self._turns = turns
        self._key = key
        self._is_held = is_held

    def end(self) -> None:
        if self._is_held:
            self._is_held = False
            self._turns.release(self._key)


class Turns:
    """Locks by key; a key nobody holds or waits for takes no memory."""

    def __init__(self) -> None:
        self._queues: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    async def take(self, key: Hashable, wait_s: float = WAIT_S) -> Turn:
        """Wait for the turn, but not longer than `wait_s`: then go on without it."""
        lock, users = self._queues.get(key, (asyncio.Lock(), 0))
        self._queues[key] = (lock, users + 1)
        try:
            async with asyncio.timeout(wait_s):
                await lock.acquire()
        except TimeoutError:
            self._leave(key)
            return Turn(self, key, is_held=False)
        except BaseException:
            self._leave(key)
            raise
        return Turn(self, key, is_held=True)

    def release(self, key: Hashable) -> None:
        self._queues[key][0].release()
        self._leave(key)

    def __len__(self) -> int:
        return len(self._queues)

    def _leave(self, key: Hashable) -> None:
        lock, users = self._queues[key]
        if users == 1:
            del self._queues[key]
        else:
            self._queues[key] = (lock, users - 1)
