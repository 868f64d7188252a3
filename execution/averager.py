"""Adds to positions that the price went against: by fresh quotes only, one add at a time.

What is due is committed as an entry of its own before anything is sent; lanes claim it like any
other, and judge it again. Without a fresh quote nothing is added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from execution.logins import Logins
from execution.prices import Prices
from execution.rounds import Rounds
from shared.domain.alert_signal import Signal
from shared.domain.average_down import Market, Sinking, is_due
from shared.domain.decision.decide import decide_average
from shared.domain.decision.scene import Scene
from shared.domain.plan import Denied, Plan
from shared.domain.rules.prop import NewsWindow
from shared.domain.strategy import AccountLink, Strategy
from shared.ports.averaging import Averaging
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_EVERY_S: Final = 0.5
# Between two asks for an add that was refused: the first doubling to the last.
_PAUSE_S: Final = 1.0
_PAUSE_S_MAX: Final = 30.0
_Key = tuple[int, int, str]


class Averager:
    def __init__(
        self,
        averaging: Averaging,
        logins: Logins,
        prices: Prices,
        clock: Clock,
        *,
        planned: Callable[[], None],
        news: tuple[NewsWindow, ...] = (),
    ) -> None:
        self._averaging = averaging
        self._logins = logins
        self._prices = prices
        self._clock = clock
        self._planned = planned
        self._news = news
        self._refused: dict[_Key, tuple[float, float]] = {}
        self.rounds = Rounds("averaging", _EVERY_S, self._round)

    async def _round(self) -> None:
        leases = self._logins.sendable()
        if not leases:
            return
        for found in await self._averaging.sinking(leases):
            if self._due(found) is not None and not self._rests(found):
                await self._add(found)

    def _due(self, sinking: Sinking) -> Decimal | None:
        enters_at = self._prices.reference(sinking.contract, sinking.action)
        closes_at = self._prices.reference(sinking.contract, sinking.action.opposite)
        if enters_at is None or closes_at is None:
            return None
        return enters_at if is_due(sinking, Market(enters_at, closes_at)) else None

    async def _add(self, found: Sinking) -> None:
        verdict = await self._averaging.add(found, self._due, self._decide)
        told = {"strategy_id": found.strategy_id, "account_id": found.account_id}
        if isinstance(verdict, Plan):
            _log.info("average_planned", contract=found.contract, number=found.tried + 1, **told)
            self._planned()
        elif isinstance(verdict, Denied):
            _log.info("average_refused", contract=found.contract, code=verdict.code, **told)
            self._refuse(found)

    def _decide(
        self,
        sinking: Sinking,
        opener: Signal | None,
        strategy: Strategy,
        link: AccountLink,
        scene: Scene,
    ) -> Plan | Denied:
        return decide_average(sinking, opener, strategy, link, replace(scene, news=self._news))

    def _rests(self, found: Sinking) -> bool:
        last_s, pause_s = self._refused.get(_key(found), (0.0, 0.0))
        return self._clock.monotonic() - last_s < pause_s

    def _refuse(self, found: Sinking) -> None:
        """What a gate refuses is asked for ever more rarely, while the price stays there."""
        now_s = self._clock.monotonic()
        recent = self._refused.items()
        self._refused = {k: v for k, v in recent if now_s - v[0] < _PAUSE_S_MAX * 2}
        _, pause_s = self._refused.get(_key(found), (0.0, 0.0))
        longer_s = min(max(pause_s * 2, _PAUSE_S), _PAUSE_S_MAX)
        self._refused[_key(found)] = (now_s, longer_s)


def _key(found: Sinking) -> _Key:
    return found.account_id, found.strategy_id, found.contract
