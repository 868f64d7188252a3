"""Who may call a route. Every route declares exactly one rule, or the application refuses to start.

    router = Router(access.SESSION, prefix="/api/trades", tags=["trades"])

    @router.get("/")                 # reachable as /api/trades/ and as /api/trades
    async def list_trades(user: CurrentUser, connection: ReadConn) -> list[TradeOut]: ...

A rule is declared on the router, never by the shape of an address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount

from api.refusals import refusals
from api.security.guard import (
    require_admin,
    require_anonymous_proof,
    require_person,
    require_session,
)

REQUEST_BYTES_MAX: Final = 256 * 1024


async def _nothing_required() -> None:
    """For what anybody may read, and changes nothing."""


async def _own_proof() -> None:
    """For webhooks: the key in the request is the proof, and there is no cookie to abuse."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`check` runs before the endpoint and raises what the caller is to be told."""

    name: str
    check: Callable[..., Any]


PUBLIC: Final = Rule("public", _nothing_required)
# No session yet, but an unsafe request all the same: CSRF token and Origin are demanded.
SIGN_IN: Final = Rule("sign_in", require_anonymous_proof)
# A signed-in browser, or a key with the scope for it.
SESSION: Final = Rule("session", require_session)
# A signed-in browser only: what decides who may come in is not a program's to change.
PERSON: Final = Rule("person", require_person)
# As PERSON, and only for who may act for the whole installation.
ADMIN: Final = Rule("admin", require_admin)
WEBHOOK: Final = Rule("webhook", _own_proof)
RULES: Final = (PUBLIC, SIGN_IN, SESSION, PERSON, ADMIN, WEBHOOK)

_BY_CHECK: Final = {rule.check: rule for rule in RULES}


class UndeclaredAccessError(RuntimeError):
    """A programmer's error: a route that nobody said who may call."""


class Router(APIRouter):
    """A router of one access rule. Each path is reachable with and without its trailing slash."""

    def __init__(self, rule: Rule, **kwargs: Any) -> None:
        kwargs.setdefault("max_body_size", REQUEST_BYTES_MAX)
        super().__init__(dependencies=[Depends(rule.check)], redirect_slashes=False, **kwargs)
        self._rule = rule

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        if self._rule is not WEBHOOK:  # it says its own, in words for who sets an alert up
            methods = set(kwargs.get("methods") or {"GET"})
            named = refusals(self._rule.name, self.prefix + path, methods)
            kwargs["responses"] = {**named, **(kwargs.get("responses") or {})}
        super().add_api_route(path, endpoint, **kwargs)
        twin = path.removesuffix("/") if path.endswith("/") else f"{path}/"
        if self.prefix + twin:
            kwargs["include_in_schema"] = False  # one address in the documents is enough
            super().add_api_route(twin, endpoint, **kwargs)


def include(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Add the routes themselves, so that `check_all` sees each of them."""
    for router in routers:
        app.router.routes.extend(router.routes)


def check_all(routes: Iterable[BaseRoute]) -> None:
    """Raises `UndeclaredAccessError` for the first route without exactly one rule."""
    for route in routes:
        rule_of(route)


def rule_of(route: BaseRoute) -> Rule:
    """The rule a route declared."""
    found = set(_declared(route))
    if len(found) != 1:
        names = sorted(rule.name for rule in found)
        path = getattr(route, "path", route)
        raise UndeclaredAccessError(f"{path}: one access rule is needed, found {names}")
    return found.pop()


def _declared(route: BaseRoute) -> Iterator[Rule]:
    if isinstance(route, APIRoute):
        yield from _rules_in(route.dependant)
        return
    # What is not FastAPI's own (a bare ASGI application, mounted files) says it by an attribute.
    endpoint = getattr(route, "app" if isinstance(route, Mount) else "endpoint", None)
    rule = getattr(endpoint, "access_rule", None)
    if isinstance(rule, Rule):
        yield rule


def _rules_in(dependant: Dependant) -> Iterator[Rule]:
    for inner in dependant.dependencies:
        if inner.call in _BY_CHECK:
            yield _BY_CHECK[inner.call]
