"""The shared record of requests: by user of a broker and minute, kept for two hours.

`tm_spend_requests` is the one way in, for execution and recorder alike; times are the database's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.failures import DatabaseAway, is_contention, is_outage
from shared.db.uow import unit_of_work
from shared.ports.spending import Spent

_ADD: Final = text("""
    SELECT tm_spend_requests(CAST(:scopes AS text[]), CAST(:ages_s AS int[]),
                             CAST(:requests AS int[]))
""")
# A request of the oldest minute may be up to an hour old: the whole minute still counts.
_TOTALS: Final = text("""
    SELECT scope, sum(requests)::bigint AS total FROM broker_requests
    WHERE scope = ANY (CAST(:scopes AS text[]))
      AND minute > clock_timestamp() - interval '61 minutes'
    GROUP BY scope
""")


class RequestSpend:
    """See `shared.ports.spending.SpendBook`. Raises DatabaseAway."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, spent: Sequence[Spent], scopes: Collection[str]) -> Mapping[str, int]:
        entered = {
            "scopes": [each.scope for each in spent],
            "ages_s": [each.age_s for each in spent],
            "requests": [each.requests for each in spent],
        }
        try:
            async with unit_of_work(self._engine) as connection:
                if spent:
                    await connection.execute(_ADD, entered)
                rows = await connection.execute(_TOTALS, {"scopes": sorted(scopes)})
                return {row.scope: row.total for row in rows}
        except DBAPIError as error:
            if is_outage(error) or is_contention(error):
                raise DatabaseAway("db.unreachable", "The database is away.") from error
            raise
