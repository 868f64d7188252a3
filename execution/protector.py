"""No position without its stop: legs are moved to the exact offset, naked quantity is flattened.

The watch waits for the record only, never for a broker: what is asked of one is asked beside it.
"""

from __future__ import annotations

import asyncio
from typing import Final

from execution.bell import Bell
from execution.hours import by_hours, rests
from execution.logins import Logins
from execution.rounds import Rounds
from shared.domain.ids import AccountId
from shared.domain.order import OrderType, Role, TimeInForce
from shared.ports.broker import ModifyRequest
from shared.ports.clock import Clock
from shared.ports.ledger import STUCK, Ledger, LegOffset, Naked
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_EVERY_S: Final = 0.5
# A modify under way is not repeated; one that led to nothing is.
_MOVE_AGAIN_AFTER_S: Final = 3.0
# Found within a round, closed within 3 s of the moment it lost its stop.
NAKED_AFTER_S: Final = 0.5
# Somebody is told when an exit is not known to be at the broker so long after it was due.
STUCK_AFTER_S: Final = 1.0
# Between two exits that the guard asks for in vain: the first doubling to the last.
_GUARD_PAUSE_S: Final = 1.0
_GUARD_PAUSE_S_MAX: Final = 30.0


class Protector:
    def __init__(self, ledger: Ledger, logins: Logins, bell: Bell, clock: Clock) -> None:
        self._ledger = ledger
        self._logins = logins
        self._bell = bell
        self._clock = clock
        self.rounds = Rounds("protecting", _EVERY_S, self._round)
        self._tasks: asyncio.TaskGroup
        self._moving: set[int] = set()  # orders whose move is not answered yet: one each
        self._moved_at_s: dict[tuple[int, object], float] = {}
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
        for leg in await self._ledger.legs_off(leases):
            if self._is_due(leg):
                await self._ledger.move_leg(leg)  # after a crash the same move is asked again
                self._moving.add(leg.broker_order_id)
                self._tasks.create_task(self._move(leg))

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

    async def _move(self, leg: LegOffset) -> None:
        try:
            await self._ask_to_move(leg)
        except Exception:  # noqa: BLE001 - the lane's edge: a later round asks again
            _log.exception("move_failed", intent_id=str(leg.intent_id))
        finally:
            self._moving.discard(leg.broker_order_id)

    async def _ask_to_move(self, leg: LegOffset) -> None:
        login = self._logins.get(leg.connection_id)
        if login is None:
            return
        stop = leg.role is Role.STOP_LOSS
        request = ModifyRequest(
            order_id=leg.broker_order_id,
            client_id=f"{leg.intent_id}",
            qty_contracts=leg.qty_contracts,
            order_type=OrderType.STOP if stop else OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            price=None if stop else leg.wanted,
            stop_price=leg.wanted if stop else None,
        )
        outcome = await login.broker.modify(request)
        _log.info(
            "leg_moved",
            intent_id=str(leg.intent_id),
            wanted=str(leg.wanted),
            outcome=type(outcome).__name__,
        )

    def _is_due(self, leg: LegOffset) -> bool:
        if leg.broker_order_id in self._moving:
            return False
        now_s = self._clock.monotonic()
        key = (leg.broker_order_id, leg.wanted)
        if now_s - self._moved_at_s.get(key, -_MOVE_AGAIN_AFTER_S) < _MOVE_AGAIN_AFTER_S:
            return False
        recent = self._moved_at_s.items()
        self._moved_at_s = {k: at for k, at in recent if now_s - at < _MOVE_AGAIN_AFTER_S}
        self._moved_at_s[key] = now_s
        return True
