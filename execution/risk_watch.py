"""Looks at every account and strategy with a rule about money, so that no touch is forgotten.

A limit that is touched between two signals counts: what was reached is kept by the ledger and
refuses entries until its period is over. A look costs two statements where nothing is limited.
"""

from __future__ import annotations

from typing import Final

from execution.bell import Bell
from execution.logins import Logins
from execution.prices import Prices
from execution.rounds import Rounds
from shared.ports.ledger import Ledger

_EVERY_S: Final = 1.0


class RiskWatch:
    def __init__(self, ledger: Ledger, logins: Logins, prices: Prices, bell: Bell) -> None:
        self._ledger = ledger
        self._logins = logins
        self._prices = prices
        self._bell = bell
        self.rounds = Rounds("watching risk", _EVERY_S, self._round)

    async def _round(self) -> None:
        leases = self._logins.leases()
        if leases:
            self._bell(await self._ledger.watch_risk(leases, self._prices.reference))
