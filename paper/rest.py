"""The venue's port as a plain ASGI application: REST, two sockets and a health page."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Callable, MutableMapping
from typing import Any, Final
from urllib.parse import unquote

import paper.endpoints  # noqa: F401 - imported for what it registers
from paper import consent
from paper.calls import Answer, Call, Endpoint, Refusal, delivered, dispatch, find
from paper.faults import Fault
from paper.hub import SOCKETS_MAX
from paper.params import read_fields, read_query
from paper.socket import Socket
from paper.venue import Venue

BODY_BYTES_MAX: Final = 1_048_576
LOST_ANSWER_S_MAX: Final = 300.0
_PREFIX: Final = "/v1/"
_SOCKETS: Final = {"/v1/websocket": False, "/v1/md/websocket": True}
_JSON: Final = b"application/json"
_TEXT: Final = b"text/plain; charset=utf-8"
_HTML: Final = b"text/html; charset=utf-8"
_TOKEN_PATH: Final = "/auth/oauthtoken"  # noqa: S105 - a path
_NOT_YOU: Final = "Incorrect name or password"
_OK: Final = 200

Scope = MutableMapping[str, Any]
Receive = Callable[[], Any]
Send = Callable[[MutableMapping[str, Any]], Any]


class Application:
    """`/v1/...` without regard to case, GET and POST alike; everything else is 404."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "websocket":
                await self._websocket(scope, receive, send)
            case kind:
                raise NotImplementedError(kind)  # the server is run without lifespan

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        md_only = _SOCKETS.get(scope["path"].rstrip("/").lower())
        if md_only is None or len(self._venue.hub.listeners) >= SOCKETS_MAX:
            await send({"type": "websocket.close"})
            return
        if self._venue.faults.take(Fault.STORM_429) is not None:
            headers = [(b"content-length", b"0")]
            await send({"type": "websocket.http.response.start", "status": 429, "headers": headers})
            await send({"type": "websocket.http.response.body", "body": b""})
            return
        socket = Socket(self._venue, receive, send, md_only=md_only, address=_address(scope))
        await socket.run()

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].lower()
        if path == "/healthz":
            await respond(send, 200, b'{"status":"ok"}')
            return
        if path == consent.PATH:
            await self._consent(scope, receive, send)
            return
        # The broker's token endpoint is known with and without the prefix.
        known = path.startswith(_PREFIX) or path == _TOKEN_PATH
        target = find(path.removeprefix(_PREFIX)) if known else None
        if target is None or target.socket_only:
            await respond(send, 404, b"Not found", _TEXT)
            return
        answer = await self._answered(target, scope, receive)
        if answer.lost:
            await _until_gone(receive)
            return
        await respond(send, answer.status, answer.body, _JSON if answer.status == _OK else _TEXT)

    async def _answered(self, target: Endpoint, scope: Scope, receive: Receive) -> Answer:
        try:
            body = await read_all(receive)
            session = None if target.is_open else self._venue.sessions.check(_token(scope))
            fields = read_fields(body, _header(scope, b"content-type"))
            params = _basic(scope) if target.is_open else {}
            params |= read_query(scope["query_string"]) | fields
        except Refusal as refusal:
            self._venue.commit()  # a displaced session was told so
            return Answer(refusal.status, refusal.text.encode())
        call = Call(self._venue, params, session, None, _address(scope))
        return await delivered(self._venue, dispatch(target, call))

    async def _consent(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            params = read_query(scope["query_string"])
            if scope["method"] != "POST":
                await respond(send, _OK, consent.page(self._venue, params), _HTML)
                return
            params |= read_fields(await read_all(receive), _header(scope, b"content-type"))
            location = consent.allowed(self._venue, params)
            if location is None:
                await respond(send, _OK, consent.page(self._venue, params, _NOT_YOU), _HTML)
                return
        except Refusal as refusal:
            await respond(send, refusal.status, refusal.text.encode(), _TEXT)
            return
        headers = [(b"location", location.encode()), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 302, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


async def respond(send: Send, status: int, body: bytes, content_type: bytes = _JSON) -> None:
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read_all(receive: Receive) -> bytes:
    """The request's body. Raises Refusal 413 above `BODY_BYTES_MAX`."""
    body = bytearray()
    while True:
        event = await receive()
        body += event.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise Refusal(413, "The body is too large")
        if not event.get("more_body", False):
            return bytes(body)


def _token(scope: Scope) -> str:
    """The bearer token, quoted or bare; empty when there is none."""
    scheme, _, token = _header(scope, b"authorization").partition(" ")
    return token.strip().strip('"') if scheme.lower() == "bearer" else ""


def _basic(scope: Scope) -> dict[str, Any]:
    """Client id and secret of an `Authorization: Basic` header."""
    scheme, _, value = _header(scope, b"authorization").partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        name, _, secret = b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        raise Refusal(400, "Malformed authorization") from None
    return {"client_id": unquote(name), "client_secret": unquote(secret)}


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _header(scope: Scope, name: bytes) -> str:
    """The first header of that name, empty when there is none."""
    values = (value.decode("latin-1") for key, value in scope["headers"] if key == name)
    return next(values, "")


async def _until_gone(receive: Receive) -> None:
    """Say nothing until the client gives up."""
    try:
        async with asyncio.timeout(LOST_ANSWER_S_MAX):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        pass
