"""A program that the supervisor runs, and the promise that it never outlives the supervisor."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from subprocess import DEVNULL, STDOUT, Popen

from cli.up.account import Account

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None, use_errno=True)  # loaded here: after a fork it is too late


@dataclass(frozen=True, slots=True)
class Program:
    """One command line with its surroundings. `account` is another user to run as, if any.

    `stop_signal` asks for an orderly end; `orphan_signal` is what the kernel sends when the
    supervisor is gone.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    environ: Mapping[str, str] = field(repr=False)
    cwd: Path = Path("/")
    account: Account | None = None
    stop_signal: Signals = signal.SIGTERM
    orphan_signal: Signals = signal.SIGKILL


def start(program: Program) -> Popen[bytes]:
    """Start it in a process group of its own, so that Ctrl-C reaches the supervisor alone.

    Must be called from the main thread: the kernel ties the death signal to the calling thread.
    """
    account = program.account
    with program.log.open("ab") as log:
        return Popen(  # noqa: S603 - our own programs only
            program.argv,
            stdin=DEVNULL,
            stdout=log,
            stderr=STDOUT,
            cwd=program.cwd,
            env=dict(program.environ),
            process_group=0,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            # Runs after the change of user, which would clear the death signal.
            preexec_fn=dying_with(os.getpid(), program.orphan_signal),  # noqa: PLW1509 - no threads here
        )


def signal_group(process: Popen[bytes], number: Signals) -> None:
    """Signal the program and what it started itself; nothing happens if it is gone."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def dying_with(parent: int, number: Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None

    def bind() -> None:
        bound = _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) == 0
        if not bound or os.getppid() != parent:  # the parent died before the kernel knew
            os._exit(1)

    return bind
