"""Working legs get other prices: one modify of an order under way at a time.

What leads to nothing is asked for again by a later round; the numbers were committed before.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Final

from execution.logins import Logins
from shared.domain.order import OrderType, Role, TimeInForce
from shared.ports.broker import ModifyRequest
from shared.ports.clock import Clock
from shared.ports.ledger import LegOffset
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

# A change under way is not repeated; one that led to nothing is.
_AGAIN_AFTER_S: Final = 3.0


class Mover:
    def __init__(self, logins: Logins, clock: Clock) -> None:
        self._logins = logins
        self._clock = clock
        self._moving: set[int] = set()  # orders whose change is not answered yet: one each
        self._asked: dict[int, tuple[LegOffset, float]] = {}

    def is_due(self, leg: LegOffset) -> bool:
        """Whether this is no repetition of what was asked for a moment ago."""
        if leg.broker_order_id in self._moving:
            return False
        asked, at_s = self._asked.get(leg.broker_order_id, (None, 0.0))
        return asked != leg or self._clock.monotonic() - at_s >= _AGAIN_AFTER_S

    def is_free(self, order_id: int) -> bool:
        """Whether no change of the order can still be on its way to being seen."""
        _, at_s = self._asked.get(order_id, (None, -_AGAIN_AFTER_S))
        return order_id not in self._moving and self._clock.monotonic() - at_s >= _AGAIN_AFTER_S

    def saw(self, order_id: int, qty_contracts: int, price: Decimal) -> None:
        """The broker shows the order so; perhaps that is what was asked for last."""
        asked = self._asked.get(order_id)
        if asked is not None and (asked[0].qty_contracts, asked[0].wanted) == (
            qty_contracts,
            price,
        ):
            del self._asked[order_id]

    def start(self, tasks: asyncio.TaskGroup, leg: LegOffset) -> None:
        now_s = self._clock.monotonic()
        recent = self._asked.items()
        self._asked = {key: each for key, each in recent if now_s - each[1] < _AGAIN_AFTER_S}
        self._asked[leg.broker_order_id] = (leg, now_s)
        self._moving.add(leg.broker_order_id)
        tasks.create_task(self._move(leg))

    async def _move(self, leg: LegOffset) -> None:
        try:
            await self._ask(leg)
        except Exception:  # noqa: BLE001 - the lane's edge: a later round asks again
            _log.exception("move_failed", intent_id=str(leg.intent_id))
        finally:
            self._moving.discard(leg.broker_order_id)

    async def _ask(self, leg: LegOffset) -> None:
        login = self._logins.get(leg.connection_id)
        if login is None:
            return
        outcome = await login.broker.modify(request_of(leg))
        _log.info(
            "leg_moved",
            intent_id=str(leg.intent_id),
            wanted=str(leg.wanted),
            outcome=type(outcome).__name__,
        )


def request_of(leg: LegOffset) -> ModifyRequest:
    """A modify replaces the whole version, so every field is there."""
    stop = leg.role is Role.STOP_LOSS
    return ModifyRequest(
        order_id=leg.broker_order_id,
        client_id=f"{leg.intent_id}",
        qty_contracts=leg.qty_contracts,
        order_type=OrderType.STOP if stop else OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price=None if stop else leg.wanted,
        stop_price=leg.wanted if stop else None,
    )
