"""A day in a second: an event loop whose clock jumps to the next timer when nothing else is due."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
_BEGAN = datetime(2026, 3, 2, 15, tzinfo=UTC)


class _Jumping(selectors.SelectSelector):
    """Instead of waiting it moves the clock; real I/O is not for this loop."""

    elapsed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is not None and timeout > 0:
            self.elapsed_s += timeout
        return ready


class VirtualClock:
    """The `Clock` of such a loop."""

    def now(self) -> datetime:
        return _BEGAN + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time."""
    selector = _Jumping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.elapsed_s  # type: ignore[method-assign] # that is the trick
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
