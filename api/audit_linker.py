"""Links new rows of the audit log to its chain, each second, beside everything else."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db import audit_chain
from shared.db.failures import is_outage
from shared.db.uow import unit_of_work
from shared.ports.clock import Clock
from shared.runtime.metrics import counter
from shared.streams.outage import Outage

EVERY_S: Final = 1.0

_linked = counter("tm_audit_linked_total", "rows of the audit log that were linked")


class AuditLinker:
    """One at a time works, by a lock that nobody else takes; the others find it taken and wait."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._outage = Outage("postgresql (audit chain)", clock)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._clock.sleep(EVERY_S)
            try:
                await self.link()
            except Exception as error:
                if not (is_outage(error) or isinstance(error, OSError)):
                    raise
                self._outage.failed(error)
                await self._outage.pause()
            else:
                self._outage.worked()

    async def link(self) -> int:
        """Everything that is new; returns how many rows."""
        total = 0
        while True:
            async with unit_of_work(self._engine) as connection:
                count = await audit_chain.link(connection)
            _linked.inc(count)
            total += count
            if count < audit_chain.LINKED_AT_ONCE_MAX:
                return total
