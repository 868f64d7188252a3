"""Mends what other hands did to strategies that ask for it: exits first, then one entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from execution.logins import Logins
from execution.rounds import Rounds
from shared.domain.decision.scene import Scene
from shared.domain.heal import Wound, decide_heal
from shared.domain.plan import Denied, Plan
from shared.domain.rules.prop import NewsWindow
from shared.domain.strategy import AccountLink, Strategy
from shared.ports.healing import Healing
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_EVERY_S: Final = 0.5


class Healer:
    """What is committed here is claimed and judged by the lanes like every other order."""

    def __init__(
        self,
        healing: Healing,
        logins: Logins,
        *,
        planned: Callable[[], None],
        news: tuple[NewsWindow, ...] = (),
    ) -> None:
        self._healing = healing
        self._logins = logins
        self._planned = planned
        self._news = news
        self._refused: set[int] = set()
        self.rounds = Rounds("healing", _EVERY_S, self._round)

    async def _round(self) -> None:
        leases = self._logins.sendable()
        if not leases:
            return
        for intruder in await self._healing.intruders(leases):
            await self._healing.dismiss(intruder)
            _log.warning("intruder_dismissed", drift_id=intruder.drift_id)
            self._planned()
        wounds = await self._healing.wounds(leases)
        self._refused &= {wound.drift_id for wound in wounds}
        for wound in wounds:
            if wound.drift_id not in self._refused:
                await self._heal(wound)

    async def _heal(self, wound: Wound) -> None:
        """What a gate refuses is asked once, and its owner is told."""
        verdict = await self._healing.heal(wound, self._decide)
        if isinstance(verdict, Plan):
            _log.warning("heal_planned", drift_id=wound.drift_id, account_id=wound.account_id)
            self._planned()
        elif isinstance(verdict, Denied):
            _log.warning("heal_refused", drift_id=wound.drift_id, code=verdict.code)
            self._refused.add(wound.drift_id)

    def _decide(
        self, wound: Wound, strategy: Strategy, link: AccountLink, scene: Scene
    ) -> Plan | Denied:
        return decide_heal(wound, strategy, link, replace(scene, news=self._news))
