"""The account that PostgreSQL runs as, since it refuses to run as root, and what it can reach."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cli.up.errors import UpError

CANDIDATES = ("postgres", "nobody")
PROBE_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """None for an ordinary user; for root, an existing account without rights of its own."""
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise UpError(
        "PostgreSQL cannot run as root and this machine has neither the account "
        f"{' nor '.join(CANDIDATES)}; start as an ordinary user or give DATABASE_URL"
    )


def runs_as(account: Account | None, *command: str) -> bool:
    """Whether `command` works for that account, which covers every folder on the way to it."""
    try:
        done = subprocess.run(  # noqa: S603 - our own commands
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            timeout=PROBE_LIMIT_S,
            check=False,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def can_enter(account: Account | None, folder: Path) -> bool:
    return account is None or runs_as(account, "/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder))


def give(account: Account | None, path: Path) -> None:
    """Make `path` the account's own."""
    if account is not None:
        os.chown(path, account.uid, account.gid)
