"""The data directory of a local run: its layout, its lock, its record of the running processes."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cli.up.account import Account, give
from cli.up.errors import UpError

LOG_LIMIT_BYTES = 5 * 1024 * 1024
SOCKET_FOLDER_LIMIT_BYTES = 80  # a socket's path may have 107 bytes, its file name needs 17


@dataclass(frozen=True, slots=True)
class Run:
    """What is running now; other commands find it by this record."""

    pid: int
    sockets: str
    database_url: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class DataDir:
    path: Path

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def cluster(self) -> Path:
        return self.path / "pgdata"

    @property
    def valkey(self) -> Path:
        return self.path / "valkey"

    @property
    def paper(self) -> Path:
        return self.path / "paper"

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def create(self, account: Account | None) -> None:
        """Others may pass through to the cluster if it needs another account, not look around."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o711 if account else 0o700)
        for folder in (self.valkey, self.paper, self.path / "logs"):
            folder.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Held by one supervisor; the kernel lets go of it however that one ends."""
        with (self.path / "lock").open("a+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().strip() or "unknown"
                raise UpError(
                    f"{self.path} is in use by a running `tm up` (process {holder}); "
                    "stop that one, or give another --data"
                ) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    def rotate_logs(self) -> None:
        """Keep one older file of each log that has grown beyond LOG_LIMIT_BYTES."""
        for log in (self.path / "logs").glob("*.log"):
            if log.stat().st_size > LOG_LIMIT_BYTES:
                log.replace(log.with_suffix(".log.1"))

    def record(self, run: Run) -> None:
        write_private(self.path / "run.json", asdict(run))

    def recorded(self) -> Run | None:
        """The record of the last start; it is still there after a run that was killed."""
        known = read_json(self.path / "run.json")
        return None if known is None else Run(**known)

    def forget(self) -> None:
        """Remove the record and the socket folder it names."""
        run = self.recorded()
        if run is not None and Path(run.sockets).name.startswith("tm-"):
            shutil.rmtree(run.sockets, ignore_errors=True)
        (self.path / "run.json").unlink(missing_ok=True)


def socket_folder(account: Account | None) -> Path:
    """A fresh private folder with a short name; socket paths may not be longer than 107 bytes."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    usable = (
        account is None
        and 0 < len(os.fsencode(runtime)) < SOCKET_FOLDER_LIMIT_BYTES
        and os.access(runtime, os.W_OK | os.X_OK)
    )
    folder = Path(tempfile.mkdtemp(prefix="tm-", dir=runtime if usable else "/tmp"))  # noqa: S108 - mkdtemp makes it private
    give(account, folder)
    return folder


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UpError(f"{path} is damaged ({error}); mend or remove it") from error
    if not isinstance(found, dict):
        raise UpError(f"{path} is damaged (not an object); mend or remove it")
    return found


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Replace `path` at once and durably, readable by its owner alone."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
