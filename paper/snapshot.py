"""What a socket begins with: every row that `paper.recent` tells, whole or in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from paper.recent import Recent
from paper.rows import KINDS, Kind, Row
from paper.store import Store

PART_ROWS_MAX: Final = 500
ALWAYS: Final = frozenset({"user", "contractGroup"})
REQUIRED: Final = frozenset({"users", "contractGroups"})

Snapshot = dict[str, list[Row]]


def snapshot(
    store: Store,
    user_id: int,
    accounts: frozenset[int] | None,
    types: frozenset[str] | None,
    now: datetime,
) -> Snapshot:
    """Rows by the plural of their entity, without the empty ones that need not be there."""
    recent = Recent(store, user_id, now)
    found = {
        kind.plural: list(_rows(store, kind, user_id, accounts, recent))
        for kind in KINDS.values()
        if kind.synced and (types is None or kind.name in types or kind.name in ALWAYS)
    }
    return {name: rows for name, rows in found.items() if rows or name in REQUIRED}


def parts(whole: Snapshot) -> Iterator[Mapping[str, Any]]:
    """The snapshot in pieces of at most `PART_ROWS_MAX` rows, each a message of its own."""
    part: Snapshot = {name: [] for name in REQUIRED}
    room = PART_ROWS_MAX
    for name, found in whole.items():
        for row in found:
            if room == 0:
                yield part
                part, room = {required: [] for required in REQUIRED}, PART_ROWS_MAX
            part.setdefault(name, []).append(row)
            room -= 1
    yield part


def _rows(
    store: Store,
    kind: Kind,
    user_id: int,
    accounts: frozenset[int] | None,
    recent: Recent,
) -> Iterator[Row]:
    for row in store.visible(kind, user_id):
        ours = accounts is None or kind.shared or kind.name == "user"
        if (ours or store.account_of(kind.row, row.id) in (accounts or ())) and recent.tells(row):
            yield row
