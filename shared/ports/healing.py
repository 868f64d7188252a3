"""What is mended after somebody else's hands: the record of it, as execution needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from shared.domain.decision.scene import Scene
from shared.domain.heal import Intruder, Wound
from shared.domain.plan import Denied, Plan
from shared.domain.strategy import AccountLink, Strategy
from shared.ports.ledger import Lease

DecideHeal = Callable[[Wound, Strategy, AccountLink, Scene], Plan | Denied]


class Healing(Protocol):
    async def wounds(self, held: Sequence[Lease]) -> list[Wound]:
        """What others closed of strategies that heal, whose last word was an entry.

        Only where nothing of theirs is under way and nobody else holds anything; each once, and
        not for long, nor again and again.
        """

    async def heal(self, wound: Wound, decide: DecideHeal) -> Plan | Denied | None:
        """Look again, judge and commit the entry, in one transaction. None: it is over."""

    async def intruders(self, held: Sequence[Lease]) -> list[Intruder]:
        """What others hold beside or beyond a strategy that heals, each once."""

    async def dismiss(self, intruder: Intruder) -> None:
        """An exit of what is not ours in that contract, at most one for a drift."""
