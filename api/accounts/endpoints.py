"""Accounts of the user's connections."""

from __future__ import annotations

from typing import Final

from api.access import SESSION, Router
from api.accounts import queries
from api.accounts.schemas import AccountOut, AccountsOut
from api.deps import CurrentUser, ReadConn
from api.wire import ExactJson

router = Router(SESSION, prefix="/api/accounts", tags=["accounts"])
ROUTERS: Final = (router,)


@router.get("/", response_model=list[AccountOut] | AccountsOut)
@router.get("/get-all-at-accounts/", response_model=list[AccountOut] | AccountsOut)
async def list_accounts(_: CurrentUser, connection: ReadConn, wrap: bool = False) -> ExactJson:
    """A bare array; `wrap=1` gives an object."""
    found = await queries.list_accounts(connection)
    return ExactJson(AccountsOut(accounts=found) if wrap else found)
