"""Wires between the adapter and the venue's ASGI application, both in one process, no sockets.

    adapter  --Line-->            venue's socket   (what `websockets` offers a client)
             --LinkTransport-->   venue's REST     (httpx)

A frame takes `LATENCY_S` each way and never overtakes another. A `Link` holds what may happen to
both kinds of traffic: armed by name for the next frame that holds a text, or at random by seed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import Context
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httpx
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.frames import Close, CloseCode
from websockets.http11 import Response
from websockets.protocol import State

from tests.simulation.asgi import AsgiTransport

LATENCY_S: Final = 0.001
_IN_TURN_S: Final = 1e-6  # between two frames that would arrive at one instant
_ACCEPTED: Final = 200
# What is on its way belongs to no process: it arrives, whatever becomes of its sender.
_STREET: Final = Context()

Message = MutableMapping[str, Any]
App = Callable[..., Awaitable[None]]


class Way(StrEnum):
    OUT = "out"  # from the adapter to the venue
    BACK = "back"


class Strike(StrEnum):
    """What becomes of a line at one frame."""

    CUT_BEFORE = "cut_before"  # the frame never arrives
    CUT_AFTER = "cut_after"  # it arrives, and nothing after it
    HALF_OPEN_BEFORE = "half_open_before"  # silence from this frame on, and no end is seen
    HALF_OPEN_AFTER = "half_open_after"
    DELAY = "delay"  # this frame, and those behind it, come later


@dataclass(frozen=True, slots=True)
class Blow:
    """One strike at the next frame that goes `way` and holds `marker`."""

    strike: Strike
    way: Way
    marker: str
    delay_s: float = 1.0


@dataclass(slots=True)
class Link:
    """The network between one process and the venue."""

    rng: Random
    chance: float = 0.0  # of a random strike at a frame
    armed: list[Blow] = field(default_factory=list)
    struck: list[Blow] = field(default_factory=list)  # what really happened, in order
    lines: list[Line] = field(default_factory=list)
    held_back: list[tuple[float, float]] = field(default_factory=list)  # sent, and arrived late
    is_down: bool = False

    def arm(self, blow: Blow) -> None:
        self.armed.append(blow)

    def cut(self) -> None:
        """Every open line ends at once, and none can be opened while `is_down`."""
        for line in list(self.lines):
            line.break_off()

    def arrived_s(self, told_s: float) -> float:
        """When we could hear what the venue told at that time: later where it was held back."""
        late = (until_s for since_s, until_s in self.held_back if since_s <= told_s <= until_s)
        return max(late, default=told_s)

    def strike_at(self, way: Way, text: str) -> Blow | None:
        """What happens at this frame; spends it."""
        blow = next((b for b in self.armed if b.way is way and b.marker in text), None)
        if blow is not None:
            self.armed.remove(blow)
        elif self.rng.random() < self.chance:
            blow = Blow(self.rng.choice(list(Strike)), way, "", self.rng.uniform(0.1, 8.0))
        if blow is not None:
            self.struck.append(blow)
        return blow


class _Pipe:
    """One direction of a line: frames arrive late but in order; a dead one swallows them."""

    def __init__(self, link: Link, way: Way, deliver: Callable[[Message], None]) -> None:
        self._link = link
        self._way = way
        self._deliver = deliver
        self._last_s = 0.0

    def put(self, message: Message, *, late_s: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        at_s = max(loop.time() + LATENCY_S + late_s, self._last_s + _IN_TURN_S)
        self._last_s = at_s
        if self._way is Way.BACK and late_s:
            self._link.held_back.append((loop.time(), at_s))  # and whatever comes behind it
        loop.call_at(at_s, self._deliver, message, context=_STREET)


class Line:
    """One socket: the client's side as the adapter uses it, the server's side as ASGI."""

    def __init__(self, link: Link, app: App, path: str) -> None:
        self.state = State.OPEN
        self._link = link
        self._inbox: deque[str] = deque()
        self._news = asyncio.Event()
        self._to_server: asyncio.Queue[Message] = asyncio.Queue()
        self._server_gone = False
        self._is_silent = False  # half-open: nothing passes, nobody is told
        self._close: Close | None = None
        self._out = _Pipe(link, Way.OUT, self._to_server.put_nowait)
        self._back = _Pipe(link, Way.BACK, self._arrive)
        self._accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        scope = {"type": "websocket", "path": path, "headers": [], "query_string": b""}
        self._served = asyncio.create_task(self._serve(app, scope), context=Context())

    @property
    def is_silent(self) -> bool:
        """Half open: it looks alive to the client, and nothing passes."""
        return self._is_silent and self.state is State.OPEN

    # ---- the client's side

    async def opened(self) -> None:
        """Raises InvalidStatus when the venue turns the line away."""
        self._to_server.put_nowait({"type": "websocket.connect"})
        status = await self._accepted
        if status != _ACCEPTED:
            self.state = State.CLOSED
            raise InvalidStatus(Response(status, "", Headers()))
        self._link.lines.append(self)

    async def send(self, message: str) -> None:
        if self.state is not State.OPEN:
            raise self._closed()
        self._pass(Way.OUT, message, {"type": "websocket.receive", "text": message})

    async def recv(self, decode: Literal[True]) -> str:
        while not self._inbox:
            if self.state is not State.OPEN:
                raise self._closed()
            self._news.clear()
            await self._news.wait()
        return self._inbox.popleft()

    async def close(self) -> None:
        if self.state is State.OPEN:
            self.state = State.CLOSED
            if not self._is_silent:
                self._out.put({"type": "websocket.disconnect", "code": CloseCode.NORMAL_CLOSURE})
        self._link.lines = [line for line in self._link.lines if line is not self]
        self._news.set()

    async def served(self) -> None:
        """The end of the venue's side; raises what it raised."""
        self._to_server.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await self._served

    # ---- the server's side

    async def _serve(self, app: App, scope: Message) -> None:
        await app(scope, self._to_server.get, self._from_server)
        if not self._accepted.done():
            self._accepted.set_result(500)

    async def _from_server(self, message: Message) -> None:
        match message["type"]:
            case "websocket.accept":
                self._accepted.set_result(_ACCEPTED)
            case "websocket.http.response.start":
                self._accepted.set_result(int(message["status"]))
            case "websocket.http.response.body":
                pass
            case "websocket.close" if not self._accepted.done():
                self._accepted.set_result(403)
            case "websocket.send" if self._server_gone:
                raise BrokenPipeError("the client is gone")
            case "websocket.send":
                self._pass(Way.BACK, str(message["text"]), message)
            case "websocket.close":
                if not self._is_silent:
                    self._back.put(message)
            case kind:
                raise NotImplementedError(kind)

    def _arrive(self, message: Message) -> None:
        if self.state is not State.OPEN:
            return
        if message["type"] == "websocket.close":
            self.state = State.CLOSED
            self._close = Close(int(message.get("code", 1000)), "")
        else:
            self._inbox.append(str(message["text"]))
        self._news.set()

    # ---- what can happen on the way

    def _pass(self, way: Way, text: str, message: Message) -> None:
        if self._is_silent:
            return
        pipe = self._out if way is Way.OUT else self._back
        blow = self._link.strike_at(way, text)
        if blow is None:
            pipe.put(message)
            return
        match blow.strike:
            case Strike.DELAY:
                pipe.put(message, late_s=blow.delay_s)
            case Strike.CUT_BEFORE:
                self._after_frames(self.break_off)
            case Strike.CUT_AFTER:
                pipe.put(message)
                self._after_frames(self.break_off)
            case Strike.HALF_OPEN_BEFORE:
                self._is_silent = True
            case Strike.HALF_OPEN_AFTER:
                pipe.put(message)
                self._is_silent = True

    def _after_frames(self, what: Callable[[], None]) -> None:
        self._is_silent = True
        asyncio.get_running_loop().call_later(2 * LATENCY_S, what, context=_STREET)

    def break_off(self) -> None:
        """The connection is reset: both ends are told, without a closing handshake."""
        self._is_silent = self._server_gone = True
        self.state = State.CLOSED
        self._to_server.put_nowait({"type": "websocket.disconnect", "code": 1006})
        self._news.set()

    def _closed(self) -> ConnectionClosedOK | ConnectionClosedError:
        if self._close is not None and self._close.code == CloseCode.NORMAL_CLOSURE:
            return ConnectionClosedOK(self._close, None)
        return ConnectionClosedError(self._close, None)


