"""The budgets of a process, and how they stay equal with the record that all processes share.

draw    -> memory, at once                           (the order path never waits)
sync    -> what was drawn since goes out as one batch for all logins; back comes what all
           processes spent in the last hour          (each 2 s, at a login's start, at the end)

A crash forgets what was drawn in the last two seconds, far less than the fifth kept for exits.
While the record is away each process counts for itself and keeps its batch.
"""

from __future__ import annotations

import asyncio
from typing import Final, NoReturn

from shared.brokers.tradovate.budget import SLOT_S, RequestBudget
from shared.brokers.tradovate.login import Urls
from shared.domain.errors import Unavailable
from shared.ports.clock import Clock
from shared.ports.spending import SpendBook, Spent
from shared.runtime.logging import get_logger

log = get_logger(__name__)

SYNC_EVERY_S: Final = 2.0


class Spending:
    """Without a book every process is alone with its budgets."""

    def __init__(self, clock: Clock, book: SpendBook | None = None) -> None:
        self._clock = clock
        self._book = book
        self._budgets: dict[str, RequestBudget] = {}
        self._turn = asyncio.Lock()

    def budget(self, urls: Urls, login_name: str) -> RequestBudget:
        """The one budget of a user at a broker: demo and live count together."""
        scope = f"{urls.quota_host}/{login_name}"
        if scope not in self._budgets:
            self._budgets[scope] = RequestBudget(self._clock, metered=urls.metered)
        return self._budgets[scope]

    async def run(self) -> NoReturn:
        while True:
            await self._clock.sleep(SYNC_EVERY_S)
            await self.sync()

    async def sync(self) -> None:
        """One batch out, all totals back. The record being away is no error."""
        metered = {scope: each for scope, each in self._budgets.items() if each.metered}
        if self._book is None or not metered:
            return
        async with self._turn:  # two batches at once would enter the same requests twice
            slot = int(self._clock.monotonic() // SLOT_S)
            batch = {scope: each.unsaved() for scope, each in metered.items()}
            spent = [
                Spent(scope, int((slot - drawn_in) * SLOT_S), requests)
                for scope, unsaved in batch.items()
                for drawn_in, requests in unsaved.items()
            ]
            try:
                totals = await self._book.add(spent, metered)
            except Unavailable as error:
                log.warning("broker_spending_not_saved", code=error.code, batch=len(spent))
                return
            for scope, unsaved in batch.items():
                metered[scope].saved(unsaved, totals.get(scope, 0))
