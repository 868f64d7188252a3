"""Where a trip is protected: the stop and the target that would be touched first. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from shared.domain.order import Action, IntentState, Role

# Never worked at the broker, so its price protected nothing.
_NEVER_WORKED = frozenset(
    {
        IntentState.REJECTED,
        IntentState.STALE,
        IntentState.SKIPPED,
        IntentState.BLOCKED,
        IntentState.ABANDONED,
    }
)


@dataclass(frozen=True, slots=True)
class Leg:
    """A protective intent of the entry `parent`."""

    parent: UUID
    role: Role
    price: Decimal | None
    stop_price: Decimal | None
    state: IntentState

    @property
    def level(self) -> Decimal | None:
        """The price at which it does its work: a stop's trigger, a target's limit."""
        return self.stop_price if self.role is Role.STOP_LOSS else self.price


def first_level(legs: Iterable[Leg], role: Role, side: Action) -> Decimal | None:
    """The level of `role` that a trip of `side` meets first; None without any.

    Legs that may still trade count before those that have ended, so a moved stop is shown where
    it is now and a closed trip keeps the level it had.
    """
    mine = [leg for leg in legs if leg.role is role and leg.state not in _NEVER_WORKED]
    working = [leg for leg in mine if not leg.state.final]
    levels = [leg.level for leg in working or mine if leg.level is not None]
    if not levels:
        return None
    is_highest = (role is Role.STOP_LOSS) == (side is Action.BUY)
    return max(levels) if is_highest else min(levels)
