"""Which refusals a route may answer with, for the documents: every one has the same shape."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from pydantic import ConfigDict

from api.schemas import Answer

_SAFE: Final = {"GET", "HEAD"}
_SAID: Final = {
    400: "The body is not JSON.",
    401: "Nobody is signed in, or a proof is missing.",
    403: "Known, and refused: the scope, the CSRF token, the origin or the role.",
    404: "No such thing, or another user's: the two look alike.",
    409: "The state does not allow it; read it again.",
    413: "The body is too large.",
    422: "Valid JSON that says something impossible; `fields` tells where.",
    429: "Too often; `Retry-After` says when to come back.",
    503: "Something we depend on is away; trying again may help.",
}


class FieldProblem(Answer):
    field: str
    message: str


class ErrorOut(Answer):
    """`code` is stable, `message` one plain sentence, `correlation_id` finds it in our logs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "strategy.unknown",
                    "message": "There is no such strategy.",
                    "correlation_id": "9f2c6b1e0a7d",
                }
            ]
        }
    )

    code: str
    message: str
    correlation_id: str
    fields: list[FieldProblem] | None = None


def refusals(rule: str, path: str, methods: Collection[str]) -> dict[int | str, dict[str, Any]]:
    """By the rule that guards it, its address and its methods."""
    found = {422, 503}
    if rule != "public":
        found |= {401, 403, 404}
    if "{" in path:
        found.add(404)
    # A browser that comes back from elsewhere changes something by a GET.
    if not set(methods) <= _SAFE or path.startswith("/oauth/"):
        found |= {400, 404, 409, 413, 429}
    return {status: {"model": ErrorOut, "description": _SAID[status]} for status in sorted(found)}
