"""Reads everything again, on a timer and on demand, and compares books with the broker's.

What a full read finds goes the same way as the stream's facts. A difference that stays is named
and quarantines the account: exits only, until two clean looks in a row.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Final

from execution.abreast import Abreast
from execution.bell import Bell
from execution.login import Login
from execution.logins import Logins
from execution.protector import STUCK_AFTER_S
from execution.rounds import Rounds
from shared.domain.errors import BrokerUnavailable, CredentialsExpired
from shared.domain.ids import AccountId
from shared.ports.clock import Clock
from shared.ports.ledger import DRIFT, Ledger
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_LOOK_EVERY_S: Final = 1.0  # how often a login with something open is read without a stream
_COMPARE_EVERY_S: Final = 2.0
_QUIET_S: Final = 1.0  # books are compared only while nothing is moving
LOOKS_TO_BELIEVE: Final = 2


class Reconcile:
    def __init__(
        self,
        ledger: Ledger,
        logins: Logins,
        bell: Bell,
        clock: Clock,
        *,
        read_every_s: float,
    ) -> None:
        self._ledger = ledger
        self._logins = logins
        self._bell = bell
        self._clock = clock
        self._read_every_s = read_every_s
        self._due_since_s = float("-inf")  # a read that began earlier is too old
        self._compared_at_s: dict[int, float] = {}
        # Per login: how many looks in a row found an account off, or clean again.
        self._off: dict[int, Counter[AccountId]] = {}
        self._clean: dict[int, Counter[AccountId]] = {}
        self.rounds = Rounds("reconcile", _LOOK_EVERY_S, self._round)
        self._abreast = Abreast("reconcile")

    async def run(self) -> None:
        """Until cancelled. Each login is read and compared beside the others."""
        await self._abreast.run(self.rounds)

    def read_now(self) -> None:
        """Somebody noticed a difference: do not wait for the timer."""
        self._due_since_s = self._clock.monotonic()
        self.rounds.wake()

    async def _round(self) -> None:
        self._abreast.start(
            {login.lease.connection_id: partial(self._look, login) for login in self._logins.all()}
        )

    async def _look(self, login: Login) -> None:
        try:
            await self._read(login)
            await self._compare(login)
        except (BrokerUnavailable, CredentialsExpired) as error:  # how, the login's health says
            connection = login.lease.connection_id
            _log.info("reconcile_failed", connection_id=connection, code=error.code)

    async def _read(self, login: Login) -> None:
        if self._is_due(login):
            await login.read()
        elif await self._is_waited_for(login):
            await login.poll()

    def _is_due(self, login: Login) -> bool:
        """By the timer, counted from whoever read last: a new login reads by itself."""
        last_s = login.read_began_s
        if last_s is None or last_s < self._due_since_s:
            return True
        return self._clock.monotonic() - last_s >= self._read_every_s

    async def _is_waited_for(self, login: Login) -> bool:
        """Something is open and no stream tells of it: then it is read each second."""
        if login.broker.ready:
            return False
        open_contracts, _ = await self._ledger.wanted(login.lease.connection_id)
        return bool(open_contracts)

    async def _compare(self, login: Login) -> None:
        tracker = login.tracker
        now_s = self._clock.monotonic()
        if tracker.synced_since_s is None or now_s - tracker.quiet_since_s < _QUIET_S:
            return
        connection = login.lease.connection_id
        if now_s - self._compared_at_s.get(connection, float("-inf")) < _COMPARE_EVERY_S:
            return
        self._compared_at_s[connection] = now_s
        off, clean = await self._ledger.drifted(connection, list(tracker.positions.values()))
        stuck = set(await self._ledger.stuck_exits([login.lease], STUCK_AFTER_S))
        clean = [account for account in clean if account not in stuck]  # not well yet
        self._off[connection] = _again(self._off.get(connection, Counter()), off)
        self._clean[connection] = _again(self._clean.get(connection, Counter()), clean)
        for account, looks in self._off[connection].items():
            if looks == LOOKS_TO_BELIEVE:
                _log.error("position_drift", account_id=account)
                self._bell(await self._ledger.quarantine(account, DRIFT))
        for account, looks in self._clean[connection].items():
            if looks == LOOKS_TO_BELIEVE:
                _log.info("position_drift_over", account_id=account)
                self._bell(await self._ledger.quarantine(account, None))


def _again(looks: Counter[AccountId], seen: list[AccountId]) -> Counter[AccountId]:
    """One look more for what was seen; what was not seen begins anew."""
    return Counter({account: looks[account] + 1 for account in seen})
