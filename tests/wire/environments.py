"""An environment for each client: exact packages from its lock file, outside the project's own.

Kept under `.tm/wire/<client>/<digest of the lock>`; a changed lock gets a new one.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[1] / ".tm" / "wire"
INSTALL_LIMIT_S: Final = 600
_READY: Final = "ready"


class Unavailable(Exception):  # noqa: N818 - says what is missing
    """The environment cannot be made; the text says what to do."""


def node_command(client: str) -> tuple[list[str], Mapping[str, str]]:
    """The command line of the client's driver, and what its environment adds."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Unavailable("node and npm are missing: install Node.js 20 or newer")
    folder, lock = _folder(client, "package-lock.json")
    if not (folder / _READY).exists():
        for name in ("package.json", lock.name, ".npmrc"):
            shutil.copyfile(lock.parent / name, folder / name)
        _run(npm, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
        (folder / _READY).touch()
    return [node, str(lock.parent / "driver.cjs")], {"NODE_PATH": str(folder / "node_modules")}


def python_command(client: str) -> tuple[list[str], Mapping[str, str]]:
    """The same for a Python client. Base Python's pip fills it, wheels and hashes only."""
    folder, lock = _folder(client, "requirements.lock")
    python, base = folder / "bin" / "python", str(Path(sys.base_prefix, "bin", "python3"))
    if not (folder / _READY).exists():
        _run(base, "-m", "venv", "--without-pip", "--clear", str(folder), cwd=folder)
        install = ("install", "-qq", "--no-deps", "--require-hashes", "--only-binary", ":all:")
        _run(
            base,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--python",
            str(python),
            *install,
            "-r",
            str(lock),
            cwd=folder,
        )
        (folder / _READY).touch()
    return [str(python), "-m", f"tests.wire.{client}.driver"], {}


def _folder(client: str, lock_name: str) -> tuple[Path, Path]:
    lock = HERE / client / lock_name
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = CACHE / client / digest
    folder.mkdir(parents=True, exist_ok=True)
    return folder, lock


def _run(*command: str, cwd: Path) -> None:
    try:
        subprocess.run(
            command,
            cwd=cwd,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            timeout=INSTALL_LIMIT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"the packages could not be installed: {error}") from error
