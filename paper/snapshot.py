"""What a socket begins with: the rows of the current session and the one before, and what is live.

A venue that has run for months still answers with a few megabytes: an order that ended earlier,
and everything that belongs to it, is left out. The lists of REST tell all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from paper import rows
from paper.rows import KINDS, Kind, Row, stamp
from paper.scribe import FINAL
from paper.store import Store
from paper.strategy_rows import LIVE_STATUS
from shared.domain.calendar import CHICAGO, DAY_ROLLS_AT, trade_date

PART_ROWS_MAX: Final = 500
ALWAYS: Final = frozenset({"user", "contractGroup"})
REQUIRED: Final = frozenset({"users", "contractGroups"})
_SATURDAY: Final = 5

Snapshot = dict[str, list[Row]]


def since(now: datetime) -> str:
    """The beginning of the session before the current one."""
    day = trade_date(now) - timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day -= timedelta(days=1)
    begins = datetime.combine(day - timedelta(days=1), DAY_ROLLS_AT, CHICAGO)
    return stamp(begins.astimezone(UTC))


def snapshot(
    store: Store,
    user_id: int,
    accounts: frozenset[int] | None,
    types: frozenset[str] | None,
    now: datetime,
) -> Snapshot:
    """Rows by the plural of their entity, without the empty ones that need not be there."""
    recent = _Recent(store, store.accounts_of(user_id), since(now))
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


class _Recent:
    """Which orders are told, and so which of their commands, reports and fills."""

    def __init__(self, store: Store, account_ids: Iterable[int], begins: str) -> None:
        self._store = store
        self._begins = begins
        self._orders: set[int] = set()
        self._fills: set[int] = set()
        for account_id in account_ids:
            self._take(account_id)

    def tells(self, row: Row) -> bool:
        match row:
            case rows.Order():
                return row.id in self._orders
            case (
                rows.OrderVersion()
                | rows.Command()
                | rows.ExecutionReport()
                | rows.OrderStrategyLink()
            ):
                return row.order_id in self._orders
            case rows.CommandReport():
                return self._store.must(rows.Command, row.command_id).order_id in self._orders
            case rows.Fill() | rows.FillFee():
                return row.id in self._fills
            case rows.FillPair():
                return row.buy_fill_id in self._fills or row.sell_fill_id in self._fills
            case _:
                return not isinstance(row, rows.OrderStrategy) or self._tells_strategy(row)

    def _tells_strategy(self, row: rows.OrderStrategy) -> bool:
        return row.status == LIVE_STATUS or row.timestamp >= self._begins

    def _take(self, account_id: int) -> None:
        for order in self._store.of_account(rows.Order, account_id):
            if order.ord_status not in FINAL or order.timestamp >= self._begins:
                self._orders.add(order.id)
        for command in self._store.of_account(rows.Command, account_id):
            if command.timestamp >= self._begins:
                self._orders.add(command.order_id)
        for fill in self._store.of_account(rows.Fill, account_id):
            is_open = fill.active and fill.finally_paired < fill.qty
            if fill.timestamp >= self._begins or is_open:
                self._orders.add(fill.order_id)
                self._fills.add(fill.id)


def _rows(
    store: Store,
    kind: Kind,
    user_id: int,
    accounts: frozenset[int] | None,
    recent: _Recent,
) -> Iterator[Row]:
    for row in store.visible(kind, user_id):
        ours = accounts is None or kind.shared or kind.name == "user"
        if (ours or store.account_of(kind.row, row.id) in (accounts or ())) and recent.tells(row):
            yield row
