"""Looks at a store in which nothing changes, answered from memory: a week is mostly that.

What the looks compare with the clock are spans of at most some seconds, so their answer stays the
same once the last change is longer ago. It is looked up anew each minute all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, TypeVar

from tests.simulation.store import Store

T = TypeVar("T")
SETTLED_S: Final = 10.0
AGAIN_AFTER_S: Final = 60.0


class Memo:
    def __init__(self, store: Store) -> None:
        self._tables = (store.intents, store.orders, store.fills, store.positions, store.strategies)
        self._clock = store.clock
        self._changes = -1
        self._since_s = 0.0
        self._known: dict[Hashable, tuple[float, object]] = {}

    def look(self, at: Hashable, compute: Callable[[], list[T]]) -> list[T]:
        """What `compute` gives; as it was told before while the store is at rest."""
        now_s = self._clock.monotonic()
        changes = sum(table.changes for table in self._tables)
        if changes != self._changes:
            self._changes, self._since_s = changes, now_s
            self._known.clear()
        known = self._known.get(at)
        if known is not None and now_s - known[0] < AGAIN_AFTER_S and isinstance(known[1], list):
            return list(known[1])
        found = compute()
        if now_s - self._since_s > SETTLED_S:
            self._known[at] = (now_s, found)
        return list(found)
