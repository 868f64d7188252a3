"""Adds that a price asked for: the record of them, as execution needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final, Protocol

from shared.domain.alert_signal import Signal
from shared.domain.average_down import Sinking
from shared.domain.decision.scene import Scene
from shared.domain.plan import Denied, Plan
from shared.domain.strategy import AccountLink, Strategy
from shared.ports.ledger import Lease

# The price at which an add would fill now, if it is due at that; None if it is not.
Due = Callable[[Sinking], Decimal | None]
DecideAverage = Callable[[Sinking, Signal | None, Strategy, AccountLink, Scene], Plan | Denied]

# A price that asked for an add so long ago asks for nothing any more.
ADD_WITHIN: Final = timedelta(seconds=5)


class Averaging(Protocol):
    async def sinking(self, held: Sequence[Lease]) -> list[Sinking]:
        """Positions of strategies that average down, where nothing of theirs is under way.

        Not those of an account that takes exits only, nor of what is switched off.
        """

    async def add(self, found: Sinking, due: Due, decide: DecideAverage) -> Plan | Denied | None:
        """Read the position again, judge the next add and commit its intents, in one transaction.

        The n-th add of a position exists at most once, whoever asks and however often. A refusal
        leaves one event, `EntryRefused`, for each add and reason. None: it is not there any more,
        or not due.
        """
