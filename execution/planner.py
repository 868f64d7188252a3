"""Step 7 of a signal: decide, purely, and commit intents before anything is sent.

The deciding is `shared.domain.decision.decide`; the transaction is the ledger's. What stands here
is only when: one strategy at a time each, many strategies at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from execution.bell import Bell
from shared.db.failures import is_outage
from shared.domain.decision.decide import decide
from shared.domain.ids import StrategyId
from shared.ports.clock import Clock
from shared.ports.ledger import Decide, Ledger
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_AT_ONCE: Final = 8  # fan-outs in flight: as many as the pool can serve beside the rest
_SWEEP_EVERY_S: Final = 1.0


class Planner:
    """`wake` names a strategy with something to decide; a sweep finds those nobody named."""

    def __init__(
        self,
        ledger: Ledger,
        bell: Bell,
        clock: Clock,
        *,
        max_age_s: float,
        planned: Callable[[], None],
        decide_by: Decide = decide,
    ) -> None:
        self._ledger = ledger
        self._bell = bell
        self._clock = clock
        self._max_age_s = max_age_s
        self._planned = planned
        self._decide = decide_by
        self._waiting: dict[StrategyId, None] = {}
        self._busy: set[StrategyId] = set()
        self._woken = asyncio.Event()

    def wake(self, strategy: StrategyId) -> None:
        self._waiting[strategy] = None
        self._woken.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sweep())
            while True:
                await self._woken.wait()
                self._woken.clear()
                for strategy in self._startable():
                    tasks.create_task(self._plan(strategy))

    def _startable(self) -> list[StrategyId]:
        free = _AT_ONCE - len(self._busy)
        chosen = [each for each in self._waiting if each not in self._busy][: max(0, free)]
        for strategy in chosen:
            del self._waiting[strategy]
            self._busy.add(strategy)
        return chosen

    async def _plan(self, strategy: StrategyId) -> None:
        try:
            events = await self._ledger.fan_out(strategy, self._decide, self._max_age_s)
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("fan_out_postponed", strategy_id=strategy, error=type(error).__name__)
            return  # the sweep brings it back
        finally:
            self._busy.discard(strategy)
            self._woken.set()
        self._bell(events)
        if events:
            self._planned()

    async def _sweep(self) -> None:
        """The net under the bell: undecided signals, found without Redis."""
        while True:
            try:
                for strategy in await self._ledger.undecided():
                    self.wake(strategy)
            except Exception as error:
                if not is_outage(error):
                    raise
                _log.warning("sweep_postponed", error=type(error).__name__)
            await self._clock.sleep(_SWEEP_EVERY_S)
