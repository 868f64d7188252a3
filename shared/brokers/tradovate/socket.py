"""One connection to the broker's socket: open, authorise, then requests and events multiplexed.

    dial ──"o"──> opened ──authorize──> authorised ──requests, events──> lost
                     any silence of 10 s, close, shutdown or unreadable frame ──> lost

A lost socket stays lost; the feeds dial again. Source: Tradovate partner site "Connection
overview" and the official JavaScript sample.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal, NoReturn, Protocol

from websockets.asyncio import client
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.protocol import State

from shared.brokers.tradovate import limits, wire
from shared.brokers.tradovate.outcomes import Answered, NeverLeft, NoAnswer, Reply
from shared.domain.errors import BrokerUnavailable
from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

log = get_logger(__name__)

EventHandler = Callable[[str, object], None]  # name and body; raises wire.Garbled to drop the line
PartHandler = Callable[[Reply], None]  # told too when the line is lost
_OK: Final = 200
_TOO_MANY: Final = 429
_CLOSE_TIMEOUT_S: Final = 1.0
_LOST: Final = "broker.connection_lost"


class Connection(Protocol):
    """What a line needs of a `websockets` client connection; raises its ConnectionClosed."""

    @property
    def state(self) -> State: ...
    async def send(self, message: str) -> None: ...
    async def recv(self, decode: Literal[True]) -> str: ...
    async def close(self) -> None: ...


# To a URL; raises OSError, TimeoutError or WebSocketException.
Connect = Callable[[str], Awaitable[Connection]]


class _Connect(client.connect):
    """Never follows a redirect: a token is shown to the address it belongs to, or to nobody."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class VenueSocket:
    """An open line. Requests answer with a `Reply`, exactly as those over HTTP."""

    def __init__(self, connection: Connection, clock: Clock, on_event: EventHandler) -> None:
        self._connection = connection
        self._clock = clock
        self._on_event = on_event
        self._ids = itertools.count(wire.AUTHORIZE_ID + 1)
        self._pending: dict[int, asyncio.Future[Reply]] = {}
        self._parts: dict[int, PartHandler] = {}
        self._opened = asyncio.Event()
        self._authorized = False
        self._lost = asyncio.Event()
        self.lost_reason = ""
        self.last_frame_at = clock.monotonic()

    @property
    def up(self) -> bool:
        """Authorised and, as far as anybody knows, connected."""
        open_ = self._connection.state is State.OPEN
        return self._authorized and open_ and not self._lost.is_set()

    async def lost(self) -> str:
        """Wait for the end of the line; why it ended."""
        await self._lost.wait()
        return self.lost_reason

    async def opened(self) -> None:
        """Wait until the server lets us speak; raises BrokerUnavailable."""
        try:
            async with asyncio.timeout(limits.OPEN_TIMEOUT_S):
                await self._opened.wait()
        except TimeoutError:
            self.end("broker.not_opened")
        if self._lost.is_set():
            raise BrokerUnavailable("broker.socket_failed", "The broker's socket did not open.")

    async def authorize(self, token: str) -> Reply:
        text = wire.request("authorize", wire.AUTHORIZE_ID, body=token)
        reply = await self._exchange(wire.AUTHORIZE_ID, text, limits.OPEN_TIMEOUT_S)
        self._authorized = isinstance(reply, Answered) and reply.status == _OK
        return reply

    async def request(self, endpoint: str, body: object, *, timeout_s: float) -> Reply:
        """NeverLeft only while not one byte has been handed to the connection."""
        if not self.up:
            return NeverLeft("broker.socket_closed")
        if len(self._pending) >= limits.REQUESTS_PENDING_MAX:
            return NeverLeft("broker.busy")
        request_id = next(self._ids)
        text = wire.request(endpoint, request_id, body=wire.encode(body).decode())
        return await self._exchange(request_id, text, timeout_s)

    async def request_parts(self, endpoint: str, body: object, on_part: PartHandler) -> None:
        """Send a request that is answered several times; raises BrokerUnavailable."""
        request_id = next(self._ids)
        self._parts[request_id] = on_part
        text = wire.request(endpoint, request_id, body=wire.encode(body).decode())
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise BrokerUnavailable(_LOST, "The broker's socket closed.") from error

    def end(self, reason: str) -> None:
        """Declare the line dead; every open request may or may not have arrived."""
        if self._lost.is_set():
            return
        self.lost_reason = reason
        self._lost.set()
        self._opened.set()
        for future in self._pending.values():
            if not future.done():
                future.set_result(NoAnswer(_LOST))
        for on_part in self._parts.values():
            on_part(NoAnswer(_LOST))

    # --- the two tasks of a line --------------------------------------------------------------
    async def listen(self) -> None:
        """Read frames until the line is dead."""
        try:
            while not self._lost.is_set():
                async with asyncio.timeout(limits.SILENCE_S):
                    text = await self._connection.recv(decode=True)
                self.last_frame_at = self._clock.monotonic()
                self._handle(wire.read_frame(text))
        except TimeoutError:
            self.end("broker.silent")
        except ConnectionClosed:
            self.end(_LOST)
        except (wire.Garbled, UnicodeDecodeError) as error:
            log.error("broker_frame_unreadable", error=str(error))  # noqa: TRY400 - a frame has no stack
            self.end("broker.unreadable")

    async def beat(self) -> NoReturn:
        """Our heartbeat by the clock, whatever else is sent."""
        while True:
            await self._clock.sleep(limits.HEARTBEAT_S)
            await self._connection.send(wire.CLIENT_HEARTBEAT)

    async def _exchange(self, request_id: int, text: str, timeout_s: float) -> Reply:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = future
        try:
            async with asyncio.timeout(timeout_s):
                await self._connection.send(text)
                return await future
        except TimeoutError:
            return NoAnswer("broker.timeout")
        except ConnectionClosed:
            return NoAnswer(_LOST)  # the frame may have left before the line broke
        finally:
            self._pending.pop(request_id, None)

    def _handle(self, frame: wire.Frame) -> None:
        match frame:
            case wire.Opened():
                self._opened.set()
            case wire.Closing(code, _):
                self.end(f"broker.closed_{code}")
            case wire.Messages(items):
                for item in items:
                    self._dispatch(item)
            case wire.Beat():
                pass

    def _dispatch(self, item: dict[str, object]) -> None:
        match item:
            case {"e": "shutdown", "d": {"reasonCode": str(code)}}:
                self.end(f"broker.shutdown_{code[:40]}")
            case {"e": "shutdown"}:
                self.end("broker.shutdown")
            case {"e": str(name)}:
                self._on_event(name, item.get("d"))
            case {"i": int(request_id), "s": int(status)}:
                self._answer(request_id, Answered(status, item.get("d")))
            case _:
                raise wire.Garbled("neither an answer nor an event")

    def _answer(self, request_id: int, answer: Answered) -> None:
        future = self._pending.get(request_id)
        if future is not None and not future.done():
            future.set_result(answer)
        elif request_id in self._parts:
            self._parts[request_id](answer)
        else:
            log.warning("broker_answer_late", request=request_id, status=answer.status)


