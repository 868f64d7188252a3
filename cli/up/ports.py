"""TCP ports on the loopback address."""

import errno
import os
import socket
import time
from collections.abc import Iterator
from typing import Final

from cli.up.errors import UpError

HOST = "127.0.0.1"
# Below what the system gives to outgoing connections, which would take a port between our look and
# the bind of the service; and a block for each process, because runs start side by side.
_LOWEST: Final = 15_000
_BLOCKS: Final = 900
_BLOCK_SIZE: Final = 16
RELEASE_LIMIT_S = 3.0  # processes of a run that was killed need a moment to let go
RELEASE_EVERY_S = 0.05


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def _own(process: int) -> Iterator[int]:
    first = _LOWEST + process % _BLOCKS * _BLOCK_SIZE
    yield from range(first, first + _BLOCK_SIZE)


_unused = _own(os.getpid())


def any_free() -> int:
    """Another one with each call."""
    for port in _unused:
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        any_port: int = probe.getsockname()[1]
        return any_port


def wanted(port: int, flag: str, *, patient: bool) -> int:
    """`port` itself, or any free one for 0; refused if taken, `patient` waits a moment first."""
    if port == 0:
        return any_free()
    deadline = time.monotonic() + (RELEASE_LIMIT_S if patient else 0.0)
    while not is_free(port):
        if time.monotonic() >= deadline:
            raise UpError(f"port {port} of {HOST} is taken; choose another with {flag}")
        time.sleep(RELEASE_EVERY_S)
    return port


def preferred(port: int) -> int:
    """`port` if it is free, else any free one."""
    return port if is_free(port) else any_free()
