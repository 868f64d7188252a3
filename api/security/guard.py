"""The checks behind the access rules: session, CSRF token, Origin."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from api.errors import NotSignedIn
from api.resources import Resources
from api.security import api_keys, cookies, csrf, origin, sessions
from api.security.api_keys import KeyScope
from api.security.sessions import LiveSession, SignedIn
from shared.domain.errors import NotAllowed

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


async def require_session(request: Request) -> SignedIn:
    """Who is asking: a signed-in browser, or a program with a key of the right scope.

    Raises `NotSignedIn`, and `NotAllowed`: for a browser without its CSRF token or from a foreign
    page, for a key without the scope. A key needs no token: no browser sends it by itself.
    """
    key = api_keys.given_in(request.headers.get("authorization"))
    return await require_person(request) if key is None else await _require_key(request, key)


async def _require_key(request: Request, key: str) -> SignedIn:
    resources: Resources = request.app.state.resources
    bearer = await api_keys.find(resources.engine, key)
    if bearer is None:
        raise NotSignedIn
    wanted = KeyScope.READ if request.method in _SAFE else KeyScope.TRADE
    if wanted not in bearer.scopes:
        raise NotAllowed("auth.scope", f"This key has not the scope {wanted}.")
    await api_keys.touch(resources.engine, bearer, resources.clock.now())
    return bearer.who


async def require_person(request: Request) -> SignedIn:
    """A signed-in browser, never a key. Raises as `require_session`, and `auth.person`."""
    if api_keys.given_in(request.headers.get("authorization")) is not None:
        raise NotAllowed("auth.person", "This is for a person who signed in, not for a key.")
    known: SignedIn | None = getattr(request.state, "person", None)
    if known is not None:  # asked for twice: by the route's rule and by its connection
        return known
    resources: Resources = request.app.state.resources
    live = await sessions.find(resources.engine, request.cookies.get(cookies.SESSION))
    if live is None:
        raise NotSignedIn
    request.state.live_session = live
    if request.method not in _SAFE:
        _require_proof(request, resources, _binding_of(live))
    if live.is_stale:
        await sessions.touch(resources.engine, live.who, resources.settings)
    request.state.person = live.who
    return live.who


async def require_admin(request: Request) -> SignedIn:
    """Who is asking, an administrator. Raises as `require_session`, and `NotAllowed`."""
    who = await require_person(request)
    if not who.admin:
        raise NotAllowed("auth.admin", "This is an administrator's to do.")
    return who


async def require_anonymous_proof(request: Request) -> None:
    """For signing in: the token of the anonymous cookie, or of the session that is still there."""
    if request.method in _SAFE:
        return
    resources: Resources = request.app.state.resources
    _require_proof(request, resources, await current_binding(request, resources))


async def current_binding(request: Request, resources: Resources) -> bytes | None:
    """What this browser's CSRF token is bound to; None when it has neither cookie."""
    live = await sessions.find(resources.engine, request.cookies.get(cookies.SESSION))
    request.state.live_session = live
    if live is not None:
        return _binding_of(live)
    anonymous = request.cookies.get(cookies.ANONYMOUS)
    return None if not anonymous else csrf.anonymous_binding(anonymous)


def _binding_of(live: LiveSession) -> bytes:
    return csrf.session_binding(live.who.session_id, live.csrf_secret)


def _require_proof(request: Request, resources: Resources, binding: bytes | None) -> None:
    headers = request.headers
    settings = resources.settings
    if not origin.is_allowed(headers.get("origin"), headers.get("referer"), settings.origins):
        raise NotAllowed("auth.origin", "This request came from a foreign page.")
    token = headers.get(cookies.CSRF_HEADER, "")
    if binding is None or not csrf.is_valid(settings.secret, binding, token):
        raise NotAllowed("auth.csrf", "The CSRF token is missing or not this session's.")
