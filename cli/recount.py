"""`tm recount`: what is kept of closed trades, against the trades themselves."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from cli.running import owner_url
from cli.up.errors import UpError
from shared.db import trade_counts
from shared.db.engine import make_engine
from shared.db.failures import DatabaseAway
from shared.db.trade_counts import Counted
from shared.db.uow import read_only, unit_of_work

# A million trades take a minute or two.
_LIMIT_S: Final = 1_800.0


def run(data: Path | None, *, check: bool) -> int:
    """0: all of it is right, or is now; 1 with `check`: it is not. Raises `UpError`."""
    try:
        before, after = asyncio.run(_recount(owner_url(data, os.environ), check=check))
    except (DatabaseAway, DBAPIError, OSError) as error:
        raise UpError(f"PostgreSQL cannot be asked ({error})") from error
    if before.is_right:
        print("Every total is what the trades come to.")
        return 0
    print(f"{before.groups} groups and {before.days} days were not what the trades come to.")
    if not after.is_right:
        return 1
    print("They have been counted anew; now every total is.")
    return 0


async def _recount(url: str, *, check: bool) -> tuple[Counted, Counted]:
    """As it was, and as it is now."""
    engine = make_engine(
        url,
        "tm-cli",
        pool_size=1,
        statement_timeout_s=_LIMIT_S,
        transaction_timeout_s=_LIMIT_S,
    )
    try:
        if check:
            async with read_only(engine) as connection:
                found = await trade_counts.verify(connection)
                return found, found
        async with unit_of_work(engine) as connection:
            before = await trade_counts.rebuild(connection)
            return before, await trade_counts.verify(connection)
    finally:
        await engine.dispose()
