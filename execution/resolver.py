"""Unknown is a state with an owner, a clock and a way out: asking the broker.

Found: the intent is bound to its order. Absent while the feed is whole, or from a full read that
stands for it, and long enough after the claim: it never arrived. A failed question proves nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from execution.abreast import Abreast
from execution.bell import Bell
from execution.login import Login
from execution.logins import Logins
from execution.rounds import Rounds
from execution.unshown import UNSHOWN_AFTER_S, give_up_unshown
from shared.domain.errors import BrokerUnavailable, CredentialsExpired
from shared.domain.ids import ConnectionId, IntentId
from shared.ports.broker import ORDER_TIMEOUT_S
from shared.ports.clock import Clock
from shared.ports.ledger import Ledger, Unresolved
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_EVERY_S: Final = 0.5
ASK_AFTER_S: Final = 2.5
_ASK_AGAIN_S: Final = 1.0
# And 6 s more: nothing of ours can still be on its way. A new owner has ten to be right again.
QUIET_S: Final = ORDER_TIMEOUT_S + 6.0


class Resolver:
    """Of one login the strategies that owe their exits come before the questions."""

    def __init__(self, ledger: Ledger, logins: Logins, bell: Bell, clock: Clock) -> None:
        self._ledger = ledger
        self._logins = logins
        self._bell = bell
        self._clock = clock
        self.rounds = Rounds("resolving", _EVERY_S, self._round)
        self._abreast = Abreast("resolving")
        self._asked_s: dict[ConnectionId, float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        await self._abreast.run(self.rounds)

    async def _round(self) -> None:
        leases = self._logins.leases()
        if not leases:
            return
        open_ends: dict[ConnectionId, list[Unresolved]] = {}
        for each in await self._ledger.unresolved(leases):
            if self._age_s(each) >= ASK_AFTER_S:
                open_ends.setdefault(each.connection_id, []).append(each)
        owed: dict[ConnectionId, list[IntentId]] = {}
        for connection, entry in await self._ledger.unshown(leases, UNSHOWN_AFTER_S):
            owed.setdefault(connection, []).append(entry)
        work: dict[ConnectionId, Callable[[], Awaitable[None]]] = {}
        for connection in {**open_ends, **owed}:
            some, entries = open_ends.get(connection, []), owed.get(connection, [])
            login = self._logins.get(connection)
            if login is None:
                _log.info("unresolved_without_login", connection_id=connection, count=len(some))
            elif entries or self._is_due(connection, some):
                work[connection] = partial(self._look, login, some, entries)
        self._abreast.start(work)

    def _is_due(self, connection: ConnectionId, some: list[Unresolved]) -> bool:
        """Each second, and at once when absence begins to count: ten seconds are all there is."""
        now_s = self._clock.monotonic()
        last_s = self._asked_s.get(connection)
        return (
            last_s is None
            or now_s - last_s >= _ASK_AGAIN_S
            or any(last_s < self._quiet_at_s(each) <= now_s for each in some)
        )

    async def _look(
        self, login: Login, some: list[Unresolved], entries: Sequence[IntentId]
    ) -> None:
        await give_up_unshown(self._ledger, login, entries)
        if some:
            await self._ask(login, some)

    async def _ask(self, login: Login, some: list[Unresolved]) -> None:
        self._asked_s[login.lease.connection_id] = asked_at_s = self._clock.monotonic()
        try:
            orders = await login.broker.lookup(frozenset(str(each.intent_id) for each in some))
        except (BrokerUnavailable, CredentialsExpired) as error:
            _log.info("lookup_failed", code=error.code)
            return
        for each in some:
            order_id = orders.get(str(each.intent_id))
            if order_id is not None:
                await self._ledger.found(each.intent_id, order_id)
                _log.info("unknown_found", intent_id=str(each.intent_id), order_id=order_id)
            elif self._is_proven_absent(login, each, asked_at_s):
                self._bell(await self._ledger.abandon(each.intent_id))
                _log.warning("unknown_absent", intent_id=str(each.intent_id), role=each.role)
        login.changed()
        if any(str(e.intent_id) not in orders and self._wants_read(login, e) for e in some):
            await self._read(login)

    async def _read(self, login: Login) -> None:
        """For the next round to judge by."""
        try:
            await login.read(urgent=True)
        except (BrokerUnavailable, CredentialsExpired) as error:
            _log.info("read_failed", code=error.code)

    def _is_proven_absent(self, login: Login, each: Unresolved, asked_at_s: float) -> bool:
        if self._age_s(each) < QUIET_S:
            return False
        synced_since_s = login.tracker.synced_since_s
        if synced_since_s is not None:
            return synced_since_s <= asked_at_s
        # Without the stream a full read stands for it, if like the question it began only when
        # nothing could be on its way any more.
        return self._is_read(login, each) and asked_at_s >= self._quiet_at_s(each)

    def _wants_read(self, login: Login, each: Unresolved) -> bool:
        if login.tracker.synced_since_s is not None or self._age_s(each) < QUIET_S:
            return False
        return not self._is_read(login, each)

    def _is_read(self, login: Login, each: Unresolved) -> bool:
        read_s = login.tracker.read_as_of_s
        return read_s is not None and read_s >= self._quiet_at_s(each)

    def _quiet_at_s(self, each: Unresolved) -> float:
        """Of the monotonic clock."""
        return self._clock.monotonic() - self._age_s(each) + QUIET_S

    def _age_s(self, each: Unresolved) -> float:
        return (self._clock.now() - each.claimed_at).total_seconds()
