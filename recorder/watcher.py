"""The net under the fills: looks at the broker now and then, and asks execution about drift.

Demo and paper logins only, with the sealed token that execution keeps; a token that has ended is
left to execution, and so is every write.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from recorder.allowance import Allowance
from recorder.drift import differences
from recorder.reader import REQUESTS, BrokerReader
from recorder.watch_store import Watched, ask_to_reconcile, books_of, watched
from shared.contracts.envelope import Envelope
from shared.db.failures import is_outage
from shared.db.uow import read_only, unit_of_work
from shared.domain.errors import BrokerUnavailable
from shared.ports.clock import Clock
from shared.ports.vault import Opening, VaultError
from shared.runtime.logging import get_logger
from shared.runtime.metrics import counter

_log = get_logger(__name__)

_TABLE: Final = "broker_sessions"
_COLUMN: Final = "token_sealed"

_looks = counter("tm_recorder_looks_total", "looks at a login", ("outcome",))


class Watcher:
    """`readers` by environment; one that is missing is not looked at."""

    def __init__(
        self,
        engine: AsyncEngine,
        readers: Mapping[str, BrokerReader],
        vault: Opening,
        clock: Clock,
        allowance: Allowance,
        *,
        every_s: float,
        bell: Callable[[Sequence[Envelope]], None],
    ) -> None:
        self._engine = engine
        self._readers = readers
        self._vault = vault
        self._clock = clock
        self._allowance = allowance
        self._every_s = every_s
        self._bell = bell

    async def run(self) -> None:
        """For ever: one round, one pause."""
        while True:
            try:
                await self.round()
            except Exception as error:
                if not is_outage(error):
                    raise
                _log.warning("looking_postponed", error=type(error).__name__)
            await self._clock.sleep(self._every_s)

    async def round(self) -> None:
        """Look at every login once, one after the other: it is never urgent."""
        async with read_only(self._engine) as connection:
            logins = await watched(connection)
        for login in logins:
            if login.environment in self._readers:
                await self._look(login)

    async def _look(self, login: Watched) -> None:
        try:
            asked = await self.compare(login)
        except (BrokerUnavailable, VaultError) as error:
            _looks.labels("failed").inc()
            code = error.code if isinstance(error, BrokerUnavailable) else "vault.closed"
            _log.info("look_failed", connection_id=login.connection_id, code=code)
            return
        _looks.labels("equal" if asked is None else "asked").inc()
        if asked is not None:
            _log.warning("drift_found", connection_id=login.connection_id)
            self._bell([asked])

    async def compare(self, login: Watched) -> Envelope | None:
        """One look; the bell of the command it led to, if any. No transaction is open meanwhile."""
        await self._allowance.take(login.environment, login.login_name, REQUESTS)
        # Judged by the time before the look: whatever changes during a slow one is still moving.
        began = self._clock.now()
        seen = await self._readers[login.environment].look(self._token(login))
        async with unit_of_work(self._engine) as connection:
            books = await books_of(connection, login, {fill.fill_id for fill in seen.fills})
            found = differences(seen, books, began)
            return await ask_to_reconcile(connection, login, found) if found else None

    def _token(self, login: Watched) -> str:
        plain = self._vault.open(
            login.token_sealed, table=_TABLE, row_id=login.connection_id, column=_COLUMN
        )
        return str(json.loads(plain)["access"])
