"""An event loop whose time is its own: when nothing is ready it jumps to the next timer.

    ready callbacks -> run, time stands still
    none, a timer   -> time is that timer's
    none, no timer  -> Stuck: whoever waits, waits for ever

Everything that waits on the loop (`asyncio.sleep`, `asyncio.timeout`, `loop.time`) follows, in the
product and in the venue alike, so hours pass in milliseconds and the same seed gives the same run.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

T = TypeVar("T")

# Callbacks may make callbacks ready at once, but not for ever.
TURNS_AT_ONE_INSTANT_MAX: Final = 200_000


class Stuck(Exception):  # noqa: N818 - it names the state, not the mistake
    """Nothing can happen any more: no callback is ready and no timer is set; or time stands."""


class _Jumping(selectors.DefaultSelector):
    """Never waits: where a real selector would sleep, this one moves the loop's time."""

    def __init__(self) -> None:
        super().__init__()
        self.jump: Callable[[float | None], None] = lambda _wait_s: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Files are asked only when nothing else is left: they have no place in virtual time.
        ready = super().select(0) if timeout is None else []
        if not ready:
            self.jump(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Threads and real sockets have no place in it: their answers would come at no time at all."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._turns = 0
        selector = _Jumping()
        super().__init__(selector)
        selector.jump = self._jump

    def time(self) -> float:
        return self._now_s

    def _jump(self, wait_s: float | None) -> None:
        if wait_s is None:
            waiting = sorted(str(task.get_coro()) for task in asyncio.all_tasks(self))
            raise Stuck("\n".join(waiting))
        if wait_s > 0:
            self._now_s += wait_s
            self._turns = 0
            return
        self._turns += 1
        if self._turns > TURNS_AT_ONE_INSTANT_MAX:
            raise Stuck(f"time stands at {self._now_s} s")


class VirtualClock:
    """`shared.ports.clock.Clock`, and the venue's clock, over the loop's time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start.astimezone(UTC)
        self._began_s = loop.time()

    def now(self) -> datetime:
        passed = timedelta(microseconds=round((self._loop.time() - self._began_s) * 1e6))
        return self._start + passed

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in a loop of its own; raises Stuck as soon as nothing can go on."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
