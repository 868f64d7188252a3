"""Is it alive, can it work, what does it count; and the CSRF token, every client's first call."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response

from api.access import PUBLIC, SESSION, Router
from api.deps import CurrentUser, Resources
from api.schemas import Answer
from api.security import cookies, csrf
from api.security.guard import current_binding
from api.system.reachable import obstacles
from shared.runtime.health import readyz
from shared.runtime.metrics import exposition

_ANONYMOUS_BYTES: Final = 16

health = Router(PUBLIC, tags=["system"], include_in_schema=False)
public = Router(PUBLIC, prefix="/api/system", tags=["system"])
session = Router(SESSION, prefix="/api/system", tags=["system"])
ROUTERS: Final = (health, public, session)


@health.get("/healthz")
async def alive() -> dict[str, str]:
    return {"status": "ok"}


@health.get("/readyz")
async def ready(resources: Resources) -> Response:
    """200 when an alert could be committed now. Redis may be away: nothing is lost without it."""
    status, content_type, body = await readyz(resources.readiness)
    return Response(body, status, media_type=content_type)


@health.get("/metrics")
async def metrics() -> Response:
    return Response(exposition(), media_type="text/plain; version=0.0.4")


class CsrfToken(Answer):
    csrfToken: str  # noqa: N815 - the name clients of the original know


@public.get("/csrf-token/")
async def csrf_token(request: Request, response: Response, resources: Resources) -> CsrfToken:
    """A token of 64 characters for `X-CSRFToken`, bound to the session or, before, to a cookie."""
    binding = await current_binding(request, resources)
    if binding is None:
        value = resources.random_bytes(_ANONYMOUS_BYTES).hex()
        cookies.set_anonymous(response, resources.settings, value)
        binding = csrf.anonymous_binding(value)
    token = csrf.issue(resources.settings.secret, binding, resources.random_bytes)
    cookies.set_csrf(response, resources.settings, token)
    return CsrfToken(csrfToken=token)


class ObstacleOut(Answer):
    code: str
    message: str


class PublicUrlOut(Answer):
    """Nothing in `obstacles` is no promise: a firewall shows from outside only."""

    public_url: str
    obstacles: list[ObstacleOut]


@session.get("/public-url-check/")
async def public_url_check(_: CurrentUser, resources: Resources) -> PublicUrlOut:
    """Whether TradingView could reach this installation, as far as its address tells."""
    url = resources.settings.public_url
    found = [ObstacleOut(code=each.code, message=each.message) for each in obstacles(url)]
    return PublicUrlOut(public_url=url, obstacles=found)
