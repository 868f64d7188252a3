"""Whose an order of the venue is, by the ids it was sent with; nothing of the product is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from paper import rows
from paper.venue import Venue
from shared.domain.ids import IntentId
from shared.domain.order import Role
from tests.simulation.rows import IntentRow
from tests.simulation.store import Store


@dataclass(frozen=True, slots=True)
class Owned:
    """`entry`: it may open. An exit that a strategy of the broker placed has no id of its own."""

    strategy: int
    intent: IntentId | None
    is_entry: bool


@dataclass(slots=True)
class Owners:
    venue: Venue
    store: Store
    _known: dict[int, Owned] = field(default_factory=dict)
    _strategy_of: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    _links_seen: int = 0

    def of(self, order_id: int) -> Owned | None:
        """None for what is not ours."""
        found = self._known.get(order_id)
        if found is None:
            found = self._find(order_id)
            if found is not None:
                self._known[order_id] = found
        return found

    def name_of(self, order_id: int) -> str | None:
        """The id with which the order was made."""
        made_by = self.venue.store.of_master(rows.Command, order_id)
        return made_by[0].cl_ord_id if made_by else None

    def intent_of(self, name: str | None) -> IntentRow | None:
        try:
            return None if name is None else self.store.intents.get(IntentId(UUID(name)))
        except ValueError:
            return None

    def _find(self, order_id: int) -> Owned | None:
        row = self.intent_of(self.name_of(order_id))
        if row is not None:
            return Owned(row.intent.strategy_id, row.id, row.role is Role.ENTRY)
        label, name = self._in_strategy(order_id)
        entry = self.intent_of(name)
        if entry is None:
            return None
        is_entry = label == "Entry"
        return Owned(entry.intent.strategy_id, entry.id if is_entry else None, is_entry)

    def _in_strategy(self, order_id: int) -> tuple[str, str | None]:
        links = list(self.venue.store.all(rows.OrderStrategyLink))
        for link in links[self._links_seen :]:
            made = self.venue.store.must(rows.OrderStrategy, link.order_strategy_id)
            self._strategy_of[link.order_id] = (link.label, made.uuid)
        self._links_seen = len(links)
        return self._strategy_of.get(order_id, ("", None))
