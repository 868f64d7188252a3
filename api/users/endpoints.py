"""The user's own affairs under `/api/user/`; an administrator's under `/api/users/`."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query, Request, Response, status
from sqlalchemy import update
from starlette.responses import RedirectResponse

from api.access import ADMIN, PERSON, Router
from api.auth.schemas import MessageOut
from api.deps import Admin, Person, ReadConn, Resources, WriteConn
from api.security import cookies, sessions
from api.users import discord, keys, people, registration, second_factor, service
from api.users.schemas import (
    AuditOut,
    AuditsOut,
    BegunOut,
    CodeIn,
    CodesOut,
    EmailIn,
    EndedOut,
    InviteIn,
    InviteOut,
    KeyIn,
    KeyOut,
    KeysOut,
    LinkOut,
    MeOut,
    NameIn,
    NewKeyOut,
    PasswordIn,
    PeopleOut,
    PersonIn,
    PersonOut,
    ProofIn,
    SessionOut,
    SessionsOut,
    TogglesIn,
    TogglesOut,
)
from api.wire import PathId, QueryText
from shared.db.tables.people import users
from shared.db.uow import unit_of_work

router = Router(PERSON, prefix="/api/user", tags=["user"])
admin = Router(ADMIN, prefix="/api/users", tags=["users"])
# A browser that comes back from Discord: a GET, whose proof is the state it carries.
callback = Router(PERSON, tags=["user"])
ROUTERS: Final = (router, admin, callback)

_PAGE: Final = 100
_PAGE_MAX: Final = 1_000


@router.get("/")
async def me(user: Person, connection: ReadConn) -> MeOut:
    return await service.me(connection, user)


@router.post("/password/")
async def change_password(
    request: Request, user: Person, resources: Resources, body: PasswordIn
) -> EndedOut:
    """Every other session ends, its sockets within a second."""
    await service.prove(resources, user, body, _address(request))
    ended = await service.change_password(resources, user, body.new_password.get_secret_value())
    return EndedOut(message="Password changed.", ended=ended)


@router.post("/username/")
async def change_name(
    request: Request, user: Person, resources: Resources, body: NameIn
) -> EndedOut:
    """Every other session ends, its sockets within a second."""
    await service.prove(resources, user, body, _address(request))
    ended = await service.change_name(resources, user, body.username)
    return EndedOut(message="User name changed.", ended=ended)


@router.post("/email/")
async def change_email(
    request: Request, user: Person, resources: Resources, body: EmailIn
) -> MessageOut:
    await service.prove(resources, user, body, _address(request))
    await service.change_email(resources, user, body.email)
    return MessageOut(message="Address changed.")


@router.delete("/")
async def leave(
    request: Request, response: Response, user: Person, resources: Resources, body: ProofIn
) -> MessageOut:
    """The person and every secret are removed; refused while something is open."""
    await service.prove(resources, user, body, _address(request))
    await service.leave(resources, user)
    cookies.clear(response, resources.settings)
    return MessageOut(message="You are gone; your records stay under a number.")


@router.get("/sessions/")
async def list_sessions(
    user: Person, connection: ReadConn, wrap: bool = False
) -> list[SessionOut] | SessionsOut:
    found = await service.list_sessions(connection, user)
    return SessionsOut(sessions=found) if wrap else found


@router.get("/audit/")
async def list_audit(
    _: Person,
    connection: ReadConn,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=_PAGE_MAX)] = _PAGE,
    after: QueryText = "",
    wrap: bool = False,
) -> list[AuditOut] | AuditsOut:
    """What was done in the user's name, newest first; the header `X-Next` goes on as `after`."""
    found, more = await service.list_audit(connection, limit, after)
    if more is not None:
        response.headers["X-Next"] = more
    return AuditsOut(audit=found, next=more) if wrap else found


@router.post("/sessions/end-others/")
async def end_other_sessions(user: Person, resources: Resources) -> EndedOut:
    async with unit_of_work(resources.engine, user.user_id) as connection:
        ended = await sessions.end_others(connection, user.user_id, user.session_id)
    return EndedOut(message="Every other session has ended.", ended=ended)


@router.delete("/sessions/{session_id}/")
async def end_session(_: Person, connection: WriteConn, session_id: PathId) -> MessageOut:
    await service.end_session(connection, session_id)
    return MessageOut(message="The session has ended.")


