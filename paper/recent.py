"""What lists and snapshots tell: the current session and the one before, and whatever lives.

No source says how far back the broker's lists reach; clients report the current session. An order
that ended earlier, and everything that belongs to it, is left out unless a fill of it is still
open. `item`, `items`, `deps` and `ldeps` know every row, and so does the journal: a venue that has
run for months answers with a few megabytes and still forgets nothing.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from paper import rows
from paper.rows import Row, stamp
from paper.scribe import FINAL
from paper.store import Store
from paper.strategy_rows import LIVE_STATUS
from shared.domain.calendar import CHICAGO, DAY_ROLLS_AT, trade_date
from shared.domain.special_days import trading_day

# The entities that grow with every order; the others are few.
BOUNDED: Final = frozenset(
    {
        "order",
        "orderVersion",
        "command",
        "commandReport",
        "executionReport",
        "fill",
        "fillFee",
        "fillPair",
        "orderStrategy",
        "orderStrategyLink",
    }
)
_DAY: Final = timedelta(days=1)


def since(now: datetime) -> str:
    """The beginning of the trading day before the current one."""
    today = trade_date(now)
    before = _first_of(today) - _DAY
    begins = datetime.combine(_first_of(before) - _DAY, DAY_ROLLS_AT, CHICAGO)
    return stamp(begins.astimezone(UTC))


def _first_of(day: date) -> date:
    """The first date that counts for the trading day `day`: weekends and halts before it do."""
    first = day
    while trading_day(first - _DAY) == day:
        first -= _DAY
    return first


class Recent:
    """Which orders of a login are told, and so which of their commands, reports and fills."""

    def __init__(self, store: Store, user_id: int, now: datetime) -> None:
        self._store = store
        self._begins = since(now)
        self._orders: set[int] = set()
        self._fills: set[int] = set()
        for account_id in store.accounts_of(user_id):
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
