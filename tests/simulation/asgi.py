"""HTTP into an ASGI application of the same loop: a request, its answer, and nothing around them.

`httpx.ASGITransport` looks for another event loop's package at every request, which costs more
than the venue's answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx

App = Callable[..., Awaitable[None]]


class AsgiTransport(httpx.AsyncBaseTransport):
    def __init__(self, app: App) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url, body = request.url, await request.aread()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "root_path": "",
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 123),
        }
        answer, asked = _Answer(), iter((body,))

        async def receive() -> MutableMapping[str, Any]:
            for whole in asked:
                return {"type": "http.request", "body": whole, "more_body": False}
            await answer.is_whole.wait()  # the client stays until it has its answer, or gives up
            return {"type": "http.disconnect"}

        await self._app(scope, receive, answer.take)
        return httpx.Response(answer.status, headers=answer.headers, content=bytes(answer.body))


class _Answer:
    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self.is_whole = asyncio.Event()

    async def take(self, message: MutableMapping[str, Any]) -> None:
        match message["type"]:
            case "http.response.start":
                self.status = message["status"]
                self.headers = list(message.get("headers", ()))
            case "http.response.body":
                self.body += message.get("body", b"")
                if not message.get("more_body", False):
                    self.is_whole.set()
            case kind:
                raise NotImplementedError(kind)
