"""Step 9: what the broker tells becomes the record.

One tracker per login. Facts are applied in batches, each batch in one transaction, each fact by
its id: told twice, late or in another order, they give the same books.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

from execution.bell import Bell
from shared.db.failures import is_outage
from shared.domain.ids import ConnectionId
from shared.ports.broker import (
    Fact,
    FeedLost,
    FillFact,
    OrderFact,
    PositionFact,
    Synced,
)
from shared.ports.clock import Clock
from shared.ports.ledger import Ledger
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_BATCH_MAX: Final = 500
_AGAIN_AFTER_S: Final = 0.2
# A fill whose order is not known yet waits this long for it, then it is somebody else's.
_ORDER_PATIENCE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class _ReadWhole:
    """Stands behind the facts of one full read: with them in the record, it is as of `as_of_s`."""

    as_of_s: float


class Tracker:
    """`feed` queues facts; `run` applies them.

    Absence means something while the stream is synced, or as of the beginning of a full read:
    `synced_since_s` and `read_as_of_s`, both of the monotonic clock.
    """

    def __init__(
        self,
        login: ConnectionId,
        ledger: Ledger,
        bell: Bell,
        clock: Clock,
        *,
        changed: Callable[[], None],
    ) -> None:
        self._login = login
        self._ledger = ledger
        self._bell = bell
        self._clock = clock
        self._changed = changed
        self._facts: asyncio.Queue[Fact | _ReadWhole] = asyncio.Queue(maxsize=20_000)
        self._known_orders: set[int] = set()
        self._early: list[tuple[float, FillFact]] = []
        self.positions: dict[tuple[int, str], PositionFact] = {}
        self.synced_since_s: float | None = None
        self.read_as_of_s: float | None = None
        self._quiet_since_s = clock.monotonic()
        self._is_applying = False

    @property
    def has_everything(self) -> bool:
        """Whether all that the broker knows was in the record at some time."""
        return self.synced_since_s is not None or self.read_as_of_s is not None

    @property
    def quiet_since_s(self) -> float:
        """When the last fact came; this very moment while one is not in the record yet.

        Who compares the record with what the broker holds must not take our own delay (a slow
        database, a busy machine) for a difference.
        """
        if self._is_applying or self._early or not self._facts.empty():
            return self._clock.monotonic()
        return self._quiet_since_s

    async def feed(self, fact: Fact) -> None:
        """Waits when the database is far behind: the broker's socket buffers then."""
        await self._facts.put(fact)

    async def feed_read(self, facts: Sequence[Fact], began_s: float) -> None:
        """All facts of a full read that began then: what it does not show, was not there."""
        for fact in facts:
            await self._facts.put(fact)
        await self._facts.put(_ReadWhole(began_s))

    async def run(self) -> None:
        while True:
            batch = await self._next()
            self._is_applying = True
            await self._apply([fact for fact in batch if _is_material(fact)])
            for fact in batch:
                self._note(fact)
            self._is_applying = False
            if batch:
                self._changed()

    async def _next(self) -> list[Fact | _ReadWhole]:
        """What is there, at once; early fills whose order has come or never will."""
        batch: list[Fact | _ReadWhole] = []
        try:
            async with asyncio.timeout(_ORDER_PATIENCE_S / 4 if self._early else None):
                batch.append(await self._facts.get())
        except TimeoutError:
            pass
        while not self._facts.empty() and len(batch) < _BATCH_MAX:
            batch.append(self._facts.get_nowait())
        return self._in_order(batch)

    def _in_order(self, batch: list[Fact | _ReadWhole]) -> list[Fact | _ReadWhole]:
        """Hold back fills of unknown orders, bring those whose time has come."""
        self._known_orders |= {
            fact.order_id for fact in batch if isinstance(fact, OrderFact) and not fact.unclaimed
        }
        now_s = self._clock.monotonic()
        fills = [*self._early, *((now_s, fact) for fact in batch if isinstance(fact, FillFact))]
        self._early = [
            (at_s, fill)
            for at_s, fill in fills
            if fill.order_id not in self._known_orders and now_s - at_s < _ORDER_PATIENCE_S
        ]
        held = {id(fill) for _, fill in self._early}
        ready = [fill for _, fill in fills if id(fill) not in held]
        return [*(fact for fact in batch if not isinstance(fact, FillFact)), *ready]

    async def _apply(self, facts: list[Fact]) -> None:
        """Into the record, waiting for the database as long as it takes."""
        while facts:
            try:
                self._bell(await self._ledger.apply(self._login, facts))
            except Exception as error:
                if not is_outage(error):
                    raise
                _log.warning("facts_postponed", count=len(facts), error=type(error).__name__)
                await self._clock.sleep(_AGAIN_AFTER_S)
            else:
                return

    def _note(self, fact: Fact | _ReadWhole) -> None:
        match fact:
            case _ReadWhole(as_of_s):
                if self.read_as_of_s is None or self.read_as_of_s < as_of_s:
                    self.read_as_of_s = as_of_s
            case Synced():
                self.synced_since_s = self._clock.monotonic()
            case FeedLost(reason):
                self.synced_since_s = None
                _log.warning("feed_lost", connection_id=self._login, reason=reason)
            case PositionFact():
                known = self.positions.get((fact.account, fact.contract))
                if known is None or known.at <= fact.at:
                    self.positions[fact.account, fact.contract] = fact
                self._quiet_since_s = self._clock.monotonic()
            case _:
                self._quiet_since_s = self._clock.monotonic()


def _is_material(fact: Fact | _ReadWhole) -> TypeGuard[Fact]:
    return not isinstance(fact, Synced | FeedLost | PositionFact | _ReadWhole)
