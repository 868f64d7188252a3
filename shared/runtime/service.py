"""The life of a service process.

    def main() -> None:
        settings = ExecutionSettings()
        configure_logging("execution", level=settings.log_level, log_format=settings.log_format)
        sys.exit(run_service("execution", partial(start, settings)))

`start(service)` is the parts list: it opens resources on `service.resources`, makes objects, spawns
tasks and returns. Any task that ends takes the process down loudly: a supervisor starts it anew,
and start-up is recovery. SIGTERM and SIGINT drain, then close in reverse order.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from enum import IntEnum
from typing import Any, Final

from shared.ports.clock import Clock
from shared.runtime.clock import SystemClock
from shared.runtime.durability import NotDurableError
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

DRAIN_TIMEOUT_S: Final = 8.0
CLOSE_TIMEOUT_S: Final = 5.0
CANCEL_AGAIN_AFTER_S: Final = 2.0
WAIT_FIRST_S: Final = 0.05
WAIT_MAX_S: Final = 2.0
# Objects made until the youngest are looked through, and how many such looks until the older are.
_COLLECT_AFTER: Final = (50_000, 20, 50)


class ExitCode(IntEnum):
    """What a supervisor learns. Only CONFIGURATION is not worth another start."""

    STOPPED = 0
    DIED = 1
    CONFIGURATION = 78


class Service:
    """What `start` gets: a place for resources, tasks and things to do before the end."""

    def __init__(
        self, name: str, resources: AsyncExitStack, tasks: asyncio.TaskGroup, clock: Clock
    ) -> None:
        self.name = name
        self.clock = clock
        self.resources = resources
        self.stopping = asyncio.Event()
        self._tasks = tasks
        self._running: set[asyncio.Task[None]] = set()
        self._drains: list[Callable[[], Awaitable[None]]] = []

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """A task for the life of the process: returning early is as fatal as raising."""
        task = self._tasks.create_task(self._forever(name, work), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # Cancelled before its first step, the work would complain that nobody awaited it.
        task.add_done_callback(lambda _: work.close())

    def on_drain(self, drain: Callable[[], Awaitable[None]]) -> None:
        """Before tasks are cancelled: finish what is cheap to finish. Bounded, and never needed."""
        self._drains.append(drain)

    async def wait_for(self, what: str, probe: Callable[[], Awaitable[object]]) -> None:
        """Until `probe` raises nothing: dependencies may start after us, in any order."""
        delay_s = WAIT_FIRST_S
        while True:
            try:
                await probe()
            except NotDurableError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong, it is not there yet
                if delay_s == WAIT_FIRST_S:
                    _log.info("waiting_for", what=what, error=f"{type(error).__name__}: {error}")
                await self.clock.sleep(delay_s)
                delay_s = min(WAIT_MAX_S, delay_s * 2)
            else:
                return

    async def _forever(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        await work
        if not self.stopping.is_set():
            raise TaskEndedError(name)

    async def stop(self) -> None:
        """Drain, then cancel every spawned task until it has ended.

        Once is not enough: before Python 3.12 `wait_for`, which libraries use, forgets a cancel
        that meets its result.
        """
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                for drain in self._drains:
                    await drain()
        except TimeoutError:
            _log.warning("drain_timed_out")
        while self._running:
            for task in list(self._running):
                task.cancel()
            _, late = await asyncio.wait(self._running, timeout=CANCEL_AGAIN_AFTER_S)
            if late:
                _log.warning("still_running", tasks=sorted(task.get_name() for task in late))


class TaskEndedError(RuntimeError):
    """A task that should have run for ever returned."""


Start = Callable[[Service], Awaitable[None]]


def run_service(name: str, start: Start, *, clock: Clock | None = None) -> ExitCode:
    """Run until a signal or a death; returns the exit code for the entry point to exit with."""
    import uvloop

    collect_seldom()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(live(name, start, clock or SystemClock()))


def collect_seldom() -> None:
    """What was imported is never looked through again, and the rest less often.

    A login with a long day keeps rows by the ten thousand. Python looks through all of them each
    time they have grown by a quarter, and nothing else runs meanwhile: reading 60,000 rows took
    0.43 s with pauses of 160 ms, and takes 0.19 s with pauses of 13 ms. We make few cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


async def live(name: str, start: Start, clock: Clock) -> ExitCode:
    """The same inside a running loop; signals are only heard in the main thread."""
    resources = AsyncExitStack()
    try:
        try:
            await _run(name, start, clock, resources)
        finally:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await resources.aclose()
    except Exception as error:  # noqa: BLE001 - the edge of the process
        return _died(name, error)
    _log.info("service_stopped", service=name)
    return ExitCode.STOPPED


def _died(name: str, error: Exception) -> ExitCode:
    if isinstance(error, ExceptionGroup):
        refusals, others = error.split(NotDurableError)
        if refusals is not None and others is None:
            _log.critical("refusing_to_start", service=name, reason=_first_message(refusals))
            return ExitCode.CONFIGURATION
    _log.critical("service_died", service=name, exc_info=error)
    return ExitCode.DIED


def _first_message(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


async def _run(name: str, start: Start, clock: Clock, resources: AsyncExitStack) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        service = Service(name, resources, tasks, clock)
        starting = tasks.create_task(_start(service, start), name="start")
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stopping.set)
            resources.callback(loop.remove_signal_handler, number)
        tasks.create_task(_await_stop(service, starting), name="stop")


async def _start(service: Service, start: Start) -> None:
    await start(service)
    _log.info("service_started", service=service.name)


async def _await_stop(service: Service, starting: asyncio.Task[None]) -> None:
    await service.stopping.wait()
    starting.cancel()
    await service.stop()
