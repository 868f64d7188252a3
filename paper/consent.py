"""The page on which a person lets an application in: a stub with a real form."""

from __future__ import annotations

from html import escape
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from paper.calls import Refusal
from paper.venue import Venue

PATH: Final = "/oauth"
_ASKED: Final = ("client_id", "redirect_uri", "state", "scope")
_SCHEMES: Final = frozenset({"http", "https"})


def page(venue: Venue, params: dict[str, Any], wrong: str = "") -> bytes:
    """A form that sends the same fields back with a name and a password. Raises Refusal 400."""
    _check(venue, params)
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(str(params[name]))}">'
        for name in _ASKED
        if name in params
    )
    return (
        "<!doctype html><html lang=en><title>Paper venue</title>"
        f"<h1>Let {escape(str(params['client_id']))} trade for you?</h1><p role=alert>{wrong}</p>"
        f'<form method="post">{hidden}<label>Name <input name="name" required></label> '
        '<label>Password <input name="password" type="password" required></label> '
        "<button>Allow</button></form>"
    ).encode()


def allowed(venue: Venue, params: dict[str, Any]) -> str | None:
    """Where to send the browser with its code; None for wrong credentials."""
    _check(venue, params)
    user = venue.sessions.user(str(params.get("name", "")), str(params.get("password", "")))
    if user is None:
        return None
    client_id, uri = str(params["client_id"]), str(params["redirect_uri"])
    code = venue.grants.issue(user.id, client_id, uri, venue.clock.now())
    told = {"code": code} | ({"state": params["state"]} if "state" in params else {})
    return f"{uri}{'&' if urlsplit(uri).query else '?'}{urlencode(told)}"


def _check(venue: Venue, params: dict[str, Any]) -> None:
    if params.get("response_type", "code") != "code":
        raise Refusal(400, "response_type is code")
    if not venue.grants.knows(str(params.get("client_id", ""))):
        raise Refusal(400, "client_id is not known")
    uri = urlsplit(str(params.get("redirect_uri", "")))
    if uri.scheme not in _SCHEMES or not uri.netloc or uri.fragment:
        raise Refusal(400, "redirect_uri is no address")
