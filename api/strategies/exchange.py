"""Strategies as they leave an installation, and as they come into one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.resources import Resources
from api.security.sessions import SignedIn
from api.strategies import service
from api.strategies.schemas import CreateIn
from shared.db.tables.strategies import strategies
from shared.domain.errors import InvalidInput

_SETTINGS: Final = (
    "name", "strat_type", "symbol", "timeframe", "description", "position_size", "position_add",
    "days_to_expiry", "strike_offset", "size_from", "rules", "active", "recording_enabled",
)  # fmt: skip


async def exported(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Settings that `brought_in` takes. Keys and accounts belong to this installation and stay."""
    query = select(*(strategies.c[name] for name in _SETTINGS))
    rows = await connection.execute(
        query.where(strategies.c.deleted_at.is_(None)).order_by(strategies.c.id)
    )
    return [{name: _plain(getattr(row, name)) for name in _SETTINGS} for row in rows]


async def brought_in(
    connection: AsyncConnection,
    resources: Resources,
    user: SignedIn,
    settings: Mapping[str, Any],
) -> int:
    """The new strategy's id. Raises InvalidInput, and as creating one does."""
    try:
        body = CreateIn.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput("request.invalid", f"{where}: {first['msg']}") from error
    return (await service.create(connection, resources, user, body)).id


def _plain(value: Any) -> Any:
    """Exact numbers of stored rules as text: JSON has no other that stays exact."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)
