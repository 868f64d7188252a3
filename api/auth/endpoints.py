"""Sign in, who am I, sign out."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response
from starlette.responses import JSONResponse

from api.access import PUBLIC, SESSION, SIGN_IN, Router
from api.auth import service
from api.auth.schemas import CheckAuthOut, LoginIn, LoginOut, MessageOut
from api.deps import Resources
from api.security import cookies, csrf, sessions

sign_in = Router(SIGN_IN, prefix="/api/auth", tags=["auth"])
public = Router(PUBLIC, prefix="/api/auth", tags=["auth"])
signed_in = Router(SESSION, prefix="/api/auth", tags=["auth"])
ROUTERS: Final = (sign_in, public, signed_in)


@sign_in.post("/login/")
async def login(
    request: Request, response: Response, body: LoginIn, resources: Resources
) -> LoginOut:
    """A new session in the cookie; the CSRF token from before is worth nothing afterwards."""
    address = request.client.host if request.client else "unknown"
    entered = await service.login(resources, body, address, request.state.live_session)
    settings, session = resources.settings, entered.session
    binding = csrf.session_binding(session.session_id, session.csrf_secret)
    cookies.set_session(response, settings, session.token)
    cookies.set_csrf(
        response, settings, csrf.issue(settings.secret, binding, resources.random_bytes)
    )
    return LoginOut(user=entered.user)


@public.get("/check-auth/", response_model=CheckAuthOut, responses={401: {}})
async def check_auth(request: Request, resources: Resources) -> CheckAuthOut | Response:
    """`sessionId` opens sockets; it is never the cookie's value."""
    live = await sessions.find(resources.engine, request.cookies.get(cookies.SESSION))
    if live is None:
        return JSONResponse({"authenticated": False}, 401)
    if live.is_stale:
        await sessions.touch(resources.engine, live.who, resources.settings)
    return await service.check(resources, live)


@signed_in.post("/logout/")
async def logout(request: Request, response: Response, resources: Resources) -> MessageOut:
    """Ends the session everywhere; open sockets close within a second."""
    await service.logout(resources, request.state.live_session)
    cookies.clear(response, resources.settings)
    return MessageOut(message="Signed out.")
