"""Work that needs heavy imports, each done in a process of its own beside the supervisor.

    python -m cli.up.steps prepare    brings the schema up, makes the sample data, prints the result
    python -m cli.up.steps check      runs the sample alert through; its exit code is the verdict

Input is one JSON value on standard input.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from subprocess import Popen
from tempfile import TemporaryFile
from typing import IO, Any

from cli.paths import ROOT
from cli.up.credentials import DATABASE_ROLES, Credentials
from cli.up.errors import UpError
from cli.up.program import dying_with, signal_group

LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Work:
    """`role_password` is None where the server trusts its socket."""

    owner_url: str
    paper_url: str
    role_password: str | None
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Prepared:
    webhook_key: str
    strategy: str


async def prepare(work: Work) -> Prepared:
    code, output = await _run("prepare", asdict(work), output_kept=True)
    if code != 0:
        raise UpError("the database could not be prepared; the lines above say why")
    return Prepared(**json.loads(output.splitlines()[-1]))


async def check(info: Mapping[str, Any]) -> int:
    """The verdict's exit code. What it prints goes to standard error, beside our own messages."""
    code, _ = await _run("check", dict(info), output_kept=False)
    return code


async def _run(step: str, value: object, *, output_kept: bool) -> tuple[int, str]:
    """Input and output stand in files: nothing can block, and no thread is needed to wait."""
    with TemporaryFile() as given, TemporaryFile() as output:
        given.write(json.dumps(value).encode())
        given.seek(0)
        process = _start(step, given, output if output_kept else sys.stderr)
        try:
            while process.poll() is None:  # noqa: ASYNC110 - an exit sets no event
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            if process.poll() is None:  # we were told to stop
                signal_group(process, signal.SIGKILL)
                process.wait()
        output.seek(0)
        return process.returncode, output.read().decode()


def _start(step: str, given: IO[bytes], output: IO[bytes] | IO[str]) -> Popen[bytes]:
    return Popen(  # noqa: S603 - this very module
        (sys.executable, "-P", "-m", "cli.up.steps", step),
        stdin=given,
        stdout=output,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        process_group=0,
        preexec_fn=dying_with(os.getpid(), signal.SIGKILL),  # noqa: PLW1509 - no threads here
    )


def _prepare(value: Mapping[str, Any]) -> None:
    from cli.seed import seed
    from shared.db.migrate import is_current, upgrade

    work = Work(**{**value, "credentials": Credentials(**value["credentials"])})
    current = is_current(work.owner_url)
    if not current:
        upgrade(work.owner_url)
    if work.role_password is not None:
        asyncio.run(_set_passwords(work.owner_url, work.role_password))
    known = Prepared(work.credentials.webhook_key, work.credentials.strategy)
    # A database of one's own may be another one today, so its sample data is always looked at.
    if not (known.webhook_key and current and work.role_password is None):
        seeded = seed(work.owner_url, work.credentials, paper_url=work.paper_url)
        known = Prepared(seeded.webhook_key, seeded.strategy)
    print(json.dumps(asdict(known)))


async def _set_passwords(owner_url: str, password: str) -> None:
    """Roles and password are our own constants and hex digits, so they need no quoting."""
    import asyncpg

    connection = await asyncpg.connect(owner_url.replace("+asyncpg", "", 1))
    try:
        for role in DATABASE_ROLES:
            await connection.execute(f"ALTER ROLE {role} PASSWORD '{password}'")
    finally:
        await connection.close()


def _check(value: Mapping[str, Any]) -> None:
    from cli.check import run

    sys.exit(run(value))


if __name__ == "__main__":
    {"prepare": _prepare, "check": _check}[sys.argv[1]](json.load(sys.stdin))
