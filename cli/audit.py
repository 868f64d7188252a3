"""`tm audit verify`: every row of the audit log against its chain, by code of its own."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.running import owner_url
from cli.up.errors import UpError
from shared.db import audit_chain
from shared.db.engine import make_engine
from shared.db.failures import DatabaseAway
from shared.db.uow import read_only
from shared.domain.audit_chain import Broken, Head, follow

# A second is usual; a service that is down leaves more.
LATE_AFTER_S: Final = 60.0
_HEAD: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Findings:
    """`noted_holds`: whether the chain still passes through the head that was noted earlier.

    `begin`: behind which link it begins, the rows before it having been removed by their age.
    """

    begin: Head
    end: Head | Broken
    noted_holds: bool
    waiting_rows: int
    waiting_s: float


def run(head: str, data: Path | None) -> int:
    """0 when the chain is whole, 1 when it is not. Raises `UpError` where it cannot be read."""
    noted = _noted(head)
    try:
        found = asyncio.run(_read(owner_url(data, os.environ), noted))
    except (DatabaseAway, DBAPIError, OSError) as error:
        raise UpError(f"PostgreSQL cannot be asked ({error})") from error
    return _tell(found, noted)


def _noted(head: str) -> Head:
    if not head:
        return Head()
    found = _HEAD.fullmatch(head)
    if found is None:
        raise UpError("a head looks like 12:<64 hex digits>, as this command prints it")
    return Head(int(found[1]), bytes.fromhex(found[2]))


async def _read(url: str, noted: Head) -> Findings:
    engine = make_engine(url, "tm-cli", pool_size=1)
    try:
        return await verify(engine, noted)
    finally:
        await engine.dispose()


async def verify(engine: AsyncEngine, noted: Head) -> Findings:
    """In one transaction, a bounded number of rows at a time; changes nothing."""
    async with read_only(engine) as connection:
        begin = await audit_chain.anchor(connection)
        end: Head | Broken = begin
        # Of what went by its age nothing can be said any more, except of the last of it.
        noted_holds = noted.seq < begin.seq or noted == begin or noted.seq == 0
        async for links in audit_chain.read_links(connection):
            noted_holds |= any(Head(link.seq, link.hash) == noted for link in links)
            assert isinstance(end, Head)  # noqa: S101 - the loop ends with the first broken link
            end = follow(end, links)
            if isinstance(end, Broken):
                break
        return Findings(begin, end, noted_holds, *(await audit_chain.waiting(connection)))


def _tell(found: Findings, noted: Head) -> int:
    if isinstance(found.end, Broken):
        print(f"BROKEN at row {found.end.row_id} (link {found.end.seq}): {found.end.why}.")
        return 1
    if not found.noted_holds:
        print(f"BROKEN: link {noted.seq} is no longer what was noted; rows were taken off the end.")
        return 1
    rows = found.end.seq - found.begin.seq
    print(f"Whole: {rows} rows. Head {found.end.seq}:{found.end.hash.hex()}")
    if found.begin.seq:
        print(f"The {found.begin.seq} rows before them were removed by their age.")
    if found.waiting_rows:
        late = " Is the api running?" if found.waiting_s > LATE_AFTER_S else ""
        print(f"{found.waiting_rows} newer rows are not linked yet.{late}")
    return 0
