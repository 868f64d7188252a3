"""The virtual loop with processes in it that can be stopped: for a while, or for ever.

A process is whatever runs in a context of its name. Stopped, not one step of it runs: its timers
go off and wait, what arrives for it waits, no `finally` is entered. So a pause is SIGSTOP, and a
kill -9 is a pause that nobody ends.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, TypeVar

from tests.simulation.virtual_loop import TURNS_AT_ONE_INSTANT_MAX, Stuck, VirtualLoop

T = TypeVar("T")
PROCESS: Final[ContextVar[str | None]] = ContextVar("process", default=None)
_AT_ONCE_S: Final = 1e-9


def context_of(process: str) -> Context:
    """A context in which everything belongs to that process."""
    context = copy_context()
    context.run(PROCESS.set, process)
    return context


class ProcessLoop(VirtualLoop):
    """`steps` counts what ran: a measure of a world's length that no machine changes."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self._stopped: dict[str, list[asyncio.Handle]] = {}

    def stop_process(self, name: str) -> None:
        self._stopped.setdefault(name, [])

    def resume_process(self, name: str) -> None:
        """What waited runs now, in the order in which it came."""
        self._ready.extend(self._stopped.pop(name, []))

    def resume_all(self) -> None:
        for name in [*self._stopped]:
            self.resume_process(name)

    def _run_once(self) -> None:
        """As the base class, without files: nothing in here waits for one."""
        ready, scheduled = self._ready, self._scheduled
        if not ready:
            self._jump_to_next(scheduled)
        until = self._now_s + _AT_ONCE_S
        while scheduled and scheduled[0]._when <= until:  # type: ignore[attr-defined] # asyncio's own
            ready.append(heapq.heappop(scheduled))
        self._turns += 1
        if self._turns > TURNS_AT_ONE_INSTANT_MAX:
            raise Stuck(f"time stands at {self._now_s} s")
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            if self._stopped:
                owner = handle._context.get(PROCESS)  # type: ignore[attr-defined] # asyncio's own
                if owner in self._stopped:
                    self._stopped[owner].append(handle)
                    continue
            self.steps += 1
            handle._run()

    def _jump_to_next(self, scheduled: list[asyncio.TimerHandle]) -> None:
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)
        if not scheduled:
            waiting = sorted(str(task.get_coro()) for task in asyncio.all_tasks(self))
            raise Stuck("\n".join(waiting))
        when_s: float = scheduled[0]._when  # type: ignore[attr-defined] # asyncio's own
        if when_s > self._now_s:
            self._now_s = when_s
            self._turns = 0


def loop_of_world() -> ProcessLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ProcessLoop)
    return loop


def run_world(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end in a loop of its own; what is left running is ended without complaint."""
    with asyncio.Runner(loop_factory=ProcessLoop) as runner:
        try:
            return runner.run(main())
        finally:
            loop = runner.get_loop()
            assert isinstance(loop, ProcessLoop)
            loop.resume_all()
            loop.set_exception_handler(lambda _loop, _context: None)
