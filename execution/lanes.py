"""Step 6: whose turn it is. One order of an account at a time, accounts side by side.

The order within an account is held by the claim itself (`ledger/claims.py`); a lane here is just
the task that carries one claimed intent to the broker. When it ends, the next claim is made.
"""

from __future__ import annotations

import asyncio
from typing import Final

from execution.bell import Bell
from execution.held_up import by_rest
from execution.hours import by_hours, kept_back
from execution.logins import Logins
from execution.news import told
from execution.placer import Placer
from execution.prices import Prices
from execution.resizer import Resizer
from execution.rounds import Rounds
from shared.domain.claim import Candidate, Verdict, judge
from shared.domain.held_up import held_up
from shared.domain.rules.prop import NewsWindow
from shared.ports.clock import Clock
from shared.ports.ledger import Cancel, Claimed, Judge, Lease, Ledger
from shared.runtime.logging import correlated

_SWEEP_EVERY_S: Final = 0.5
_CANCEL_AGAIN_AFTER_S: Final = 1.0
_PUT_OFF_S: Final = 0.02  # about as long as a claim takes


class Lanes:
    def __init__(
        self,
        ledger: Ledger,
        logins: Logins,
        placer: Placer,
        prices: Prices,
        bell: Bell,
        clock: Clock,
        *,
        news: tuple[NewsWindow, ...] = (),
    ) -> None:
        """`news`: the installation's windows, in which prop accounts do not enter."""
        self._ledger = ledger
        self._logins = logins
        self._placer = placer
        self._prices = prices
        self._bell = bell
        self._clock = clock
        self._news = news
        self._rounds = Rounds("claiming", _SWEEP_EVERY_S, self._round)
        self._tasks: asyncio.TaskGroup
        self._cancelled_at_s: dict[int, float] = {}
        self._resizer = Resizer(logins, clock)

    def wake(self) -> None:
        """Something changed: an intent, a fill, an answer."""
        self._rounds.wake()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            await self._rounds.run()

    async def _round(self) -> None:
        for keeps_hours, leases in by_hours(self._logins.sendable(), self._logins):
            judged = self._judge_by_hours if keeps_hours else self._judge
            for rests, some in by_rest(leases, self._logins):
                await self._claim(some, _with_legs_on(judged) if rests else judged)

    async def _claim(self, leases: list[Lease], judge: Judge) -> None:
        claimed_at_s = self._clock.monotonic()
        claims = await self._ledger.claim(leases, judge)
        self._bell(claims.events)
        for claimed in claims.claimed:
            self._tasks.create_task(self._carry(claimed, claimed_at_s))
        for cancel in claims.cancels:
            if self._is_due(cancel):
                self._tasks.create_task(self._placer.cancel(cancel))
        for changes in claims.resizes:
            due = self._resizer.due(changes)
            if due:
                self._tasks.create_task(self._resizer.ask(due))
        if claims.claimed or claims.events:
            self.wake()  # what stood behind them may have its turn now
        elif claims.put_off:
            self._tasks.create_task(self._wake_soon())

    async def _wake_soon(self) -> None:
        await self._clock.sleep(_PUT_OFF_S)
        self.wake()

    async def _carry(self, claimed: Claimed, claimed_at_s: float) -> None:
        with correlated(str(claimed.intent.signal_id or claimed.intent.id)):
            self._bell(await self._placer.place(claimed, claimed_at_s))
        self.wake()

    def _judge_by_hours(self, candidate: Candidate) -> Verdict:
        return kept_back(candidate, self._clock.now()) or self._judge(candidate)

    def _judge(self, candidate: Candidate) -> Verdict:
        intent = candidate.intent
        quote = self._prices.reference(intent.contract, intent.action)
        return judge(told(candidate, self._news), self._clock.now(), quote)

    def _is_due(self, cancel: Cancel) -> bool:
        """Cancelling twice is harmless, but once a second is enough."""
        now_s = self._clock.monotonic()
        last_s = self._cancelled_at_s.get(cancel.broker_order_id)
        if last_s is not None and now_s - last_s < _CANCEL_AGAIN_AFTER_S:
            return False
        self._cancelled_at_s = {
            order: at_s
            for order, at_s in self._cancelled_at_s.items()
            if now_s - at_s < _CANCEL_AGAIN_AFTER_S
        }
        self._cancelled_at_s[cancel.broker_order_id] = now_s
        return True


def _with_legs_on(judged: Judge) -> Judge:
    return lambda candidate: held_up(candidate, judged(candidate))
