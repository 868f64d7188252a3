"""`make venue-clients`: clients written by others, and one of ours, against the venue.

Each client gets a fresh venue process. It passes when every step that it offers does.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cli.up import valkey
from tests.fixtures.servers import running
from tests.integration.paper.process import PASSWORD, ROOT, USER, VenueProcess, venue
from tests.wire.environments import Unavailable, node_command, python_command
from tests.wire.steps import FAILED, NOT_OFFERED, PASSED, STEPS

DRIVER_LIMIT_S: Final = 120
_MARKS: Final = {PASSED: "ok", FAILED: "FAILED", NOT_OFFERED: "-"}

Command = tuple[list[str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Client:
    title: str
    command: Callable[[], Command]
    needs_redis: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome and detail of each step; `trouble` says why there are none."""

    title: str
    steps: Mapping[str, tuple[str, str]]
    trouble: str = ""

    def count(self, outcome: str) -> int:
        return sum(found == outcome for found, _ in self.steps.values())

    @property
    def offered(self) -> int:
        return len(STEPS) - self.count(NOT_OFFERED)

    @property
    def passed(self) -> bool:
        return self.offered == self.count(PASSED) > 0


def _ours() -> Command:
    return [sys.executable, "-m", "tests.wire.raw.driver"], {}


CLIENTS: Final = (
    Client("npm tradovate 1.0.3", lambda: node_command("npm_tradovate")),
    Client("PyPI lumibot 4.6.30", lambda: python_command("pypi_lumibot")),
    Client("PyPI tradovate 0.0.1", lambda: python_command("pypi_tradovate"), needs_redis=True),
    Client("ours, raw frames", _ours),
)


async def drive(client: Client) -> Result:
    try:
        command, added = client.command()
    except Unavailable as reason:
        return Result(client.title, {}, str(reason))
    with tempfile.TemporaryDirectory() as folder, _redis(client, Path(folder)) as redis:
        async with venue() as broker:
            output, errors = await _output(command, _environ(broker, {**added, **redis}), folder)
    return _read(client.title, output, errors)


def _environ(broker: VenueProcess, added: Mapping[str, str]) -> dict[str, str]:
    told = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": str(ROOT),
        "TM_WIRE_VENUE": broker.http.base_url.netloc.decode(),
        "TM_WIRE_CONTROL": broker.control_http.base_url.netloc.decode(),
        "TM_WIRE_USER": USER,
        "TM_WIRE_PASSWORD": PASSWORD,
    }
    return told | dict(added)


async def _output(command: Sequence[str], env: dict[str, str], cwd: str) -> tuple[str, str]:
    """What the driver wrote until its end or `DRIVER_LIMIT_S`, whichever comes first."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, env=env, cwd=cwd, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(DRIVER_LIMIT_S):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        output, errors = await process.communicate()
    return output.decode(), errors.decode()


def _read(title: str, output: str, errors: str) -> Result:
    """Every step once: what was not reported has failed."""
    lines = [line for line in output.splitlines() if line.startswith('{"step"')]
    reports: list[dict[str, Any]] = [json.loads(line) for line in lines]  # clients log there too
    told = {report["step"]: (report["outcome"], report["detail"]) for report in reports}
    unknown = told.keys() - set(STEPS)
    trouble = f"unknown steps: {sorted(unknown)}" if unknown else ""
    if set(STEPS) - told.keys():
        trouble = errors[-2000:]
    return Result(title, {s: told.get(s, (FAILED, "not reported")) for s in STEPS}, trouble)


@contextmanager
def _redis(client: Client, folder: Path) -> Iterator[Mapping[str, str]]:
    """A server on a port of loopback: the one client that needs it knows no unix sockets."""
    if not client.needs_redis:
        yield {}
        return
    port = _free_port()
    settings = {**valkey.THROWAWAY, "bind": "127.0.0.1", "port": str(port)}
    program = valkey.server(folder, folder, folder / "valkey.log", settings)
    with running(program, lambda _: valkey.is_ready(folder)):
        yield {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port)}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def table(results: Sequence[Result]) -> str:
    width = max(map(len, STEPS))
    heads = [result.title for result in results]
    lines = [" | ".join(["step".ljust(width), *heads])]
    lines.append("-+-".join(["-" * width, *("-" * len(head) for head in heads)]))
    for step in STEPS:
        marks = [_MARKS[r.steps[step][0]] if r.steps else "FAILED" for r in results]
        cells = [mark.ljust(len(head)) for mark, head in zip(marks, heads, strict=True)]
        lines.append(" | ".join([step.ljust(width), *cells]))
    return "\n".join(lines)


def summary(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        yield f"{result.title}: {result.count(PASSED)} of {result.offered} steps"
        if result.trouble:
            yield f"  {result.trouble}"
        for step, (outcome, detail) in result.steps.items():
            if outcome == NOT_OFFERED:
                yield f"  {step}: not offered by the client ({detail})"
            if outcome == FAILED:
                yield f"  {step}: FAILED: {detail}"


async def main() -> int:
    results = [await drive(client) for client in CLIENTS]
    print(table(results), *summary(results), sep="\n")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
