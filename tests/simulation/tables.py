"""Rows that stay in memory, and tables whose changes can be taken back.

Rows are frozen: a change is a new row under the same key. Each change notes how to undo it, so an
operation that raises leaves nothing behind, as a transaction would.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.domain.ids import AccountId, IntentId, SignalId, StrategyId
from shared.domain.order import Role
from tests.simulation.rows import FillRow, IntentRow

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
G = TypeVar("G", bound=Hashable)
Owner = tuple[AccountId, StrategyId | int, str]


class BrokenRuleError(Exception):
    """A rule that the database keeps by a constraint or by finding exactly one row."""


class Undo:
    """What one operation changed, newest last."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], None]] = []
        self._kept: list[Callable[[], None]] | None = None  # of all operations since `savepoint`

    def note(self, step: Callable[[], None]) -> None:
        self._steps.append(step)
        if self._kept is not None:
            self._kept.append(step)

    def savepoint(self) -> Callable[[], None]:
        """Returns what takes back everything from here on; one at a time."""
        kept = self._kept = []

        def take_back() -> None:
            self._kept = None
            for step in reversed(kept):
                step()

        return take_back

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._steps.clear()  # what others committed meanwhile, without an operation, stays
        try:
            yield
        except BaseException:
            for step in reversed(self._steps):
                step()
            raise
        finally:
            self._steps.clear()


class Table(Generic[K, V]):
    """Rows by key, in the order in which they were first written."""

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self._rows: dict[K, V] = {}
        self.changes = 0  # how often a row of it was written

    def put(self, key: K, row: V) -> None:
        before = self._rows.get(key)
        self._undo.note(lambda: self._set(key, before))
        self._set(key, row)

    def get(self, key: K) -> V | None:
        return self._rows.get(key)

    def one(self, key: K) -> V:
        """Raises `BrokenRuleError` when there is none."""
        row = self._rows.get(key)
        if row is None:
            raise BrokenRuleError(f"no row {key}")
        return row

    def rows(self) -> list[V]:
        return list(self._rows.values())

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def _set(self, key: K, row: V | None) -> None:
        self.changes += 1
        if row is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = row


class Index(Generic[G, K, V]):
    """Rows that have something in common, in the order in which they came to have it.

    `group` names what that is; None: the row is in no group.
    """

    def __init__(self, group: Callable[[V], G | None]) -> None:
        self._group = group
        self._rows: dict[G, dict[K, V]] = {}

    def move(self, key: K, before: V | None, after: V | None) -> None:
        was = None if before is None else self._group(before)
        now = None if after is None else self._group(after)
        if was is not None and was != now:
            self._rows[was].pop(key, None)
        if after is not None and now is not None:
            self._rows.setdefault(now, {})[key] = after

    def of(self, group: G) -> list[V]:
        return [*self._rows.get(group, {}).values()]


class Fills(Table[tuple[AccountId, int], FillRow]):
    """Fills, found by the intent and by the owner they belong to."""

    def __init__(self, undo: Undo) -> None:
        super().__init__(undo)
        self._by_intent: Index[IntentId, tuple[AccountId, int], FillRow]
        self._by_intent = Index(lambda row: row.intent_id)
        self._by_owner: Index[Owner, tuple[AccountId, int], FillRow] = Index(_owner)

    def of_intent(self, intent: IntentId) -> list[FillRow]:
        return self._by_intent.of(intent)

    def of_owner(self, account: AccountId, strategy: int, contract: str) -> list[FillRow]:
        return self._by_owner.of((account, strategy, contract))

    def _set(self, key: tuple[AccountId, int], row: FillRow | None) -> None:
        before = self._rows.get(key)
        super()._set(key, row)
        self._by_intent.move(key, before, row)
        self._by_owner.move(key, before, row)


def _owner(row: FillRow) -> Owner:
    return row.account_id, row.strategy_id, row.contract


class Intents(Table[IntentId, IntentRow]):
    """Intents, with what is asked for at every step kept at hand."""

    def __init__(self, undo: Undo) -> None:
        super().__init__(undo)
        self._open: dict[IntentId, IntentRow] = {}
        self._sorted: list[IntentRow] | None = None  # the open ones, until a row is written
        self._by_order: dict[tuple[int, int], IntentId] = {}
        self._by_parent: Index[IntentId, IntentId, IntentRow]
        self._by_parent = Index(lambda row: row.intent.parent)
        self._by_owner: Index[Owner, IntentId, IntentRow] = Index(lambda row: row.owner)
        self._by_signal: Index[tuple[SignalId, AccountId], IntentId, IntentRow] = Index(_cause)
        self._entries: Index[AccountId, IntentId, IntentRow] = Index(_entering)
        self._indexes = (self._by_parent, self._by_owner, self._by_signal, self._entries)

    def insert(self, row: IntentRow) -> None:
        if row.id in self:
            raise BrokenRuleError(f"intent {row.id} is there already")
        self.put(row.id, row)

    def change(self, row: IntentRow) -> None:
        self.put(row.id, row)

    def open(self) -> list[IntentRow]:
        """Those that have not ended, in the order of their accounts."""
        if self._sorted is None:
            rows = self._open.values()
            self._sorted = sorted(rows, key=lambda row: (row.intent.account_id, row.account_seq))
        return list(self._sorted)

    def legs(self, parent: IntentId) -> list[IntentRow]:
        return sorted(self._by_parent.of(parent), key=lambda row: row.account_seq)

    def of_owner(self, account: AccountId, strategy: int, contract: str) -> list[IntentRow]:
        return self._by_owner.of((account, strategy, contract))

    def of_signal(self, signal: SignalId, account: AccountId) -> list[IntentRow]:
        return self._by_signal.of((signal, account))

    def entries(self, account: AccountId) -> list[IntentRow]:
        return self._entries.of(account)

    def by_order(self, account: int, order_id: int) -> IntentRow | None:
        found = self._by_order.get((account, order_id))
        return None if found is None else self.one(found)

    def put(self, key: IntentId, row: IntentRow) -> None:
        if row.broker_order_id is not None:
            holder = self._by_order.get((row.account_id, row.broker_order_id), key)
            if holder != key:
                raise BrokenRuleError(f"order {row.broker_order_id} is another intent's")
        super().put(key, row)

    def _set(self, key: IntentId, row: IntentRow | None) -> None:
        self._sorted = None
        before = self._rows.get(key)
        if before is not None and before.broker_order_id is not None:
            self._by_order.pop((before.account_id, before.broker_order_id), None)
        super()._set(key, row)
        for index in self._indexes:
            index.move(key, before, row)
        if row is None or row.ended_at is not None:
            self._open.pop(key, None)
        else:
            self._open[key] = row
        if row is not None and row.broker_order_id is not None:
            self._by_order[row.account_id, row.broker_order_id] = key


def _cause(row: IntentRow) -> tuple[SignalId, AccountId] | None:
    signal = row.intent.signal_id
    return None if signal is None else (signal, row.intent.account_id)


def _entering(row: IntentRow) -> AccountId | None:
    return row.intent.account_id if row.intent.role is Role.ENTRY else None


@dataclass(slots=True)
class Numbers:
    """Surrogate keys as a database gives them: 1, 2, 3 for each table."""

    last: int = 0

    def next(self) -> int:
        self.last += 1
        return self.last
