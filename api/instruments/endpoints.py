"""What is traded, what `NQ1!` means at a time, and which rolls are planned."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import Query
from pydantic import AwareDatetime

from api.access import SESSION, Router
from api.deps import Clock, CurrentUser, ReadConn
from api.instruments import service
from api.instruments.schemas import InstrumentsOut, MeaningOut, RollsOut
from api.wire import Line, invalid
from shared.domain.calendar import trade_date

router = Router(SESSION, prefix="/api/instruments", tags=["instruments"])
ROUTERS: Final = (router,)

# The calendar is computed from rules, so any year would do; nobody plans beyond these.
_YEARS: Final = (2020, 2050)

SymbolText = Annotated[Line, Query(min_length=1, max_length=64)]
At = Annotated[AwareDatetime | None, Query()]


@router.get("/")
async def list_instruments(_: CurrentUser, clock: Clock) -> InstrumentsOut:
    """Ticks and their values, hours, the front month and when it changes."""
    now = clock.now()
    return InstrumentsOut(trade_date=trade_date(now), instruments=service.instruments(now))


@router.get("/meaning/")
async def show_meaning(
    _: CurrentUser, clock: Clock, symbol: SymbolText, at: At = None
) -> MeaningOut:
    """The contract that a symbol as alerts write it stands for at `at` (with an offset); now."""
    return service.meaning_of(symbol, _in_reach(at) or clock.now())


@router.get("/rolls/")
async def list_rolls(_: CurrentUser, connection: ReadConn, clock: Clock) -> RollsOut:
    """The planned roll of each contract that the user's strategies trade or hold, soonest first."""
    return RollsOut(rolls=await service.rolls(connection, clock.now()))


def _in_reach(at: datetime | None) -> datetime | None:
    if at is not None and not _YEARS[0] <= at.year < _YEARS[1]:
        raise invalid("symbol.no_listing", "Nothing is listed for then.", "at")
    return at
