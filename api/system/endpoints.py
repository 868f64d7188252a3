"""Is it alive, can it work, what does it count; and the CSRF token, every client's first call."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.access import PUBLIC, Router
from api.deps import Resources
from api.schemas import Answer
from api.security import cookies, csrf
from api.security.guard import current_binding
from shared.db.failures import DatabaseAway
from shared.db.outbox import Outbox
from shared.db.uow import read_only
from shared.runtime.metrics import exposition

_ANONYMOUS_BYTES: Final = 16
# The relay of some process sweeps each second; older than this, none of them does.
OUTBOX_AGE_S_MAX: Final = 30.0

health = Router(PUBLIC, tags=["system"], include_in_schema=False)
public = Router(PUBLIC, prefix="/api/system", tags=["system"])
ROUTERS: Final = (health, public)


@health.get("/healthz")
async def alive() -> dict[str, str]:
    return {"status": "ok"}


@health.get("/readyz")
async def ready(resources: Resources, response: Response) -> dict[str, object]:
    """200 when an alert could be committed now. Redis may be away: nothing is lost without it."""
    try:
        async with read_only(resources.engine) as connection:
            await connection.execute(text("SELECT 1"))
        unpublished_s = await Outbox(resources.engine).oldest_unpublished_age_s()
    except (DatabaseAway, DBAPIError):
        response.status_code = 503
        return {"status": "unavailable", "database": "away"}
    is_rung = unpublished_s < OUTBOX_AGE_S_MAX
    return {"status": "ok", "relay": "ok" if is_rung else "behind"}


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
