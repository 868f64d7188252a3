"""TCP ports on the loopback address."""

import errno
import socket
import time

from cli.up.errors import UpError

HOST = "127.0.0.1"
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


def any_free() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


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
