"""How a command finds the servers it works on: the environment first, else a running `tm up`."""

from collections.abc import Mapping
from pathlib import Path

from cli.paths import DEFAULT_DATA
from cli.up import environment
from cli.up.data import DataDir, Run
from cli.up.errors import UpError


def owner_url(data: Path | None, environ: Mapping[str, str]) -> str:
    given = environment.setting(environ, "DATABASE_URL")
    return environment.owner_url(given) if given else _run(data, "DATABASE_URL").database_url


def redis_url(data: Path | None, environ: Mapping[str, str]) -> str:
    return environment.setting(environ, "REDIS_URL") or _run(data, "REDIS_URL").redis_url


def _run(data: Path | None, variable: str) -> Run:
    folder = data or DEFAULT_DATA
    found = DataDir(folder).recorded()
    if found is None:
        raise UpError(f"no `tm up` runs on {folder}; start one, name its --data, or set {variable}")
    return found