class Wire:
    """Dials the venue's sockets; `connect` is what the adapter is given."""

    def __init__(self, link: Link, app: App) -> None:
        self._link = link
        self._app = app
        self._opened: list[Line] = []

    async def connect(self, url: str) -> Line:
        await asyncio.sleep(LATENCY_S)
        if self._link.is_down:
            raise ConnectionRefusedError("the network is down")
        line = Line(self._link, self._app, urlsplit(url).path)
        self._opened.append(line)
        await line.opened()
        return line

    async def aclose(self) -> None:
        """Wait for the venue's side of every line; raises what any of them raised."""
        for line in self._opened:
            await line.served()


class LinkTransport(httpx.AsyncBaseTransport):
    """The venue's REST side, over the same network."""

    def __init__(self, link: Link, app: App) -> None:
        self._link = link
        self._venue = AsgiTransport(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(LATENCY_S)
        if self._link.is_down:
            raise httpx.ConnectError("the network is down", request=request)
        blow = self._link.strike_at(Way.OUT, request.url.path)
        await self._before(blow, request)
        response = await self._venue.handle_async_request(request)
        back = self._link.strike_at(Way.BACK, request.url.path)
        await self._after(blow, request)
        await self._after(back, request)
        await asyncio.sleep(LATENCY_S)
        return response

    async def _before(self, blow: Blow | None, request: httpx.Request) -> None:
        match None if blow is None else blow.strike:
            case Strike.CUT_BEFORE:
                raise httpx.ReadError("reset", request=request)
            case Strike.HALF_OPEN_BEFORE:
                await asyncio.Event().wait()
            case Strike.DELAY if blow is not None:
                await asyncio.sleep(blow.delay_s)
            case _:
                pass

    async def _after(self, blow: Blow | None, request: httpx.Request) -> None:
        match None if blow is None else (blow.way, blow.strike):
            case (_, Strike.CUT_AFTER) | (Way.BACK, Strike.CUT_BEFORE):
                raise httpx.ReadError("reset", request=request)
            case (_, Strike.HALF_OPEN_AFTER) | (Way.BACK, Strike.HALF_OPEN_BEFORE):
                await asyncio.Event().wait()
            case (Way.BACK, Strike.DELAY) if blow is not None:
                await asyncio.sleep(blow.delay_s)
            case _:
                pass
