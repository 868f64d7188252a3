"""When the house is right again after a strike, by its own health ports and its tables.

Right again: every process says that it is ready; of what was accepted two seconds ago or earlier
nothing is undecided, unsent, untold or unsaid; and since the strike a new alert has been accepted
and filled, a fill recorded, and a message sent.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from cli.up.probe import http_ok
from tests.chaos.house import House

LOOK_EVERY_S: Final = 0.15
ASK_LIMIT_S: Final = 5.0
REST_LOOK_EVERY_S: Final = 0.5
_AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)  # a time-out is an OSError
_IN_TIME_S: Final = 2.0
_LATE: Final = f"""
    WITH cut AS (SELECT clock_timestamp() - interval '{_IN_TIME_S} s' AS at)
    SELECT
      (SELECT count(*) FROM signals s, cut WHERE s.status = 'accepted' AND s.received_at < cut.at
        AND s.received_at > cut.at - interval '15 min'
        AND NOT EXISTS (SELECT FROM signal_decisions d WHERE d.signal_id = s.id)) AS undecided,
      (SELECT count(*) FROM intents i, cut WHERE i.ended_at IS NULL AND i.created_at < cut.at
        AND i.role IN ('entry', 'exit', 'reduce')) AS open,
      (SELECT count(*) FROM outbox o, cut WHERE o.published_at IS NULL AND o.created_at < cut.at)
        AS unsaid,
      (SELECT count(*) FROM outbox o, cut WHERE o.type = 'fill.recorded.v1'
        AND o.created_at < cut.at AND o.created_at > cut.at - interval '5 min'
        AND NOT EXISTS (SELECT FROM inbox i WHERE i.consumer = 'recorder'
          AND i.event_id = o.event_id)) AS unrecorded,
      (SELECT count(*) FROM deliveries d, cut WHERE d.state = 'pending' AND d.created_at
        < cut.at - interval '1 s') AS untold
"""  # noqa: S608 - a constant of our own
_AT_WORK: Final = """
    SELECT
      (SELECT count(*) FROM signals s WHERE s.status = 'accepted'
        AND NOT EXISTS (SELECT FROM signal_decisions d WHERE d.signal_id = s.id)) AS undecided,
      (SELECT count(*) FROM intents WHERE ended_at IS NULL) AS open,
      (SELECT count(*) FROM positions WHERE net_qty <> 0) AS held,
      (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS unsaid,
      (SELECT count(*) FROM outbox o WHERE o.type = 'fill.recorded.v1' AND NOT EXISTS (
        SELECT FROM inbox i WHERE i.consumer = 'recorder' AND i.event_id = o.event_id))
        AS unrecorded,
      (SELECT count(*) FROM fills WHERE active AND fee_usd IS NULL) AS unpaid,
      (SELECT count(*) FROM recorded_positions WHERE status = 'open' OR NOT fees_known)
        AS unfinished,
      (SELECT count(*) FROM deliveries WHERE state = 'pending') AS untold
"""
_ABSENT: Final = """
    SELECT count(*) AS logins FROM broker_connections c LEFT JOIN broker_sessions s
      ON s.connection_id = c.id WHERE s.state IS DISTINCT FROM 'streaming'
"""
# A message is held back for a second when its fee is not known yet.
_FRESH: Final = """
    SELECT
      EXISTS (SELECT FROM signals s JOIN signal_decisions d ON d.signal_id = s.id
        WHERE s.received_at > $1 AND d.disposition IN ('FILLED', 'SKIPPED') AND d.ended_at > $1)
        AS filled,
      EXISTS (SELECT FROM recorded_positions WHERE updated_at > $1) AS recorded,
      EXISTS (SELECT FROM deliveries WHERE created_at > $1 AND sent_at > $1) AS told
"""


class Watch:
    """Use `right` to ask once; None: everything is right. Past row security, as the owner."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._database: asyncpg.Connection | None = None

    def close(self) -> None:
        self._drop()

    async def until_right(
        self, since: datetime, limit_s: float, *, fresh: bool = True
    ) -> tuple[float | None, str]:
        """Seconds after `since` (None: not within the limit), and what was missing last."""
        missing = ""
        began_s = time.monotonic() - (datetime.now(UTC) - since).total_seconds()
        while (spent_s := time.monotonic() - began_s) < limit_s:
            found = await self.wrong(since if fresh else None)
            if found is None:
                return time.monotonic() - began_s, missing
            missing = f"{found} until {spent_s:.1f} s"
            await asyncio.sleep(LOOK_EVERY_S)
        return None, missing

    async def until_streaming(self, limit_s: float) -> None:
        """Every login has signed in and listens. Fails after `limit_s`."""
        deadline_s = time.monotonic() + limit_s
        while (await self._ask(_ABSENT))["logins"]:
            assert time.monotonic() < deadline_s, "some login does not stream"
            await asyncio.sleep(REST_LOOK_EVERY_S)

    async def until_rest(self, limit_s: float) -> tuple[float | None, str]:
        """Seconds until nothing is held, works or waits any more, seen twice in a row."""
        began_s, missing, seen = time.monotonic(), "", 0
        while time.monotonic() - began_s < limit_s:
            found = await self._at_work()
            seen = 0 if found else seen + 1
            missing = found or missing
            if seen > 1:
                return time.monotonic() - began_s, missing
            await asyncio.sleep(REST_LOOK_EVERY_S)
        return None, missing

    async def _at_work(self) -> str | None:
        try:
            row = await self._ask(_AT_WORK)
        except _AWAY as error:
            self._drop()
            return f"PostgreSQL: {type(error).__name__}"
        left = {name: count for name, count in row.items() if count}
        return f"left: {left}" if left else None

    async def wrong(self, since: datetime | None) -> str | None:
        """The first thing that is not right now."""
        for name in self._house.processes:
            if not await self._is_ready(name):
                return f"{name} is not ready"
        try:
            return await self._late(since)
        except _AWAY as error:
            self._drop()
            return f"PostgreSQL: {type(error).__name__}"

    async def _late(self, since: datetime | None) -> str | None:
        row = await self._ask(_LATE)
        late = {name: count for name, count in row.items() if count}
        if late:
            return f"late: {late}"
        if since is None:
            return None
        done = await self._ask(_FRESH, since)
        return next((f"nothing new is {name}" for name, is_so in done.items() if not is_so), None)

    async def _ask(self, query: str, *arguments: object) -> dict[str, Any]:
        async with asyncio.timeout(ASK_LIMIT_S):
            if self._database is None:
                self._database = await asyncpg.connect(self._house.database_url)
            return dict(await self._database.fetchrow(query, *arguments))

    async def _is_ready(self, name: str) -> bool:
        port = self._house.health_port(name)
        return port is not None and await http_ok("127.0.0.1", port, "/readyz")

    def _drop(self) -> None:
        if self._database is not None:
            self._database.terminate()
            self._database = None
