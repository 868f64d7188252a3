"""A Valkey of our own, which a test may kill and start again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from cli.up import valkey
from cli.up.program import start
from tests.fixtures.servers import private_folder

START_LIMIT_S = 20.0
LOOK_EVERY_S = 0.005


class Valkey:
    """One server on one socket; it keeps its data over `kill` and `start`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: Popen[bytes] | None = None
        self.url = valkey.url(folder)

    def start(self) -> None:
        program = valkey.server(self._folder, self._folder, self._folder / "log", valkey.DURABLE)
        self._process = start(program)
        deadline = time.monotonic() + START_LIMIT_S
        while not valkey.is_ready(self._folder):
            assert time.monotonic() < deadline, "valkey did not start"
            time.sleep(LOOK_EVERY_S)

    def kill(self) -> None:
        """As the machine would: no goodbye."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(START_LIMIT_S)


@contextmanager
def running_valkey() -> Iterator[Valkey]:
    with private_folder() as folder:
        server = Valkey(folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()
