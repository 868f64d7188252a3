"""Legs get another quantity: before a part of their position is closed, and when they do not fit.

Asked for and awaited, but believed only once the broker's facts say so: whoever wanted the change
looks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from execution.login import Login
from execution.logins import Logins
from shared.domain.order import TimeInForce
from shared.ports.broker import ModifyRequest, Outcome
from shared.ports.clock import Clock
from shared.ports.ledger import LegResize
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

AGAIN_AFTER_S: Final = 1.0
_NOT_ASKED: Final = -1


class Resizer:
    def __init__(self, logins: Logins, clock: Clock) -> None:
        self._logins = logins
        self._clock = clock
        self._asked: dict[int, tuple[float, int | None]] = {}
        self._asking: set[int] = set()  # orders whose change is not answered yet

    def due(self, changes: Sequence[LegResize]) -> list[LegResize]:
        """Those not asked for so within a second, one at a time; they count as asked for now."""
        now_s = self._clock.monotonic()
        recent = self._asked.items()
        self._asked = {k: each for k, each in recent if now_s - each[0] < AGAIN_AFTER_S}
        out = [each for each in changes if self._is_due(each)]
        self._asked |= {each.broker_order_id: (now_s, each.qty_contracts) for each in out}
        self._asking |= {each.broker_order_id for each in out}
        return out

    def _is_due(self, change: LegResize) -> bool:
        order = change.broker_order_id
        _, qty_contracts = self._asked.get(order, (0.0, _NOT_ASKED))
        return order not in self._asking and qty_contracts != change.qty_contracts

    async def ask(self, changes: Sequence[LegResize]) -> None:
        """One after the other, in their order: targets before stops, growth last."""
        try:
            await self._ask_all(changes)
        finally:
            self._asking -= {each.broker_order_id for each in changes}

    async def _ask_all(self, changes: Sequence[LegResize]) -> None:
        for each in changes:
            login = self._logins.get(each.connection_id)
            if login is None:
                return
            try:
                outcome = await _ask(login, each)
            except Exception:  # noqa: BLE001 - the lane's edge: the next round asks again
                _log.exception("resize_failed", intent_id=str(each.intent_id))
                return
            _log.info(
                "leg_resized",
                intent_id=str(each.intent_id),
                wanted=each.qty_contracts,
                outcome=type(outcome).__name__,
            )


async def _ask(login: Login, change: LegResize) -> Outcome:
    order = change.broker_order_id
    if change.qty_contracts is None:
        return await login.broker.cancel(order, f"cancel-{order}")
    return await login.broker.modify(
        ModifyRequest(
            order_id=order,
            client_id=str(change.intent_id),
            qty_contracts=change.qty_contracts,
            order_type=change.order_type,
            time_in_force=TimeInForce.GTC,
            price=change.price,
            stop_price=change.stop_price,
        )
    )
