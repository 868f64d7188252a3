"""From an error's class to what the caller is told. The only place that knows both.

Every error body is `{"code", "message", "fields"?, "correlation_id"}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.db.failures import is_contention, is_outage
from shared.domain import errors
from shared.runtime.logging import get_logger

_log = get_logger(__name__)


class NotSignedIn(errors.NotAllowed):
    """There is no live session: sign in and try again."""

    def __init__(self) -> None:
        super().__init__("auth.no_session", "Sign in first.")


class WrongCredentials(errors.NotAllowed):
    """Sign-in refused; the same for an unknown name, a wrong password and a disabled user."""

    def __init__(self) -> None:
        super().__init__("auth.wrong_credentials", "User name or password is not right.")


class SecondFactorNeeded(errors.NotAllowed):
    """The password was right; the code is missing, wrong or used."""

    def __init__(self, *, is_wrong: bool) -> None:
        if is_wrong:
            super().__init__("auth.second_factor_wrong", "The code is not right, or was used.")
        else:
            super().__init__("auth.second_factor_needed", "Add the code of your second factor.")


# Looked up along the class's ancestors, so a subclass needs a line only when it differs.
STATUS: Final[dict[type[errors.TradeManagerError], int]] = {
    errors.AlertRefused: 400,
    errors.InvalidInput: 422,
    NotSignedIn: 401,
    WrongCredentials: 401,
    SecondFactorNeeded: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.BrokerRefused: 409,
    errors.CredentialsExpired: 409,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
    errors.TradeManagerError: 500,
}

_HTTP_CODES: Final = {
    404: ("http.not_found", "There is nothing here."),
    405: ("http.method_not_allowed", "This address does not take that method."),
    413: ("http.too_large", "The request is too large."),
}
_FIELDS_MAX: Final = 20
RETRY_AFTER_S: Final = "retry_after_s"


def status_of(error: errors.TradeManagerError) -> int:
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def install(app: FastAPI) -> None:
    """Register the handlers. What none of them takes is answered by the edge as `internal`."""
    app.add_exception_handler(errors.TradeManagerError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(DBAPIError, _on_database)


def answer(
    correlation_id: str,
    status: int,
    code: str,
    message: str,
    *,
    fields: Sequence[Mapping[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """One shape for every error."""
    body: dict[str, Any] = {"code": code, "message": message, "correlation_id": correlation_id}
    if fields is not None:
        body["fields"] = list(fields)
    return JSONResponse(body, status, headers=headers)


def correlation_id_of(request: Request) -> str:
    """Given to the request by the edge."""
    return str(request.scope.get("state", {}).get("correlation_id", ""))


async def _on_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.TradeManagerError)  # noqa: S101 - registered for this class
    wait_s = error.context.get(RETRY_AFTER_S)
    fields = error.context.get("fields")
    return answer(
        correlation_id_of(request),
        status_of(error),
        error.code,
        error.message,
        fields=fields if isinstance(fields, list) else None,
        headers=None if wait_s is None else {"Retry-After": str(wait_s)},
    )


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    correlation_id, found = correlation_id_of(request), error.errors()
    if any(one["loc"][:1] == ("path",) for one in found):
        return answer(correlation_id, 404, *_HTTP_CODES[404])
    if _is_not_json(request, found):
        return answer(correlation_id, 400, "request.not_json", "The body has to be JSON.")
    # The value itself is never repeated: it may be a password.
    fields = [
        {"field": ".".join(str(part) for part in one["loc"][1:]), "message": str(one["msg"])}
        for one in found[:_FIELDS_MAX]
    ]
    return answer(
        correlation_id, 422, "request.invalid", "Some fields are not right.", fields=fields
    )


def _is_not_json(request: Request, found: Sequence[Any]) -> bool:
    """Broken, absent, or not said to be JSON at all."""
    absent = ("missing", ("body",))
    if any(one["type"] == "json_invalid" or (one["type"], one["loc"]) == absent for one in found):
        return True
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = content_type == "application/json" or content_type.endswith("+json")
    return not is_json and any(one["loc"][:1] == ("body",) for one in found)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    code, message = _HTTP_CODES.get(error.status_code, ("http.refused", "This cannot be done."))
    return answer(
        correlation_id_of(request), error.status_code, code, message, headers=error.headers
    )


async def _on_database(request: Request, error: Exception) -> Response:
    correlation_id = correlation_id_of(request)
    if is_outage(error) or is_contention(error):
        _log.warning("database_unavailable", error=type(error).__name__)
        return answer(correlation_id, 503, "db.unavailable", "The database is away; try again.")
    _log.error("request_failed", exc_info=error)
    return answer(correlation_id, 500, "internal", "Something went wrong on our side.")
