"""Asks brokers what accounts are worth that hold something at risk without a quote.

The second source of open P&L. Brokers ask not to be asked often: an account twice a minute, by the
record and by this process's own memory, so that an answer that does not come is not asked for
again at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from execution.abreast import Abreast
from execution.login import Login
from execution.logins import Logins
from execution.rounds import Rounds
from shared.domain.errors import BrokerUnavailable, CredentialsExpired, NotFound
from shared.domain.ids import AccountId, ConnectionId
from shared.domain.risk.said import ASK_EVERY
from shared.ports.clock import Clock
from shared.ports.ledger import Ledger, Unpriced
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_EVERY_S: Final = 1.0


class Worths:
    """Rounds that never keep anybody waiting: login beside login, off the order path."""

    def __init__(self, ledger: Ledger, logins: Logins, clock: Clock) -> None:
        self._ledger = ledger
        self._logins = logins
        self._clock = clock
        self._asked_at_s: dict[AccountId, float] = {}
        self.rounds = Rounds("worths", _EVERY_S, self._round)
        self._abreast = Abreast("worths")

    async def run(self) -> None:
        """Until cancelled."""
        await self._abreast.run(self.rounds)

    async def _round(self) -> None:
        leases = self._logins.sendable()
        if not leases:
            return
        due: dict[ConnectionId, list[Unpriced]] = {}
        for each in await self._ledger.unpriced(leases):
            if self._is_due(each.account_id):
                due.setdefault(each.connection_id, []).append(each)
        logins = {connection: self._logins.get(connection) for connection in due}
        self._abreast.start(
            {
                connection: partial(self._ask, login, due[connection])
                for connection, login in logins.items()
                if login is not None
            }
        )

    def _is_due(self, account: AccountId) -> bool:
        now_s, every_s = self._clock.monotonic(), ASK_EVERY.total_seconds()
        self._asked_at_s = {k: at for k, at in self._asked_at_s.items() if now_s - at < every_s}
        return account not in self._asked_at_s

    async def _ask(self, login: Login, some: Sequence[Unpriced]) -> None:
        for each in some:
            self._asked_at_s[each.account_id] = self._clock.monotonic()
            try:
                open_usd = await login.broker.open_pnl_usd(each.broker_account_id)
            except (BrokerUnavailable, CredentialsExpired, NotFound) as error:
                _log.info("worth_not_said", account_id=each.account_id, code=error.code)
                continue
            if open_usd is not None:
                await self._ledger.value(each, open_usd)
