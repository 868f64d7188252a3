#!/usr/bin/env python3
"""Trade Manager's front door: builds the environment once, then hands every argument to it.

Only the standard library is used here, so a machine needs nothing but Python and pip. The
environment stands in `.venv` beside this file (or where TM_VENV says) and holds exactly what
`requirements.lock` names, each file checked against its hash. A stamp in it makes the second
start cost a few milliseconds.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
BOOTSTRAP_LOCK = ROOT / "cli" / "bootstrap.lock"  # the installer itself, with its hashes
STAMP = "trade-manager-stamp"  # written last: an environment without it is unfinished
OLDEST_PYTHON = (3, 11)
PIP_LIMIT_S = 900.0


class BootstrapError(Exception):
    """The environment cannot be built; the text tells the reader what to do."""


def main(arguments: list[str]) -> None:
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"Trade Manager needs Python 3.11 or newer; {sys.executable} is {found}.")
    venv = Path(os.environ.get("TM_VENV") or ROOT / ".venv").absolute()
    try:
        ensure_environment(venv)
    except (BootstrapError, OSError) as error:
        sys.exit(f"The environment in {venv} could not be built: {error}")
    hand_over(venv, arguments)


def hand_over(venv: Path, arguments: list[str]) -> None:
    """Becomes `python -m cli` of the environment; the process id stays the same.

    -P keeps the caller's directory out of the module path; PYTHONPATH names the project instead.
    """
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("PYTHONHOME", None)
    python = str(venv / "bin" / "python")
    sys.stdout.flush()
    os.execve(python, [python, "-P", "-m", "cli", *arguments], environ)  # noqa: S606 - no shell is wanted


def expected_stamp() -> str:
    """What must be in the environment: the locked packages, for this kind of Python."""
    locked = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    return f"{locked} {sys.implementation.cache_tag}\n"


def is_current(venv: Path) -> bool:
    try:
        stamped = (venv / STAMP).read_text(encoding="ascii")
    except OSError:
        return False
    return stamped == expected_stamp() and (venv / "bin" / "python").exists()


def ensure_environment(venv: Path) -> None:
    """Leaves a complete environment in `venv`, built by one process even if several start."""
    if is_current(venv):
        return
    venv.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(venv.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # let go by the kernel, however this process ends
        if not is_current(venv):
            build(venv)
    finally:
        os.close(folder)


def build(venv: Path) -> None:
    started = time.monotonic()
    refuse_foreign_folder(venv)
    say(f"Building the environment in {venv} (once) ...")
    shutil.rmtree(venv, ignore_errors=True)
    venv.mkdir()
    (venv / STAMP).touch()  # marks the folder as ours; empty, so not yet current
    environ = installer_environ()
    installer = fetch_uv(venv, environ)
    if installer is None or not install_with_uv(installer, venv, environ):
        say("Falling back to venv and pip.")
        install_with_pip(venv, environ)
    unfinished = venv / f"{STAMP}.new"
    unfinished.write_text(expected_stamp(), encoding="ascii")
    unfinished.replace(venv / STAMP)
    say(f"The environment is ready after {time.monotonic() - started:.1f} s.")


def refuse_foreign_folder(venv: Path) -> None:
    """Rebuilding empties the folder, so it must be an environment, empty, or absent."""
    if not venv.exists():
        return
    known = (venv / "pyvenv.cfg", venv / STAMP)
    if any(venv.iterdir()) and not any(mark.exists() for mark in known):
        raise BootstrapError("the folder holds something else; name another one in TM_VENV")


def fetch_uv(venv: Path, environ: dict[str, str]) -> str | None:
    """Path of the pinned uv, installed into the environment by pip; None if it cannot be had."""
    if importlib.util.find_spec("pip") is None:
        raise BootstrapError(
            f"{sys.executable} has no pip; install it (Debian: apt-get install python3-pip)"
        )
    target = venv / "bootstrap"
    command = [
        *(sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"),
        *("--no-input", "--no-deps", "--only-binary", ":all:", "--require-hashes"),
        *("--target", str(target), "--requirement", str(BOOTSTRAP_LOCK)),
    ]
    found = target / "bin" / "uv"
    return str(found) if run(command, environ) and found.exists() else None


def install_with_uv(installer: str, venv: Path, environ: dict[str, str]) -> bool:
    make = [installer, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(venv)]
    fill = [
        *(installer, "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"),
        *("--python", str(venv / "bin" / "python"), "--requirement", str(LOCK)),
    ]
    return run(make, environ) and run(fill, environ)


def install_with_pip(venv: Path, environ: dict[str, str]) -> None:
    """The slow way. The environment gets no pip of its own: Debian's python3 cannot make one."""
    make = [sys.executable, "-m", "venv", "--without-pip", "--clear", str(venv)]
    fill = [
        *(sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python")),
        *("install", "-qq", "--disable-pip-version-check", "--no-input"),
        *("--only-binary", ":all:", "--require-hashes", "--requirement", str(LOCK)),
    ]
    if not (run(make, environ) and run(fill, environ)):
        raise BootstrapError(
            "the packages of requirements.lock could not be installed; the lines above say why "
            "(no network, or a package index that must be set in pip's own configuration?)"
        )


def run(command: list[str], environ: dict[str, str]) -> bool:
    try:
        done = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=2,
            timeout=PIP_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"{Path(command[0]).name}: {error}")
        return False
    return done.returncode == 0


def installer_environ() -> dict[str, str]:
    """The caller's environment, with what pip is configured for told to uv in uv's own words.

    uv does not read pip's configuration, and a machine whose packages come from an index of its
    own has that index configured for pip. What the caller set for uv wins.
    """
    environ = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    environ["UV_PYTHON_DOWNLOADS"] = "never"
    environ["PIP_ROOT_USER_ACTION"] = "ignore"  # the environment is ours, not the system's
    pip = pip_settings()
    # Hashes decide which file is the right one, so it may come from any of the indexes.
    told = {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INDEX": pip.get("extra-index-url", ""),
        "UV_FIND_LINKS": ",".join(pip.get("find-links", "").split()),
        "UV_INSECURE_HOST": pip.get("trusted-host", ""),
        "SSL_CERT_FILE": pip.get("cert", ""),
        "HTTPS_PROXY": pip.get("proxy", ""),
    }
    for key, value in told.items():
        if value:
            environ.setdefault(key, value)
    return environ


def pip_settings() -> dict[str, str]:
    """What pip is configured with; for each option the environment wins, then [install]."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    rank = {"global": 0, "install": 1, ":env:": 2}
    found: dict[str, tuple[int, str]] = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.strip().rpartition(".")
        words = shlex.split(value.replace("\\n", " "))
        if section in rank and (option not in found or rank[section] > found[option][0]):
            found[option] = (rank[section], " ".join(words).strip())
    return {option: value for option, (_, value) in found.items()}


def say(text: str) -> None:
    """Progress goes to standard error; standard output belongs to the command handed over to."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
