"""Asks the broker which of two rows of one instant stands, as soon as they are seen to differ.

    event -> store in doubt -> gather for 0.25 s -> position/items, cashBalance/items -> facts

Without it a wrong balance or position would stand until the next full read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, NoReturn

from shared.brokers.tradovate import limits
from shared.brokers.tradovate.cache import EntityStore
from shared.brokers.tradovate.outlet import FactOutlet
from shared.brokers.tradovate.reads import Reader
from shared.brokers.tradovate.wire import Garbled
from shared.domain.errors import BrokerUnavailable, NotFound
from shared.ports.broker import Priority
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

log = get_logger(__name__)

# What is held decides about orders; a balance is only shown.
_PRIORITIES: Final[Mapping[str, Priority]] = {
    "position": Priority.RECONCILE,
    "cashBalance": Priority.RECORDING,
}


class Doubts:
    """One read for each kind and second at most, however many rows are in doubt."""

    def __init__(
        self, reader: Reader, store: EntityStore, outlet: FactOutlet, clock: Clock
    ) -> None:
        self._reader = reader
        self._store = store
        self._outlet = outlet
        self._clock = clock
        self._due = asyncio.Event()

    def look(self) -> None:
        """Rows have come in: see whether there is anything to ask."""
        if self._store.in_doubt:
            self._due.set()

    async def run(self) -> NoReturn:
        """For ever; raises CredentialsExpired only."""
        while True:
            await self._due.wait()
            await self._clock.sleep(limits.DOUBT_GATHER_S)
            self._due.clear()
            pause_s = limits.DOUBT_EVERY_S - limits.DOUBT_GATHER_S
            # Taken before the question leaves: what comes meanwhile is asked about again.
            for kind, ids in self._store.take_doubts().items():
                pause_s = max(pause_s, await self._ask(kind, ids))
            await self._clock.sleep(pause_s)

    async def _ask(self, kind: str, ids: frozenset[int]) -> float:
        """Settle some; returns how long to wait before the next try, 0 when it is done."""
        some = sorted(ids)[: limits.IDS_PER_READ_MAX]
        rest = ids.difference(some)
        try:
            rows = await self._reader.first(_PRIORITIES[kind]).rows(
                f"{kind}/items", ids=",".join(map(str, some))
            )
            self._outlet.push(self._store.settle(kind, rows))
        except (Garbled, NotFound) as error:
            log.warning("broker_doubt_not_settled", kind=kind, error=str(error))
        except BrokerUnavailable as error:
            log.warning("broker_doubt_not_settled", kind=kind, error=str(error))
            self._again(kind, ids)
            told = error.context.get("retry_after_s")
            wait_s = told if isinstance(told, float) else limits.DOUBT_RETRY_S
            return min(wait_s, limits.DOUBT_PAUSE_S_MAX)
        if rest:
            self._again(kind, rest)
        return 0.0

    def _again(self, kind: str, ids: frozenset[int]) -> None:
        self._store.doubt(kind, ids)
        self._due.set()
