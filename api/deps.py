"""What endpoints ask for by type.

    async def rename(user: CurrentUser, connection: WriteConn, body: RenameIn) -> StrategyOut: ...

Asking for `CurrentUser`, `ReadConn` or `WriteConn` means a live session; row security then shows
that user's rows only, whatever the query says.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from api import resources
from api.security.guard import require_admin, require_person, require_session
from api.security.sessions import SignedIn
from shared.contracts.envelope import Envelope
from shared.db import uow
from shared.ports import clock

__all__ = [
    "Admin",
    "Bells",
    "Clock",
    "CurrentUser",
    "Person",
    "ReadConn",
    "Resources",
    "SignedIn",
    "WriteConn",
]


# `async` although nothing is awaited: FastAPI runs plain functions in a thread, for each request.
async def _resources(request: Request) -> resources.Resources:
    found: resources.Resources = request.app.state.resources
    return found


Resources = Annotated[resources.Resources, Depends(_resources)]
CurrentUser = Annotated[SignedIn, Depends(require_session)]
Admin = Annotated[SignedIn, Depends(require_admin)]
Person = Annotated[SignedIn, Depends(require_person)]


async def _clock(shared: Resources) -> clock.Clock:
    return shared.clock


async def _bells(shared: Resources) -> AsyncGenerator[list[Envelope]]:
    rung: list[Envelope] = []
    yield rung
    shared.bell.offer(rung)


# Events that an endpoint wrote through its `WriteConn`: rung after the commit, and only then.
Bells = Annotated[list[Envelope], Depends(_bells, scope="function")]


# It asks for the bells because what is asked for first is left last.
async def _write(shared: Resources, user: CurrentUser, _: Bells) -> AsyncGenerator[AsyncConnection]:
    async with uow.unit_of_work(shared.engine, user.user_id) as connection:
        yield connection


async def _read(shared: Resources, user: CurrentUser) -> AsyncGenerator[AsyncConnection]:
    async with uow.read_only(shared.engine, user.user_id) as connection:
        yield connection


Clock = Annotated[clock.Clock, Depends(_clock)]
# scope="function": the commit comes before the response is made. With the default scope it would
# come after, and a client could hold a 2xx for something that was then not stored.
WriteConn = Annotated[AsyncConnection, Depends(_write, scope="function")]
ReadConn = Annotated[AsyncConnection, Depends(_read, scope="function")]
