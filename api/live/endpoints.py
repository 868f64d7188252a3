"""Live accounts: locked until their owner enables each of them."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from api import edits
from api.access import PERSON, SESSION, Router
from api.deps import Bells, CurrentUser, Person, Resources, WriteConn
from api.live import service
from api.live.schemas import EnableIn, LiveOut
from api.wire import PathId

router = Router(SESSION, prefix="/api/accounts", tags=["accounts"])
person = Router(PERSON, prefix="/api/accounts", tags=["accounts"])
ROUTERS: Final = (router, person)


@person.post("/{account_id}/enable-live/")
async def enable(
    request: Request,
    user: Person,
    resources: Resources,
    account_id: PathId,
    body: EnableIn,
) -> LiveOut:
    """Asks for the password again, and for a code where there is a second factor.

    Lost by disabling, and wherever the data is copied to.
    """
    address = request.client.host if request.client else "unknown"
    return await service.enable(resources, user, account_id, body, address)


@router.post("/{account_id}/disable-live/")
async def disable(
    user: CurrentUser, connection: WriteConn, bells: Bells, account_id: PathId
) -> LiveOut:
    """Entries are refused from now on; what is held is closed as ever."""
    disabled = await service.disable(connection, user, account_id)
    bells.append(await edits.account(connection, user, account_id, {"live_enabled"}))
    return disabled