async def connect_for_real(url: str) -> Connection:
    return await _Connect(
        url,
        max_size=limits.FRAME_BYTES_MAX,
        max_queue=limits.FRAMES_QUEUED_MAX,
        compression=None,
        proxy=None,
        ping_interval=None,  # the protocol has heartbeats of its own
        open_timeout=limits.OPEN_TIMEOUT_S,
        close_timeout=_CLOSE_TIMEOUT_S,
    )


@asynccontextmanager
async def dial(
    url: str,
    clock: Clock,
    gate: limits.ConnectGate,
    on_event: EventHandler,
    connect: Connect = connect_for_real,
) -> AsyncIterator[VenueSocket]:
    """An opened line, closed at the end of the block. Raises BrokerUnavailable."""
    async with gate.turn():
        connection = await _connected(connect, url, gate)
    socket = VenueSocket(connection, clock, on_event)
    tasks = (asyncio.create_task(socket.listen()), asyncio.create_task(socket.beat()))
    try:
        await socket.opened()
        yield socket
    finally:
        socket.end("broker.left")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await connection.close()


async def _connected(connect: Connect, url: str, gate: limits.ConnectGate) -> Connection:
    try:
        return await connect(url)
    except (OSError, TimeoutError, WebSocketException) as error:
        status = error.response.status_code if isinstance(error, InvalidStatus) else 0
        if status == _TOO_MANY:
            gate.cooldown.refused()
        raise BrokerUnavailable(
            "broker.socket_failed", "The broker's socket cannot be opened.", status=status
        ) from error
