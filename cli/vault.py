"""`tm vault`: a new key for broker credentials, and everything sealed anew under it.

See docs/vault.md for the order of things.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from cli.running import owner_url
from cli.up.errors import UpError
from shared.db import rekey
from shared.db.engine import make_engine
from shared.db.failures import DatabaseAway

if TYPE_CHECKING:
    from shared.vault import Opener

PRESENT: Final = "TM_VAULT_PRIVATE_KEY"
PREVIOUS: Final = "TM_VAULT_PREVIOUS_PRIVATE_KEY"


def new_key() -> int:
    from shared.vault import generate_keypair

    private, public = generate_keypair()
    print(f"TM_VAULT_PRIVATE_KEY={private}")
    print(f"TM_VAULT_PUBLIC_KEY={public}")
    return 0


def rotate(data: Path | None, *, check: bool) -> int:
    """0: the key before is needed no more; 1: it still is. Raises `UpError`."""
    vault = _vault(os.environ)
    try:
        done, left = asyncio.run(_rotate(owner_url(data, os.environ), vault, check=check))
    except (DatabaseAway, DBAPIError, OSError) as error:
        raise UpError(f"PostgreSQL cannot be asked ({type(error).__name__})") from error
    return _tell(done, left)


def _vault(environ: Mapping[str, str]) -> Opener:
    from shared.vault import Opener

    given = {name: _read(environ, name) for name in (PRESENT, PREVIOUS)}
    if not given[PRESENT]:
        raise UpError(f"set {PRESENT} to the key to seal under, {PREVIOUS} to the one before")
    try:
        return Opener(given[PRESENT], given[PREVIOUS])
    except ValueError as error:
        raise UpError(f"{PRESENT} or {PREVIOUS}: {error}") from error


def _read(environ: Mapping[str, str], name: str) -> str:
    """As the services read it: from the environment, or from the file it names."""
    path = environ.get(f"{name}_FILE")
    return environ.get(name) or (Path(path).read_text(encoding="utf-8").strip() if path else "")


async def _rotate(
    url: str, vault: Opener, *, check: bool
) -> tuple[rekey.Rotated | None, dict[str, int]]:
    engine = make_engine(url, "tm-cli", pool_size=2)
    try:
        done = None if check else await rekey.rotate(engine, vault)
        return done, await rekey.left(engine, vault.head)
    finally:
        await engine.dispose()


def _tell(done: rekey.Rotated | None, left: Mapping[str, int]) -> int:
    if done is not None:
        print(f"{done.boxes} secrets were sealed anew.")
        for box in done.unreadable:
            print(f"Neither key opens {box}: its owner has to enter it again.")
    for place, count in left.items():
        print(f"{count} of {place} are not sealed under the present key.")
    if left:
        print(f"{PREVIOUS} is still needed, except for what it does not open.")
        return 1
    print(f"{PREVIOUS} is needed no more.")
    return 0
