"""Where the trades of a page stand: their exits and ids, newest first, found along indexes.

What is filtered is read group by group: the newest few of each, and more only of those that may
still have one among the newest of all. So a page costs what its groups and its length cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from api.analytics.selection import Selection, conditions
from api.trades import groups
from api.trades.source import page
from shared.db.tables.counts import trade_groups

Spot = tuple[datetime, int]

# With more kinds of trades than that the walk along all trades is no slower.
GROUPS_MAX: Final = 5_000
_FEW: Final = 4
# Before a weekend with a holiday the evening counts to a day four days later.
_SLACK: Final = timedelta(days=8)
_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC)
_NEWEST_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Group:
    """What is left to read of a group: exits from `since` on, before `begin`."""

    key: UUID
    contract: str
    is_imported: bool
    begin: Spot
    since: datetime


async def newest(
    connection: AsyncConnection, selection: Selection, begin: Spot | None, limit: int
) -> list[Spot]:
    """The first `limit` behind `begin`."""
    if groups.is_filtered(selection):
        found = await _groups(connection, selection, begin)
        if len(found) <= GROUPS_MAX:
            return await _merged(connection, selection, found, limit)
    return await _walked(connection, selection, begin, limit)


async def _walked(
    connection: AsyncConnection, selection: Selection, begin: Spot | None, limit: int
) -> list[Spot]:
    """Along all trades of the user, within the days."""
    until = _end(selection.until)
    if until < _LAST and (begin is None or begin[0] > until):
        begin = (until, _NEWEST_ID)
    since = _begin(selection.since)

    def where(table: Any) -> Any:
        yield from conditions(selection, table)
        if since > _FIRST:
            yield table.c.exit_at >= since

    found = page(where, begin, limit)
    query = select(found.c.exit_at, found.c.id)
    query = query.order_by(found.c.exit_at.desc(), found.c.id.desc()).limit(limit)
    return [(row.exit_at, row.id) for row in await connection.execute(query)]


async def _groups(
    connection: AsyncConnection, selection: Selection, begin: Spot | None
) -> list[Group]:
    query = (
        select(
            trade_groups.c.trades_key,
            trade_groups.c.account_id,
            trade_groups.c.contract,
            trade_groups.c.first_day,
            trade_groups.c.last_day,
        )
        .where(groups.seen(selection), *groups.conditions(selection).values())
        .limit(GROUPS_MAX + 1)
    )
    if selection.since is not None:
        query = query.where(trade_groups.c.last_day >= selection.since)
    if selection.until is not None:
        query = query.where(trade_groups.c.first_day <= selection.until)
    return [_group(row, selection, begin) for row in await connection.execute(query)]


def _group(row: Any, selection: Selection, begin: Spot | None) -> Group:
    """Of one contract only those days are looked at on which it was traded at all."""
    until, since = _end(selection.until), _begin(selection.since)
    if row.contract:
        until, since = min(until, _end(row.last_day)), max(since, _begin(row.first_day))
    first = (until, _NEWEST_ID)
    return Group(
        key=row.trades_key,
        contract=row.contract,
        is_imported=row.account_id == 0,
        begin=first if begin is None else min(begin, first),
        since=since,
    )


def _begin(day: date | None) -> datetime:
    if day is None or day <= _FIRST.date() + _SLACK:
        return _FIRST
    return datetime.combine(day, time(), UTC) - _SLACK


def _end(day: date | None) -> datetime:
    if day is None or day >= _LAST.date() - _SLACK:
        return _LAST
    return datetime.combine(day, time(), UTC) + _SLACK


async def _merged(
    connection: AsyncConnection, selection: Selection, found: Sequence[Group], limit: int
) -> list[Spot]:
    pending = [*found]
    few = min(limit, max(_FEW, 2 * limit // max(1, len(pending))))
    spots: list[Spot] = []
    while pending:
        heads = await _heads(connection, selection, pending, few)
        spots = sorted([*spots, *(spot for head in heads for spot in head)], reverse=True)[:limit]
        last = spots[-1] if len(spots) == limit else None
        pending = [
            replace(group, begin=head[-1])
            for group, head in zip(pending, heads, strict=True)
            if len(head) == few and (last is None or head[-1] > last)
        ]
        few = min(limit, 2 * few)
    return spots


_HEADS: Final = """
SELECT g.n, t.exit_at, t.id
FROM unnest(CAST(:keys AS uuid[]), CAST(:contracts AS text[]), CAST(:times AS timestamptz[]),
    CAST(:ids AS bigint[]), CAST(:sinces AS timestamptz[]))
  WITH ORDINALITY AS g (key, contract, exit_at, id, since, n)
CROSS JOIN LATERAL (
  SELECT c.exit_at, {id} AS id FROM {table} c
  WHERE c.group_key = g.key AND c.exit_at <= g.exit_at AND (c.exit_at, {id}) < (g.exit_at, g.id)
    AND c.exit_at >= g.since AND (g.contract = '' OR c.contract = g.contract)
    AND c.trade_date BETWEEN :since AND :until
  ORDER BY c.exit_at DESC, {id} DESC LIMIT :few
) t
"""
_OURS: Final = text(_HEADS.format(table="trades", id="c.id"))
_THEIRS: Final = text(_HEADS.format(table="imported_trades", id="(0 - c.id)"))


async def _heads(
    connection: AsyncConnection, selection: Selection, pending: Sequence[Group], few: int
) -> list[list[Spot]]:
    """The newest `few` of each, in the order of the groups."""
    heads: list[list[Spot]] = [[] for _ in pending]
    for statement, is_imported in ((_OURS, False), (_THEIRS, True)):
        mine = [n for n, group in enumerate(pending) if group.is_imported == is_imported]
        if not mine:
            continue
        asked = [pending[n] for n in mine]
        rows = await connection.execute(
            statement,
            {
                "keys": [group.key for group in asked],
                "contracts": [group.contract for group in asked],
                "times": [group.begin[0] for group in asked],
                "ids": [group.begin[1] for group in asked],
                "sinces": [group.since for group in asked],
                "since": selection.since or date.min,
                "until": selection.until or date.max,
                "few": few,
            },
        )
        for row in rows:
            heads[mine[row.n - 1]].append((row.exit_at, row.id))
    return [sorted(head, reverse=True) for head in heads]
