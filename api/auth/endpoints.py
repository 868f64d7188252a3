"""Sign in, who am I, sign out."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response, status
from starlette.responses import JSONResponse

from api.access import PERSON, PUBLIC, SIGN_IN, Router
from api.auth import service
from api.auth.schemas import (
    CheckAuthOut,
    LoginIn,
    LoginOut,
    MessageOut,
    RegisterIn,
    SetupOut,
    TicketOut,
)
from api.deps import Person, Resources, WriteConn
from api.security import cookies, csrf, sessions, socket_ticket
from api.security.sessions import Place
from api.users import registration

sign_in = Router(SIGN_IN, prefix="/api/auth", tags=["auth"])
public = Router(PUBLIC, prefix="/api/auth", tags=["auth"])
signed_in = Router(PERSON, prefix="/api/auth", tags=["auth"])
ROUTERS: Final = (sign_in, public, signed_in)

_AGENT_LENGTH_MAX: Final = 200


@sign_in.post("/login/")
async def login(
    request: Request, response: Response, body: LoginIn, resources: Resources
) -> LoginOut:
    """A new session in the cookie; the CSRF token from before is worth nothing afterwards."""
    entered = await service.login(resources, body, _place(request), request.state.live_session)
    return _let_in(response, resources, entered)


@public.get("/setup/")
async def setup_state(resources: Resources) -> SetupOut:
    """Whether somebody has to be the first user, and who else may sign up."""
    return await registration.state(resources)


@sign_in.post("/setup/", status_code=status.HTTP_201_CREATED)
async def setup(
    request: Request, response: Response, body: RegisterIn, resources: Resources
) -> LoginOut:
    """The first user, an administrator; closed for ever once there is one."""
    return _let_in(response, resources, await registration.first(resources, body, _place(request)))


@sign_in.post("/register/", status_code=status.HTTP_201_CREATED)
async def register(
    request: Request, response: Response, body: RegisterIn, resources: Resources
) -> LoginOut:
    """As the installation's setting says: open, by invitation, or closed."""
    return _let_in(response, resources, await registration.join(resources, body, _place(request)))


@public.get("/check-auth/", response_model=CheckAuthOut, responses={401: {}})
async def check_auth(request: Request, resources: Resources) -> CheckAuthOut | Response:
    """`sessionId` opens sockets; it is never the cookie's value."""
    live = await sessions.find(resources.engine, request.cookies.get(cookies.SESSION))
    if live is None:
        return JSONResponse({"authenticated": False}, 401)
    if live.is_stale:
        await sessions.touch(resources.engine, live.who, resources.settings)
    return await service.check(resources, live)


def _place(request: Request) -> Place:
    agent = request.headers.get("user-agent", "")[:_AGENT_LENGTH_MAX]
    return Place(request.client.host if request.client else "unknown", agent)


def _let_in(response: Response, resources: Resources, entered: service.Entered) -> LoginOut:
    settings, session = resources.settings, entered.session
    binding = csrf.session_binding(session.session_id, session.csrf_secret)
    cookies.set_session(response, settings, session.token)
    cookies.set_csrf(
        response, settings, csrf.issue(settings.secret, binding, resources.random_bytes)
    )
    return LoginOut(user=entered.user)


@signed_in.post("/ws-ticket/")
async def ws_ticket(user: Person, connection: WriteConn, resources: Resources) -> TicketOut:
    """For one socket within a minute, of this session: what ends the session closes it."""
    ticket = await socket_ticket.issue(connection, user, resources.random_bytes)
    return TicketOut(
        ticket=ticket, user=user.username, expires_in_s=int(socket_ticket.LIFE.total_seconds())
    )


@signed_in.post("/logout/")
async def logout(request: Request, response: Response, resources: Resources) -> MessageOut:
    """Ends the session everywhere; open sockets close within a second."""
    await service.logout(resources, request.state.live_session)
    cookies.clear(response, resources.settings)
    return MessageOut(message="Signed out.")
