"""Rows of one entity by id, with the rule which of two copies of a row is the later one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Final, Generic, TypeVar

from shared.brokers.tradovate import models
from shared.brokers.tradovate.limits import ROWS_MAX
from shared.domain.order import BrokerStatus

_FINAL: Final = frozenset(
    {
        BrokerStatus.CANCELED,
        BrokerStatus.COMPLETED,
        BrokerStatus.EXPIRED,
        BrokerStatus.FILLED,
        BrokerStatus.REJECTED,
    }
)
_COMMAND_UNDER_WAY: Final = frozenset({"Pending", "PendingExecution", "RiskPassed"})

E = TypeVar("E", bound=models.Entity)
K = TypeVar("K")
V = TypeVar("V")


class Recent(dict[K, V]):
    """A mapping with a bound: the key that came first leaves when one too many comes."""

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > ROWS_MAX:
            del self[next(iter(self))]

    def group(self, key: K, empty: Callable[[], V]) -> V:
        """The value under a key, made when there is none."""
        value = self.get(key)
        if value is None:
            value = self[key] = empty()
        return value


class Rows(Generic[E]):
    """Upserts that tolerate any order and any repeat."""

    def __init__(self) -> None:
        self._rows: Recent[int, E] = Recent()

    def put(self, row: E) -> bool:
        """Keep the row unless a later copy of it is known already."""
        known = self._rows.get(row.id)
        if known is not None and not supersedes(row, known):
            return False
        self._rows[row.id] = row
        return True

    def settle(self, row: E) -> bool:
        """Keep what the broker says when asked, unless a later row has come since."""
        known = self._rows.get(row.id)
        if known is not None and (known == row or known.at > row.at):
            return False
        self._rows[row.id] = row
        return True

    def get(self, id_: int) -> E | None:
        return self._rows.get(id_)

    def as_dict(self) -> dict[int, E]:
        return self._rows

    def __iter__(self) -> Iterator[E]:
        return iter(tuple(self._rows.values()))


def supersedes(row: models.Entity, known: models.Entity) -> bool:
    """Whether `row` is at least as late as `known`: by time, and within one instant by progress.

    Nothing promises an order of events, and all rows of one transaction may carry one timestamp.
    """
    if row.at != known.at:
        return row.at > known.at
    if _day(row) != _day(known):
        return _day(row) > _day(known)
    return _progress(row) >= _progress(known)


def is_in_doubt(row: models.Entity, known: models.Entity) -> bool:
    """Whether nothing but a question to the broker tells which of two copies is the later one.

    That of money and of what is held: several fills may be booked within one millisecond, and a
    bust makes the traded sum smaller again. A later trading day is always later.
    """
    if not isinstance(row, models.Position | models.CashBalance) or row == known:
        return False
    return row.at == known.at and _day(row) == _day(known)


def is_final(status: BrokerStatus) -> bool:
    return status in _FINAL


def _day(row: models.Entity) -> date:
    match row:
        case models.Position(trade_date=day) | models.CashBalance(trade_date=day):
            return date.min if day is None else day.day_of
        case _:
            return date.min


def _progress(row: models.Entity) -> int:  # noqa: PLR0911 - one branch for each kind of row
    match row:
        case models.Order(ord_status=BrokerStatus.PENDING_NEW):
            return 0
        case models.Order(ord_status=BrokerStatus.SUSPENDED):
            return 1
        case models.Order(ord_status=status):
            return 3 if status in _FINAL else 2
        case models.Command(command_status=status):
            return 0 if status in _COMMAND_UNDER_WAY else 1
        case models.Position(bought=bought, sold=sold):
            return bought + sold
        case models.Fill(active=active):
            return 0 if active else 1
        case _:
            return 0
