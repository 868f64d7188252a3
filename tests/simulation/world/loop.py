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
from itertools import count
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

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self._stopped: dict[str, list[asyncio.Handle]] = {}
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = count()

    def get_debug(self) -> bool:
        return False

    def call_soon(  # type: ignore[override] # variadic types say less here than they cost
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As the base class, without its checks: nobody calls from another thread."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override] # as above
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Those of one instant in the order in which they were asked for."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass  # it is passed over when its time comes

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
        ready, timers = self._ready, self._timers
        if not ready:
            self._jump_to_next(timers)
        until = self._now_s + _AT_ONCE_S
        while timers and timers[0][0] <= until:
            ready.append(heapq.heappop(timers)[2])
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

    def _jump_to_next(self, timers: list[tuple[float, int, asyncio.TimerHandle]]) -> None:
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            waiting = sorted(str(task.get_coro()) for task in asyncio.all_tasks(self))
            raise Stuck("\n".join(waiting))
        when_s = timers[0][0]
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
