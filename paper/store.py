"""All rows of the venue in memory, by id, by owner and by master, and what has changed.

One thread owns it. A change is visible here at once, durable and told to others only after
`paper.commits` has taken it. Rows are frozen, so a change holds the row as it was at that step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar, cast

from paper.rows import KIND_OF, KINDS, Account, Kind, Row

# Above 32 bits from the first one on, so that an int32 somewhere breaks in a test.
FIRST_ID: Final = 2**33 + 1
NO_ACCOUNT: Final = 0

RowT = TypeVar("RowT", bound=Row)


@dataclass(frozen=True, slots=True)
class Change:
    """One step of one row. `account_id` is NO_ACCOUNT for rows that belong to nobody."""

    kind: Kind
    row: Row
    created: bool
    account_id: int


@dataclass(slots=True)
class _Table:
    rows: dict[int, Row] = field(default_factory=dict)
    by_account: dict[int, dict[int, Row]] = field(default_factory=dict)
    by_master: dict[int, dict[int, Row]] = field(default_factory=dict)
    by_name: dict[str, int] = field(default_factory=dict)
    account_of: dict[int, int] = field(default_factory=dict)


class Store:
    """Rows may be put, never removed: a broker forgets nothing."""

    def __init__(self) -> None:
        self._tables = {name: _Table() for name in KINDS}
        self._accounts_of: dict[int, list[int]] = {}
        self._user_of: dict[int, int] = {}
        self._changes: list[Change] = []
        self.last_id = FIRST_ID - 1

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def put(self, row: Row, account_id: int = NO_ACCOUNT) -> None:
        """Add or replace a row, and remember the step."""
        kind = KIND_OF[type(row)]
        created = self.load(kind, row, account_id)
        self._changes.append(Change(kind, row, created, account_id))

    def load(self, kind: Kind, row: Row, account_id: int) -> bool:
        """The same without remembering: for rows that are durable already. True when new."""
        table = self._tables[kind.name]
        created = row.id not in table.rows
        table.rows[row.id] = row
        table.by_account.setdefault(account_id, {})[row.id] = row
        if kind.master is not None:
            table.by_master.setdefault(getattr(row, kind.master), {})[row.id] = row
        if created:
            table.account_of[row.id] = account_id
            if kind.found:
                table.by_name[getattr(row, "name").upper()] = row.id  # noqa: B009 - typed as Row
            if isinstance(row, Account):
                self._accounts_of.setdefault(row.user_id, []).append(row.id)
                self._user_of[row.id] = row.user_id
        return created

    def take_changes(self) -> list[Change]:
        changes, self._changes = self._changes, []
        return changes

    def owned(self) -> Iterator[tuple[Kind, int, Row]]:
        """Every row with its account, those of a kind in the order of their making."""
        for name, table in self._tables.items():
            for row_id, row in table.rows.items():
                yield KINDS[name], table.account_of[row_id], row

    # ---- reading

    def get(self, row_type: type[RowT], row_id: int) -> RowT | None:
        return cast("RowT | None", self._tables[KIND_OF[row_type].name].rows.get(row_id))

    def must(self, row_type: type[RowT], row_id: int) -> RowT:
        """A row known to exist; KeyError otherwise."""
        return cast("RowT", self._tables[KIND_OF[row_type].name].rows[row_id])

    def all(self, row_type: type[RowT]) -> Iterable[RowT]:
        return cast("Iterable[RowT]", self._tables[KIND_OF[row_type].name].rows.values())

    def of_account(self, row_type: type[RowT], account_id: int) -> Iterable[RowT]:
        table = self._tables[KIND_OF[row_type].name]
        return cast("Iterable[RowT]", table.by_account.get(account_id, {}).values())

    def of_master(self, row_type: type[RowT], master_id: int) -> list[RowT]:
        table = self._tables[KIND_OF[row_type].name]
        return cast("list[RowT]", list(table.by_master.get(master_id, {}).values()))

    def named(self, row_type: type[RowT], name: str) -> RowT | None:
        table = self._tables[KIND_OF[row_type].name]
        row_id = table.by_name.get(name.upper())
        return None if row_id is None else cast("RowT", table.rows[row_id])

    def account_of(self, row_type: type[Row], row_id: int) -> int:
        """The account a row belongs to, NO_ACCOUNT for shared and unknown ones."""
        return self._tables[KIND_OF[row_type].name].account_of.get(row_id, NO_ACCOUNT)

    def user_of(self, account_id: int) -> int | None:
        return self._user_of.get(account_id)

    def accounts_of(self, user_id: int) -> list[int]:
        return self._accounts_of.get(user_id, [])

    # ---- what a login may see

    def visible(self, kind: Kind, user_id: int) -> Iterator[Row]:
        """Every row of a kind that this user may see, over all accounts."""
        table = self._tables[kind.name]
        if kind.shared:
            yield from table.rows.values()
        elif kind.name == "user":
            if user_id in table.rows:
                yield table.rows[user_id]
        else:
            for account_id in self.accounts_of(user_id):
                yield from table.by_account.get(account_id, {}).values()

    def visible_item(self, kind: Kind, user_id: int, row_id: int) -> Row | None:
        row = self._tables[kind.name].rows.get(row_id)
        return row if row is not None and self._may_see(kind, user_id, row_id) else None

    def visible_deps(self, kind: Kind, user_id: int, master_id: int) -> list[Row]:
        rows = self._tables[kind.name].by_master.get(master_id, {})
        return [row for row in rows.values() if self._may_see(kind, user_id, row.id)]

    def visible_named(self, kind: Kind, user_id: int, name: str) -> Row | None:
        row_id = self._tables[kind.name].by_name.get(name.upper())
        return None if row_id is None else self.visible_item(kind, user_id, row_id)

    def _may_see(self, kind: Kind, user_id: int, row_id: int) -> bool:
        if kind.shared:
            return True
        if kind.name == "user":
            return row_id == user_id
        return self.user_of(self._tables[kind.name].account_of[row_id]) == user_id
