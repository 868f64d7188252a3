"""Imports: read once, stored in batches; a row that was stored is not stored again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from api.jobs import store
from api.jobs.trade_rows import Bad, Read, fingerprint, read_rows
from api.jobs.work import Work
from api.security.sessions import SignedIn
from api.strategies import service as strategy_service
from api.strategies.exchange import brought_in
from shared.db.tables.jobs import imported_trades
from shared.db.tables.strategies import strategies as strategy_rows
from shared.domain.errors import InvalidInput, TradeManagerError
from shared.domain.names import name_key

_ROWS_AT_ONCE: Final = 500
_PROBLEMS_MAX: Final = 100
STRATEGIES_MAX: Final = 500
_NOTHING: Final[dict[str, Any]] = {"imported": 0, "duplicates": 0, "bad": 0, "problems": []}


async def trades(work: Work) -> None:
    """Raises InvalidInput for a file that is none at all."""
    text = await store.read_text(work.resources.engine, work.claimed)
    # In a thread: ten thousand rows take a second, and alerts are answered meanwhile.
    rows = await asyncio.to_thread(read_rows, text, work.row.params["format"])
    work.result = _NOTHING | work.result
    work.total = len(rows)
    seen = _ordinals(rows)
    while work.done < len(rows):
        begin, end = work.done, work.done + _ROWS_AT_ONCE
        async with work.batch() as connection:
            known = await _strategies(connection)
            await _store(connection, work, list(zip(rows, seen, strict=True))[begin:end], known)
            work.done = min(end, len(rows))
    async with work.batch():
        pass  # an empty file, too, says how many rows it had


async def strategies(work: Work) -> None:
    """Each in a step of its own: one that is refused takes no other with it."""
    text = await store.read_text(work.resources.engine, work.claimed)
    found = _array(text)
    work.result = _NOTHING | {"created": []} | work.result
    work.total = len(found)
    while work.done < len(found):
        line = work.done + 1
        async with work.batch() as connection:
            try:
                async with connection.begin_nested():
                    made = await brought_in(connection, work.resources, work.user, found[work.done])
            except TradeManagerError as error:
                _problem(work, line, error.message)
            else:
                work.result["imported"] += 1
                work.result["created"] = [*work.result["created"], made]
            work.done = line
    async with work.batch():
        pass


async def undo(connection: AsyncConnection, user: SignedIn, row: Row[Any]) -> int:
    """How many were taken away. Raises Conflict `strategy.open_position`."""
    if row.kind == "import_trades":
        gone = delete(imported_trades).where(imported_trades.c.job_id == row.id)
        return (await connection.execute(gone)).rowcount
    query = select(strategy_rows.c.id).where(
        strategy_rows.c.id.in_(row.result.get("created", [])), strategy_rows.c.deleted_at.is_(None)
    )
    ids = sorted((await connection.execute(query)).scalars())
    for strategy_id in ids:
        await strategy_service.remove(connection, user, strategy_id, None)
    return len(ids)


async def _strategies(connection: AsyncConnection) -> dict[str, int]:
    """Name -> id, of those that were not deleted."""
    query = select(strategy_rows.c.name_key, strategy_rows.c.id)
    found = await connection.execute(query.where(strategy_rows.c.deleted_at.is_(None)))
    return {row.name_key: row.id for row in found}


def _ordinals(rows: Sequence[Read | Bad]) -> list[int]:
    """Which of several equal rows of the file each one is."""
    counts: Counter[bytes] = Counter()
    out = []
    for row in rows:
        if isinstance(row, Bad):
            out.append(0)
            continue
        same = fingerprint(0, {**row.values, "named": row.strategy}, 0)
        out.append(counts[same])
        counts[same] += 1
    return out


async def _store(
    connection: AsyncConnection,
    work: Work,
    rows: Sequence[tuple[Read | Bad, int]],
    known: dict[str, int],
) -> None:
    values: list[dict[str, Any]] = []
    for line, (row, nth) in enumerate(rows, start=work.done + 1):
        if isinstance(row, Bad):
            _problem(work, row.line, row.message)
            continue
        strategy = _strategy(row, work, known)
        if strategy is None:
            _problem(work, line, f"strategy: {row.strategy or 'none is named'} is not yours")
            continue
        values.append(
            {
                **row.values,
                "user_id": work.claimed.user_id,
                "job_id": work.claimed.id,
                "strategy_id": strategy,
                "fingerprint": fingerprint(strategy, row.values, nth),
            }
        )
    new = 0
    if values:
        added = insert(imported_trades).values(values).on_conflict_do_nothing()
        new = len((await connection.execute(added.returning(imported_trades.c.id))).all())
    work.result["imported"] += new
    work.result["duplicates"] += len(values) - new


def _strategy(row: Read, work: Work, known: dict[str, int]) -> int | None:
    if row.strategy is not None:
        return known.get(name_key(row.strategy))
    given = work.row.params.get("strategy_id")
    return given if given in known.values() else None


def _problem(work: Work, line: int, message: str) -> None:
    work.result["bad"] += 1
    if len(work.result["problems"]) < _PROBLEMS_MAX:
        problem = {"line": line, "message": message[:300]}
        work.result["problems"] = [*work.result["problems"], problem]


def _array(text: str) -> list[dict[str, Any]]:
    """Raises InvalidInput `import.unreadable`, `import.too_many`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("import.unreadable", "This is not JSON.") from error
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidInput("import.unreadable", "An array of objects is wanted.")
    if len(found) > STRATEGIES_MAX:
        raise InvalidInput("import.too_many", f"At most {STRATEGIES_MAX} strategies at once.")
    return found
