r"""The whole venue without a port: requests in, answers and frames out, in one event loop.

    venue = Venue(settings, clock)          # any clock; settings.paper_speed = 0 keeps prices still
    venue.begin()
    wire = InProcess(venue)
    answer = await wire.request("POST", "/v1/auth/accesstokenrequest", b"{...}")
    async with wire.connect() as line:      # frames as text: `o`, `h`, `a[...]`, `c[...]`
        await line.send("authorize\n0\n\n" + token)
        frame = await line.recv()
    venue.trade("NQ", Decimal("20000"))     # the market moves
    venue.trading.on_time(); venue.commit() # time has passed

`Application(venue)` is an ASGI application, so `httpx.ASGITransport(wire.application)` does for
clients written with httpx. Nothing here waits on the wall: heartbeats and late answers go by the
loop's time, so a loop whose time is virtual makes all of it deterministic, together with
`venue.sessions.new_token` where tokens must repeat too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from paper.rest import Application
from paper.venue import Venue

FRAMES_MAX: Final = 100_000
_END: Final = object()
_LOST: Final = 1006


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class LineClosedError(Exception):
    """The venue closed the line, or refused it; `status` is that of a refused upgrade."""

    def __init__(self, code: int, status: int | None = None) -> None:
        super().__init__(f"closed with {code}" if status is None else f"refused with {status}")
        self.code = code
        self.status = status


class Line:
    """The client's end of one WebSocket."""

    def __init__(self) -> None:
        self.to_venue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._frames: asyncio.Queue[object] = asyncio.Queue(FRAMES_MAX)
        self._end: LineClosedError | None = None
        self.to_venue.put_nowait({"type": "websocket.connect"})

    async def send(self, text: str) -> None:
        self.to_venue.put_nowait({"type": "websocket.receive", "text": text})

    async def recv(self) -> str:
        """The next frame. Raises LineClosedError when there will be none."""
        frame = await self._frames.get()
        if isinstance(frame, str):
            return frame
        self._frames.put_nowait(_END)  # for whoever asks again
        raise self._end or LineClosedError(_LOST)

    def close(self) -> None:
        self.to_venue.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def take(self, message: MutableMapping[str, Any]) -> None:
        """What the venue sends."""
        match message["type"]:
            case "websocket.send":
                await self._frames.put(message["text"])
            case "websocket.close":
                self.end(LineClosedError(message.get("code", 1000)))
            case "websocket.http.response.start":
                self.end(LineClosedError(_LOST, message["status"]))
            case _:
                pass  # the acceptance, and the empty body of a refusal

    def end(self, why: LineClosedError) -> None:
        """The first reason stands."""
        self._end = self._end or why
        self._frames.put_nowait(_END)


class InProcess:
    """Drives the venue's application as a server would."""

    def __init__(self, venue: Venue) -> None:
        self.application = Application(venue)

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        address: str = "127.0.0.1",
    ) -> Reply:
        """One request; waits for ever where an answer is lost, so mind your own timeout."""
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
            "client": (address, 0),
        }
        sent: list[MutableMapping[str, Any]] = []
        asked = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if asked:
                return asked.pop()
            await asyncio.Event().wait()  # the client stays
            raise AssertionError

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await self.application(scope, receive, send)
        told = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        return Reply(sent[0]["status"], told, b"".join(m.get("body", b"") for m in sent[1:]))

    @asynccontextmanager
    async def connect(
        self, path: str = "/v1/websocket", address: str = "127.0.0.1"
    ) -> AsyncIterator[Line]:
        """An open line; its end tells the venue that the client went away."""
        line, scope = Line(), {"type": "websocket", "path": path, "client": (address, 0)}
        task = asyncio.create_task(self.application(scope, line.to_venue.get, line.take))
        task.add_done_callback(lambda _: line.end(LineClosedError(_LOST)))
        try:
            yield line
        finally:
            line.close()
            await task