@router.post("/totp/begin/")
async def begin_totp(
    request: Request, user: Person, resources: Resources, body: ProofIn
) -> BegunOut:
    """A secret for an authenticator; asked for only once it is confirmed."""
    await service.prove(resources, user, body, _address(request))
    async with unit_of_work(resources.engine, user.user_id) as connection:
        return await second_factor.begin(connection, resources, user)


@router.post("/totp/confirm/")
async def confirm_totp(
    user: Person, connection: WriteConn, resources: Resources, body: CodeIn
) -> CodesOut:
    return await second_factor.confirm(connection, resources, user, body.code)


@router.post("/totp/recovery-codes/")
async def new_recovery_codes(
    request: Request, user: Person, resources: Resources, body: ProofIn
) -> CodesOut:
    """Those before them are good no more."""
    await service.prove(resources, user, body, _address(request))
    async with unit_of_work(resources.engine, user.user_id) as connection:
        return await second_factor.new_codes(connection, resources, user)


@router.delete("/totp/")
async def remove_totp(
    request: Request, user: Person, resources: Resources, body: ProofIn
) -> MessageOut:
    await service.prove(resources, user, body, _address(request))
    async with unit_of_work(resources.engine, user.user_id) as connection:
        await second_factor.remove(connection, user)
    return MessageOut(message="The second factor is off.")


@router.post("/api-keys/", status_code=status.HTTP_201_CREATED)
async def create_key(
    user: Person, connection: WriteConn, resources: Resources, body: KeyIn
) -> NewKeyOut:
    """The key is shown in this answer and never again."""
    return await keys.create(connection, resources, user, body)


@router.get("/api-keys/")
async def list_keys(_: Person, connection: ReadConn, wrap: bool = False) -> list[KeyOut] | KeysOut:
    found = await keys.list_keys(connection)
    return KeysOut(api_keys=found) if wrap else found


@router.delete("/api-keys/{key_id}/")
async def revoke_key(user: Person, connection: WriteConn, key_id: PathId) -> MessageOut:
    await keys.revoke(connection, user, key_id)
    return MessageOut(message="The key opens nothing any more.")


@router.post("/toggle-discord-dms/")
async def toggle_discord_dms(user: Person, connection: WriteConn, body: TogglesIn) -> TogglesOut:
    statement = update(users).where(users.c.id == user.user_id)
    await connection.execute(statement.values(discord_dms_enabled=body.enabled))
    return TogglesOut(enabled=body.enabled)


@router.post("/discord/link/")
async def begin_discord_link(user: Person, resources: Resources) -> LinkOut:
    """Discord's page sends the browser back to us."""
    return LinkOut(url=await discord.begin(resources, user))


@callback.get(discord.CALLBACK, response_class=RedirectResponse, status_code=303)
async def finish_discord_link(
    user: Person,
    resources: Resources,
    state: Annotated[str, Query(min_length=1, max_length=200)],
    code: Annotated[str | None, Query(max_length=500)] = None,
) -> str:
    """Back to the settings, whose address says what came of it."""
    return await discord.finish(resources, user, code, state)


@router.delete("/discord/")
async def unlink_discord(user: Person, resources: Resources) -> MessageOut:
    await discord.unlink(resources, user)
    return MessageOut(message="Unlinked: no message is sent any more.")


@admin.get("/")
async def list_people(
    _: Admin, connection: ReadConn, wrap: bool = False
) -> list[PersonOut] | PeopleOut:
    found = await people.list_people(connection)
    return PeopleOut(users=found) if wrap else found


@admin.put("/{person_id}/")
async def change_person(
    user: Admin, connection: WriteConn, person_id: PathId, body: PersonIn
) -> MessageOut:
    """Who is disabled is signed out everywhere within a second."""
    await people.change(connection, user, person_id, body)
    return MessageOut(message="User changed.")


@admin.post("/invites/", status_code=status.HTTP_201_CREATED)
async def invite(
    user: Admin, connection: WriteConn, resources: Resources, body: InviteIn
) -> InviteOut:
    """The code is shown in this answer and never again; it lets one person in."""
    return await registration.invite(connection, resources, user, body)


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"
