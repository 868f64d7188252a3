"""Keeps programs alive: one keeper for each, restarting with backoff until told to stop.

Child exits are learned from SIGCHLD, so the process has no threads and forking stays safe.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from subprocess import Popen
from types import TracebackType
from typing import Self

from cli.up.backoff import Backoff
from cli.up.program import Program, signal_group, start

KILL_LIMIT_S = 5.0  # after SIGKILL; only a process stuck in the kernel takes longer
REAP_EVERY_S = 1.0  # should a SIGCHLD ever be missed

Say = Callable[[str], None]


class Keeper:
    """One program and its current process. Read `process`, `failures`; the task is `keep`."""

    def __init__(self, program: Program, say: Say) -> None:
        self.program = program
        self._say = say
        self._backoff = Backoff()
        self._stopping = asyncio.Event()
        self._exited = asyncio.Event()
        self._began_s = 0.0
        self.process = self._start()

    @property
    def failures(self) -> int:
        """Deaths in a row, each soon after its start."""
        return self._backoff.failures

    @property
    def pid(self) -> int:
        return self.process.pid

    def reap(self) -> None:
        """Notice an exit. Cheap, called for every keeper at each SIGCHLD."""
        if self.process.poll() is not None:
            self._exited.set()

    async def keep(self) -> None:
        """Restart the program whenever it ends, until `stop`."""
        while True:
            await self._exit()
            if self._stopping.is_set():
                return
            signal_group(self.process, signal.SIGKILL)  # what it started dies with it
            self._backoff = self._backoff.died(asyncio.get_running_loop().time() - self._began_s)
            delay_s = self._backoff.delay_s
            self._say(f"{self.program.name} {_how(self.process)}; again in {delay_s:.1f} s")
            if await _within(self._stopping.wait(), delay_s):
                return
            self._restart()

    async def stop(self, grace_s: float) -> None:
        """Ask, wait `grace_s`, then kill the program with everything it started."""
        self._stopping.set()
        if self.process.poll() is None:
            self.process.send_signal(self.program.stop_signal)
            if not await _within(self._exit(), grace_s):
                self._say(f"{self.program.name} did not stop within {grace_s:g} s; killed")
        signal_group(self.process, signal.SIGKILL)
        await _within(self._exit(), KILL_LIMIT_S)

    def _start(self) -> Popen[bytes]:
        self._exited.clear()
        self._began_s = asyncio.get_running_loop().time()
        return start(self.program)

    def _restart(self) -> None:
        try:
            self.process = self._start()
        except OSError as error:  # no memory or no process left: the next round tries again
            self._say(f"{self.program.name} could not be started: {error}")

    async def _exit(self) -> None:
        while self.process.poll() is None:
            await _within(self._exited.wait(), REAP_EVERY_S)


class Supervisor:
    """The set of keepers. Leaving the context kills whatever still runs."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.keepers: dict[str, Keeper] = {}

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop(list(self.keepers), grace_s=0.0)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

    def add(self, program: Program) -> Keeper:
        """Start the program and keep it."""
        keeper = Keeper(program, self._say)
        self.keepers[program.name] = keeper
        self._tasks[program.name] = asyncio.create_task(keeper.keep(), name=program.name)
        return keeper

    async def stop(self, names: Iterable[str], grace_s: float) -> None:
        """Stop these together; names that are not running are passed over."""
        chosen = [name for name in names if name in self.keepers]
        await asyncio.gather(*(self.keepers[name].stop(grace_s) for name in chosen))
        for name in chosen:
            del self.keepers[name]
            task = self._tasks.pop(name)
            task.cancel()  # it has returned by itself unless the process could not be killed
            await asyncio.wait([task])

    def pids(self) -> dict[str, int]:
        return {name: keeper.pid for name, keeper in self.keepers.items()}

    def _reap(self) -> None:
        for keeper in self.keepers.values():
            keeper.reap()


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for a message about why its program does not start."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def _how(process: Popen[bytes]) -> str:
    code = process.returncode
    return (
        f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    )


async def _within(awaitable: Awaitable[object], limit_s: float) -> bool:
    """Whether it finished within `limit_s`; it is cancelled otherwise."""
    try:
        async with asyncio.timeout(limit_s):
            await awaitable
    except TimeoutError:
        return False
    return True
