"""Broker logins: test, add, list, change, delete."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Query, Response, status
from starlette.responses import RedirectResponse

from api.access import PERSON, Router
from api.connections import consent, queries, service
from api.connections.schemas import (
    AddedOut,
    AddIn,
    ChangeIn,
    ConnectionOut,
    ConnectionsOut,
    ConsentIn,
    ConsentOut,
    DoneOut,
    LoginIn,
    TestOut,
)
from api.deps import Person, ReadConn, Resources
from api.schemas import Answer
from api.wire import PathId

# The original's addresses, and ours.
original = Router(PERSON, prefix="/api/accounts", tags=["connections"])
router = Router(PERSON, prefix="/api/connections", tags=["connections"])
# A browser that comes back from the broker: a GET, whose proof is the state it carries.
callback = Router(PERSON, tags=["connections"])
ROUTERS: Final = (original, router, callback)

_LATER: Final[dict[int | str, dict[str, Any]]] = {
    status.HTTP_202_ACCEPTED: {"description": "Ask the command for its result."}
}


class PendingOut(Answer):
    """The broker has not answered yet: see `/api/commands/{command_id}/`."""

    success: bool = False
    code: str = "command.pending"
    message: str = "The broker has not answered yet; add the login again when it has."
    command_id: int


@original.post("/test-tradovate-connection/", responses=_LATER)
@router.post("/test/", responses=_LATER)
async def test(user: Person, resources: Resources, response: Response, body: LoginIn) -> TestOut:
    """Sign in, list the accounts, store nothing. 200 also when the broker said no: see `steps`."""
    found = await service.test(resources, user, body)
    return _pending(response, found)


@original.post("/add-tradovate/", status_code=status.HTTP_201_CREATED, responses=_LATER)
@router.post("/", status_code=status.HTTP_201_CREATED, responses=_LATER)
async def add(
    user: Person, resources: Resources, response: Response, body: AddIn
) -> AddedOut | PendingOut:
    """Tested first: a login that does not work is not stored. Live accounts begin locked."""
    found = await service.add(resources, user, body)
    if isinstance(found, AddedOut):
        return found
    response.status_code = status.HTTP_202_ACCEPTED
    return PendingOut(command_id=found)


@router.get("/")
async def list_connections(
    _: Person, connection: ReadConn, wrap: bool = False
) -> list[ConnectionOut] | ConnectionsOut:
    """How each login is doing; no secret of any."""
    found = await queries.list_connections(connection)
    return ConnectionsOut(connections=found) if wrap else found


@router.post("/consent/")
async def begin_consent(user: Person, resources: Resources, body: ConsentIn) -> ConsentOut:
    """For signing in without a password; the broker's page sends the browser back to us."""
    return await consent.begin(resources, user, body)


@callback.get(consent.CALLBACK, response_class=RedirectResponse, status_code=303)
async def finish_consent(
    user: Person,
    resources: Resources,
    code: Annotated[str, Query(min_length=1, max_length=4_096)],
    state: Annotated[str, Query(min_length=1, max_length=512)],
) -> str:
    """Back to the accounts page, whose address says what came of it."""
    return await consent.finish(resources, user, code, state)


@router.post("/{connection_id}/refresh/", responses=_LATER)
async def refresh(
    user: Person, resources: Resources, response: Response, connection_id: PathId
) -> TestOut:
    """Ask the broker which accounts the login has now; new ones are added."""
    return _pending(response, await service.refresh(resources, user, connection_id))


@router.put("/{connection_id}/")
async def change(
    user: Person, resources: Resources, connection_id: PathId, body: ChangeIn
) -> DoneOut:
    """The login signs in anew, with what it has now."""
    return await service.change(resources, user, connection_id, body)


@router.delete("/{connection_id}/")
async def remove(user: Person, resources: Resources, connection_id: PathId) -> DoneOut:
    """Its secrets are removed at once; refused while something is open in its accounts."""
    return await service.remove(resources, user, connection_id)


def _pending(response: Response, found: TestOut) -> TestOut:
    if found.code == "command.pending":
        response.status_code = status.HTTP_202_ACCEPTED
    return found
