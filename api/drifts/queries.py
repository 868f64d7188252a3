"""Reading differences between two books."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.drifts.schemas import DriftOut
from shared.db.tables.drifts import drifts
from shared.domain.drift import DriftKind
from shared.domain.errors import NotFound
from shared.domain.rules.drift import DriftPolicy

_SHOWN_MAX: Final = 200
_TOLD_ONLY: Final = frozenset(kind.value for kind in DriftKind if not kind.holds_entries)


async def list_drifts(connection: AsyncConnection, *, standing: bool) -> list[DriftOut]:
    """The newest first; `standing`: only what has not ended."""
    query = select(drifts).order_by(drifts.c.id.desc()).limit(_SHOWN_MAX)
    if standing:
        query = query.where(drifts.c.ended_at.is_(None))
    return [_out(row) for row in await connection.execute(query)]


async def require(connection: AsyncConnection, drift_id: int) -> None:
    """Raises NotFound `drift.unknown` for one that is not there, or another's."""
    query = select(drifts.c.id).where(drifts.c.id == drift_id)
    if (await connection.execute(query)).one_or_none() is None:
        raise NotFound("drift.unknown", "There is no such difference.")


def _out(row: Row[Any]) -> DriftOut:
    is_strict = row.policy == DriftPolicy.BLOCK or row.code not in _TOLD_ONLY
    return DriftOut(
        id=row.id,
        account_id=row.account_id,
        strategy_id=row.strategy_id or None,
        root=row.root,
        contract=row.contract,
        code=row.code,
        message=row.message,
        compared=row.compared,
        policy=row.policy,
        holds_entries=is_strict and row.ended_at is None and row.released_at is None,
        found_at=row.found_at,
        released_at=row.released_at,
        ended_at=row.ended_at,
        ending=row.ending,
    )
