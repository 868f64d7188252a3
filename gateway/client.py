"""What waits to be sent to one client: bounded, newest-wins for values, never for state."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from shared.contracts.ws import CloseCode
from shared.runtime.metrics import counter

QUEUE_FRAMES_MAX: Final = 256
QUEUE_BYTES_MAX: Final = 1_000_000
REPLIES_MAX: Final = 32

_overflows = counter("tm_gateway_overflows_total", "queues thrown away for a fresh snapshot")


class Goodbye(NamedTuple):
    """Why a socket ends; `code` None when the client left by itself."""

    code: CloseCode | None
    reason: str


class Client:
    """The way to one socket. `offer` never waits, so nobody is delayed by anybody else.

    A queue that overflows is thrown away whole: the client gets one fresh snapshot as soon as it
    reads again, which is all it needs. Every client begins in that state.
    """

    def __init__(self, session_id: int, *, wants_updates: bool = False) -> None:
        self.session_id = session_id
        # On /ws/dashboard positions are also told under the older name.
        self.wants_updates = wants_updates
        self._queue: dict[Hashable, bytes] = {}
        self._queue_bytes = 0
        self._count = 0
        self._replies: deque[bytes] = deque()
        self._needs_snapshot = True
        self._wake = asyncio.Event()
        self._ended: asyncio.Future[Goodbye] = asyncio.get_running_loop().create_future()

    @property
    def waiting_frames(self) -> int:
        return len(self._queue)

    def offer(self, frame: bytes, key: Hashable = None) -> None:
        """Queue a live frame. With a `key` it replaces the one that waits under the same key."""
        if self._needs_snapshot:
            return
        if key is None:
            self._count += 1
            key = self._count
        else:
            # Behind all frames that came meanwhile, or its number would be ahead of theirs.
            self._queue_bytes -= len(self._queue.pop(key, b""))
        self._queue[key] = frame
        self._queue_bytes += len(frame)
        if len(self._queue) > QUEUE_FRAMES_MAX or self._queue_bytes > QUEUE_BYTES_MAX:
            _overflows.inc()
            self.start_again()
        self._wake.set()

    def start_again(self) -> None:
        """Forget what waits and send a snapshot next."""
        self._queue.clear()
        self._queue_bytes = 0
        self._needs_snapshot = True
        self._wake.set()

    def answer(self, frame: bytes) -> None:
        """Queue a reply to something this client asked. Too many unread ones end it."""
        if len(self._replies) >= REPLIES_MAX:
            self.end(CloseCode.REFUSED, "it asks and does not read")
            return
        self._replies.append(frame)
        self._wake.set()

    async def next(self, snapshot: Callable[[], bytes | None]) -> bytes:
        """The next frame to send. `snapshot` makes a fresh one, None while there is none yet."""
        while True:
            self._wake.clear()
            if self._replies:
                return self._replies.popleft()
            if self._needs_snapshot:
                frame = snapshot()
                if frame is not None:
                    self._needs_snapshot = False
                    return frame
            elif self._queue:
                return self._pop()
            await self._wake.wait()

    def end(self, code: CloseCode, reason: str) -> None:
        """Close the socket soon; the first reason stands."""
        if not self._ended.done():
            self._ended.set_result(Goodbye(code, reason))

    async def ended(self) -> Goodbye:
        return await asyncio.shield(self._ended)

    def _pop(self) -> bytes:
        key = next(iter(self._queue))
        frame = self._queue.pop(key)
        self._queue_bytes -= len(frame)
        return frame
