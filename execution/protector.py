"""No position without its stop: legs are moved to the exact offset, naked quantity is flattened.

The watch waits for the record only, never for a broker: what is asked of one is asked beside it.
"""

from __future__ import annotations

import asyncio
from typing import Final

from execution.bell import Bell
from execution.hours import by_hours, rests
from execution.logins import Logins
from execution.mover import Mover
from execution.prices import Prices
from execution.resizer import Resizer
from execution.rounds import Rounds
from shared.domain.ids import AccountId
from shared.domain.instruments import product_of
from shared.domain.order import Role
from shared.domain.stop_rules import Ride, next_stop
from shared.ports.clock import Clock
from shared.ports.ledger import STUCK, Lease, Ledger, LegOffset, Naked, Riding
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_EVERY_S: Final = 0.5
# Found within a round, closed within 3 s of the moment it lost its stop.
NAKED_AFTER_S: Final = 0.5
# Somebody is told when an exit is not known to be at the broker so long after it was due: longer
# than a slow broker takes to end its legs, and less than 3 s with the round it is found in.
STUCK_AFTER_S: Final = 2.0
# Between two exits that the guard asks for in vain: the first doubling to the last.
_GUARD_PAUSE_S: Final = 1.0
_GUARD_PAUSE_S_MAX: Final = 30.0


class Protector:
    def __init__(
        self, ledger: Ledger, logins: Logins, prices: Prices, bell: Bell, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._logins = logins
        self._prices = prices
        self._bell = bell
        self._clock = clock
        self.rounds = Rounds("protecting", _EVERY_S, self._round)
        self._tasks: asyncio.TaskGroup
        self._mover = Mover(logins, clock)
        self._resizer = Resizer(logins, clock)
        self._guarded: dict[tuple[int, int, str], tuple[float, float]] = {}
        self._stuck: set[AccountId] = set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            await self.rounds.run()

    async def _round(self) -> None:
        await self._alarm()
        leases = self._logins.sendable()
        if not leases:
            return
        for keeps_hours, some in by_hours(leases, self._logins):
            for found in await self._ledger.naked(some, NAKED_AFTER_S):
                if not (keeps_hours and rests(found.contract, self._clock.now())):
                    await self._guard(found)
        await self._change_legs(leases)

    async def _change_legs(self, leases: list[Lease]) -> None:
        """Each leg for one reason at a time: its distance, then its quantity, then the market."""
        changing: set[int] = set()
        for leg in await self._ledger.legs_off(leases):
            changing.add(leg.broker_order_id)
            if self._mover.is_due(leg):
                await self._ledger.move_leg(leg)  # after a crash the same move is asked again
                self._mover.start(self._tasks, leg)
        for owners in await self._ledger.uneven(leases):
            some = [each for each in owners if each.broker_order_id not in changing]
            changing |= {each.broker_order_id for each in some}
            due = self._resizer.due(some)
            if due:
                self._tasks.create_task(self._resizer.ask(due))
        for ride in await self._ledger.riding(leases):
            if ride.broker_order_id not in changing:
                await self._follow(ride)

    async def _follow(self, ride: Riding) -> None:
        """A stop follows the market by fresh quotes only, and one move must be seen first."""
        self._mover.saw(ride.broker_order_id, ride.qty_contracts, ride.stands_at)
        quote = self._prices.reference(ride.contract, ride.entry.opposite)
        if quote is None or not self._mover.is_free(ride.broker_order_id):
            return
        market = Ride(ride.entry, ride.entry_price, ride.stands_at, quote)
        wanted = next_stop(ride.rule, market, ride.committed, product_of(ride.root))
        if wanted is None:
            return
        leg = LegOffset(
            intent_id=ride.intent_id,
            connection_id=ride.connection_id,
            broker_order_id=ride.broker_order_id,
            role=Role.STOP_LOSS,
            qty_contracts=ride.qty_contracts,
            wanted=wanted,
        )
        await self._ledger.tighten(leg)
        self._mover.start(self._tasks, leg)

    async def _alarm(self) -> None:
        """Once for each stretch of time in which an account's exits do not get through."""
        leases = self._logins.leases()
        if not leases:
            return
        stuck = set(await self._ledger.stuck_exits(leases, STUCK_AFTER_S))
        for account in sorted(stuck - self._stuck):
            _log.error("exit_stuck", account_id=account)
            self._bell(await self._ledger.quarantine(account, STUCK))
        self._stuck = stuck
        # Behind whoever marked them: it may have been a process that has died since.
        self._bell(await self._ledger.lift_stuck(leases, STUCK_AFTER_S))

    async def _guard(self, found: Naked) -> None:
        """Flatten it; what is refused again and again is asked for ever more rarely."""
        now_s = self._clock.monotonic()
        key = (found.account_id, found.strategy_id, found.contract)
        last_s, pause_s = self._guarded.get(key, (-_GUARD_PAUSE_S_MAX * 2, 0.0))
        if now_s - last_s < pause_s:
            return
        if now_s - last_s >= _GUARD_PAUSE_S_MAX * 2:
            pause_s = 0.0  # another position than the one before
        recent = self._guarded.items()
        self._guarded = {k: v for k, v in recent if now_s - v[0] < _GUARD_PAUSE_S_MAX * 2}
        self._guarded[key] = (now_s, min(max(pause_s * 2, _GUARD_PAUSE_S), _GUARD_PAUSE_S_MAX))
        _log.error("position_naked", account_id=found.account_id, contract=found.contract)
        self._bell(await self._ledger.guard_exit(found))
