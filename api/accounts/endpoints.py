"""Accounts of the user's connections."""

from __future__ import annotations

from typing import Final

from api.access import SESSION, Router
from api.accounts import queries, service
from api.accounts.schemas import AccountIn, AccountOut, AccountsOut, ChangedOut
from api.deps import CurrentUser, ReadConn, WriteConn
from api.wire import ExactJson, PathId

router = Router(SESSION, prefix="/api/accounts", tags=["accounts"])
ROUTERS: Final = (router,)


@router.put("/{account_id}/")
async def change(
    user: CurrentUser, connection: WriteConn, account_id: PathId, body: AccountIn
) -> ChangedOut:
    """Rules of the account, whichever strategy trades it, and whether it trades at all."""
    return await service.change(connection, user, account_id, body)


@router.get("/", response_model=list[AccountOut] | AccountsOut)
@router.get("/get-all-at-accounts/", response_model=list[AccountOut] | AccountsOut)
async def list_accounts(_: CurrentUser, connection: ReadConn, wrap: bool = False) -> ExactJson:
    """A bare array; `wrap=1` gives an object."""
    found = await queries.list_accounts(connection)
    return ExactJson(AccountsOut(accounts=found) if wrap else found)
