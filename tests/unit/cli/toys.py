"""Toy programs for the supervisor, and the supervisor of toys that tests kill.

python -m tests.unit.cli.toys FOLDER    runs toys until SIGTERM; pids go to FOLDER/pids
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from cli.paths import ROOT
from cli.up.program import Program
from cli.up.supervisor import Supervisor

OBEDIENT = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("started", flush=True)
signal.sigwait({signal.SIGTERM})  # a handler that prints could meet the print above half done
print("stopped", flush=True)
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("started", flush=True)
while True: signal.pause()
"""
DYING = "print('started', flush=True); raise SystemExit(3)"
PARENT = """
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(child.pid, flush=True)
signal.pause()
"""


def toy(name: str, code: str, folder: Path) -> Program:
    return Program(
        name=name,
        argv=(sys.executable, "-c", code),
        log=folder / f"{name}.log",
        environ={"PATH": os.defpath, "PYTHONPATH": str(ROOT)},
        cwd=folder,
    )


async def supervise(folder: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Supervisor(print) as supervisor:
        supervisor.add(toy("obedient", OBEDIENT, folder))
        supervisor.add(toy("stubborn", STUBBORN, folder))
        unfinished = folder / "pids.new"
        unfinished.write_text(json.dumps(supervisor.pids()), encoding="ascii")
        unfinished.replace(folder / "pids")
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(supervise(Path(sys.argv[1])))
