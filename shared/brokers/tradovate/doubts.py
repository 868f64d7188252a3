"""Asks the broker which of two rows of one instant stands, as soon as they are seen to differ.

    event -> store in doubt -> gather for 0.25 s -> position/items, cashBalance/items -> facts

Without it a wrong balance or position would stand until the next full read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
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
# Rows of a kind by their ids. Raises BrokerUnavailable, NotFound.
Ask = Callable[[str, list[int]], Awaitable[list[object]]]


class Doubts:
    """One read for each kind and second at most, however many rows are in doubt."""

    def __init__(self, ask: Ask, store: EntityStore, outlet: FactOutlet, clock: Clock) -> None:
        self._ask = ask
        self._store = store
        self._outlet = outlet
        self._clock = clock
        self._due = {kind: asyncio.Event() for kind in _PRIORITIES}

    def look(self) -> None:
        """Rows have come in: see whether there is anything to ask."""
        for kind in self._store.in_doubt:
            self._due[kind].set()

    async def run(self) -> None:
        """For ever; raises CredentialsExpired only. No kind waits for another."""
        async with asyncio.TaskGroup() as group:
            for kind in _PRIORITIES:
                group.create_task(self._settle_all(kind))

    async def _settle_all(self, kind: str) -> NoReturn:
        while True:
            await self._due[kind].wait()
            await self._clock.sleep(limits.DOUBT_GATHER_S)
            self._due[kind].clear()
            await self._clock.sleep(await self._settle(kind))

    async def _settle(self, kind: str) -> float:
        """Ask about some; returns how long to wait before the next question."""
        # Taken before the question leaves: what comes meanwhile is asked about again.
        ids = sorted(self._store.take_doubts(kind))
        some, rest = ids[: limits.IDS_PER_READ_MAX], ids[limits.IDS_PER_READ_MAX :]
        try:
            self._outlet.push(self._store.settle(kind, await self._ask(kind, some)))
        except (Garbled, NotFound) as error:
            log.warning("broker_doubt_not_settled", kind=kind, error=str(error))
        except BrokerUnavailable as error:
            log.warning("broker_doubt_not_settled", kind=kind, error=str(error))
            self._again(kind, ids)
            told = error.context.get("retry_after_s")
            wait_s = told if isinstance(told, float) else limits.DOUBT_RETRY_S
            return min(wait_s, limits.DOUBT_PAUSE_S_MAX)
        self._again(kind, rest)
        return limits.DOUBT_EVERY_S - limits.DOUBT_GATHER_S

    def _again(self, kind: str, ids: list[int]) -> None:
        self._store.doubt(kind, ids)
        self.look()


def asking(reader: Reader) -> Ask:
    """Questions over REST, each kind in its place of the queue."""

    async def ask(kind: str, ids: list[int]) -> list[object]:
        first = reader.first(_PRIORITIES[kind])
        return await first.rows(f"{kind}/items", ids=",".join(map(str, ids)))

    return ask
