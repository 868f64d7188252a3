"""The dashboard."""

from __future__ import annotations

from typing import Final

from api.access import SESSION, Router
from api.dashboard import queries
from api.dashboard.schemas import SummaryOut
from api.deps import Clock, CurrentUser, ReadConn
from api.wire import ExactJson
from shared.domain.calendar import trade_date

router = Router(SESSION, prefix="/api/dashboard", tags=["dashboard"])
ROUTERS: Final = (router,)


@router.get("/summary/", response_model=SummaryOut)
async def summary(_: CurrentUser, connection: ReadConn, clock: Clock) -> ExactJson:
    """Everything the user's strategies hold and have earned, in four figures."""
    return ExactJson(await queries.summary(connection, trade_date(clock.now())))
