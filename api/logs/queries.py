"""Pages of the log: the newest lines of each source, merged; a cursor is an instant and a line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Subquery, and_, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from api.logs.schemas import Kind, LogFilter, LogOut, LogsOut
from api.logs.sources import SOURCES
from api.security.sessions import SignedIn
from api.wire import invalid

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAYS_MAX: Final = 365 * 200
_CURSOR: Final = re.compile(rf"([0-9]{{1,18}})_((?:{'|'.join(Kind)})-[0-9a-z-]{{1,60}})")
_Begin = tuple[datetime, str]


async def page(
    connection: AsyncConnection, user: SignedIn, wanted: LogFilter, limit: int, after: str
) -> LogsOut:
    """Newest first. Raises InvalidInput `page.cursor` for what we never gave out."""
    begin = read_cursor(after)
    parts = [
        _newest(make(user), wanted, begin, limit + 1)
        for kind, make in SOURCES
        if kind in wanted.kinds
    ]
    if not parts:
        return LogsOut(logs=[], next=None)
    merged = union_all(*(select(part) for part in parts)).subquery("merged")
    query = select(merged).order_by(merged.c.at.desc(), merged.c.id.desc()).limit(limit + 1)
    rows = (await connection.execute(query)).all()
    shown = [LogOut(**row._mapping) for row in rows[:limit]]  # noqa: SLF001 - SQLAlchemy's public name
    more = _cursor(shown[-1]) if len(rows) > limit else None
    return LogsOut(logs=shown, next=more)


def _newest(line: Select[Any], wanted: LogFilter, begin: _Begin | None, rows_max: int) -> Subquery:
    """No source gives more than a page, however much it holds."""
    c = line.selected_columns
    query = line.where(*_conditions(c, wanted))
    if begin is not None:
        at, line_id = begin
        query = query.where(c.at <= at, or_(c.at < at, and_(c.at == at, c.id < line_id)))
    return query.order_by(c.at.desc(), c.id.desc()).limit(rows_max).subquery()


def _conditions(c: Any, wanted: LogFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.level is not None:
        found.append(c.level == wanted.level.value)
    if wanted.code:
        found.append(c.code.startswith(wanted.code, autoescape=True))
    if wanted.since is not None:
        found.append(c.at >= wanted.since)
    if wanted.until is not None:
        found.append(c.at < wanted.until)
    for name in ("strategy_id", "account_id", "signal_id"):
        value = getattr(wanted, name)
        if value is not None:
            found.append(c[name] == value)
    return found


def _cursor(line: LogOut) -> str:
    return f"{(line.at - _EPOCH) // _MICROSECOND}_{line.id}"


def read_cursor(cursor: str) -> _Begin | None:
    """None for an empty one."""
    if not cursor:
        return None
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise invalid("page.cursor", "This is no cursor of ours.", "after")
    days, rest = divmod(int(found[1]), 86_400_000_000)
    if days > _DAYS_MAX:
        raise invalid("page.cursor", "This is no cursor of ours.", "after")
    return _EPOCH + timedelta(days=days, microseconds=rest), found[2]
