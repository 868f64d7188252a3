"""The three cookies. `Secure` exactly when the public address is https."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from api.settings import ApiSettings

SESSION: Final = "sessionid"
# Readable by the page, which copies it into the header.
CSRF: Final = "csrftoken"
# What a CSRF token is bound to before sign-in.
ANONYMOUS: Final = "tm_anonymous"
CSRF_HEADER: Final = "X-CSRFToken"
_ANONYMOUS_AGE_S: Final = 24 * 3600


def set_session(response: Response, settings: ApiSettings, token: str) -> None:
    _set(response, settings, SESSION, token, settings.session_absolute_s, is_hidden=True)


def set_csrf(response: Response, settings: ApiSettings, token: str) -> None:
    _set(response, settings, CSRF, token, settings.session_absolute_s, is_hidden=False)


def set_anonymous(response: Response, settings: ApiSettings, value: str) -> None:
    _set(response, settings, ANONYMOUS, value, _ANONYMOUS_AGE_S, is_hidden=True)


def clear(response: Response, settings: ApiSettings) -> None:
    """After sign-out nothing of the session stays in the browser."""
    for name in (SESSION, CSRF, ANONYMOUS):
        response.delete_cookie(name, secure=settings.is_secure, samesite="lax")


def _set(
    response: Response, settings: ApiSettings, name: str, value: str, age_s: int, *, is_hidden: bool
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=age_s,
        path="/",
        secure=settings.is_secure,
        httponly=is_hidden,
        samesite="lax",
    )
