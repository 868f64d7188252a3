"""Rows that stay in memory, and tables whose changes can be taken back.

Rows are frozen: a change is a new row under the same key. Each change notes how to undo it, so an
operation that raises leaves nothing behind, as a transaction would.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.domain.ids import IntentId
from tests.simulation.rows import IntentRow

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BrokenRuleError(Exception):
    """A rule that the database keeps by a constraint or by finding exactly one row."""


class Undo:
    """What one operation changed, newest last."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], None]] = []

    def note(self, step: Callable[[], None]) -> None:
        self._steps.append(step)

    @contextmanager
    def transaction(self) -> Iterator[None]:
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
        if key not in self._rows:
            raise BrokenRuleError(f"no row {key}")
        return self._rows[key]

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


class Intents(Table[IntentId, IntentRow]):
    """Intents, with what is asked for at every step kept at hand."""

    def __init__(self, undo: Undo) -> None:
        super().__init__(undo)
        self._open: dict[IntentId, None] = {}
        self._sorted: list[IntentRow] | None = None  # the open ones, until a row is written
        self._by_order: dict[tuple[int, int], IntentId] = {}
        self._by_parent: dict[IntentId, dict[IntentId, None]] = {}

    def insert(self, row: IntentRow) -> None:
        if row.id in self:
            raise BrokenRuleError(f"intent {row.id} is there already")
        self.put(row.id, row)

    def change(self, row: IntentRow) -> None:
        self.put(row.id, row)

    def open(self) -> list[IntentRow]:
        """Those that have not ended, in the order of their accounts."""
        if self._sorted is None:
            rows = [self.one(key) for key in self._open]
            self._sorted = sorted(rows, key=lambda row: (row.account_id, row.account_seq))
        return list(self._sorted)

    def legs(self, parent: IntentId) -> list[IntentRow]:
        legs = (self.one(key) for key in self._by_parent.get(parent, ()))
        return sorted(legs, key=lambda row: row.account_seq)

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
        self._index_leg(key, before, row)
        if row is None or row.ended_at is not None:
            self._open.pop(key, None)
        else:
            self._open[key] = None
        if row is not None and row.broker_order_id is not None:
            self._by_order[row.account_id, row.broker_order_id] = key

    def _index_leg(self, key: IntentId, before: IntentRow | None, row: IntentRow | None) -> None:
        for parent in {each.intent.parent for each in (before, row) if each is not None}:
            if parent is not None and row is not None:
                self._by_parent.setdefault(parent, {})[key] = None
            elif parent is not None:
                self._by_parent[parent].pop(key, None)


@dataclass(slots=True)
class Numbers:
    """Surrogate keys as a database gives them: 1, 2, 3 for each table."""

    last: int = 0

    def next(self) -> int:
        self.last += 1
        return self.last
