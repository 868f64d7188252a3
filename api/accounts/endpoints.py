"""Accounts of the user's connections."""

from __future__ import annotations

from typing import Final

from api import edits
from api.access import SESSION, Router
from api.accounts import queries, service
from api.accounts.schemas import AccountIn, AccountOut, AccountsOut, ChangedOut
from api.deps import Bells, Clock, CurrentUser, ReadConn, WriteConn
from api.wire import ExactJson, PathId

router = Router(SESSION, prefix="/api/accounts", tags=["accounts"])
ROUTERS: Final = (router,)


@router.put("/{account_id}/")
async def change(
    user: CurrentUser,
    connection: WriteConn,
    clock: Clock,
    bells: Bells,
    account_id: PathId,
    body: AccountIn,
) -> ChangedOut:
    """What scales and limits its orders, whichever strategy trades, and whether it trades."""
    saved = await service.change(connection, user, account_id, body, clock.now().date())
    named = body.model_fields_set
    bells.append(await edits.account_changed(connection, user, account_id, named))
    return saved


@router.get("/", response_model=list[AccountOut] | AccountsOut)
@router.get("/get-all-at-accounts/", response_model=list[AccountOut] | AccountsOut)
async def list_accounts(_: CurrentUser, connection: ReadConn, wrap: bool = False) -> ExactJson:
    """A bare array; `wrap=1` gives an object."""
    found = await queries.list_accounts(connection)
    return ExactJson(AccountsOut(accounts=found) if wrap else found)


@router.get("/{account_id}/", response_model=AccountOut)
async def show(_: CurrentUser, connection: ReadConn, account_id: PathId) -> ExactJson:
    """One account, with the broker's word on its balance."""
    return ExactJson(await queries.show(connection, account_id))


@router.get("/{account_id}/subaccounts/", response_model=list[AccountOut] | AccountsOut)
async def list_subaccounts(
    _: CurrentUser, connection: ReadConn, account_id: PathId, wrap: bool = False
) -> ExactJson:
    """All accounts under the login of this one, itself among them."""
    found = await queries.under_one_login(connection, account_id)
    return ExactJson(AccountsOut(accounts=found) if wrap else found)
