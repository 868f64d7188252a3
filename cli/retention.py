"""`tm retention`: records that have been kept long enough are removed; the chain still holds."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.running import owner_url
from cli.up.errors import UpError
from shared.db import retention
from shared.db.engine import make_engine
from shared.db.failures import DatabaseAway
from shared.db.retention import Pruned
from shared.domain.audit_chain import Broken

# Seven years of an audit log are read before its oldest rows go.
_LIMIT_S: Final = 1_800.0


@dataclass(frozen=True, slots=True)
class Done:
    """`purged`: rows that went, by user. `audit` None: nothing was to be changed."""

    people: list[int]
    audit: Pruned | Broken | None
    purged: dict[int, int]


def run(data: Path | None, keep_days: int, *, check: bool) -> int:
    """0, or 1 where the chain does not hold and nothing was removed. Raises `UpError`."""
    before = datetime.now(UTC) - timedelta(days=keep_days)
    try:
        done = asyncio.run(_run(owner_url(data, os.environ), before, check=check))
    except (DatabaseAway, DBAPIError, OSError) as error:
        raise UpError(f"PostgreSQL cannot be asked ({error})") from error
    return _tell(done, before)


async def _run(url: str, before: datetime, *, check: bool) -> Done:
    engine = make_engine(
        url, "tm-cli", pool_size=1, statement_timeout_s=_LIMIT_S, transaction_timeout_s=_LIMIT_S
    )
    try:
        return await _remove(engine, before, check=check)
    finally:
        await engine.dispose()


async def _remove(engine: AsyncEngine, before: datetime, *, check: bool) -> Done:
    people = await retention.left_before(engine, before)
    if check:
        return Done(people, None, {})
    pruned = await retention.prune_audit(engine, before)
    if isinstance(pruned, Broken):
        return Done(people, pruned, {})
    return Done(people, pruned, {each: await retention.purge(engine, each) for each in people})


def _tell(done: Done, before: datetime) -> int:
    if isinstance(done.audit, Broken):
        print(f"Nothing was removed: the audit log is broken at row {done.audit.row_id}.")
        return 1
    print(f"{len(done.people)} users left before {before:%Y-%m-%d}.")
    for user, rows in done.purged.items():
        print(f"User {user}: {rows} rows removed.")
    if done.audit is not None:
        print(f"{done.audit.rows} audit rows removed.")
        print(f"The chain begins behind {done.audit.anchor.seq}:{done.audit.anchor.hash.hex()}")
    return 0
