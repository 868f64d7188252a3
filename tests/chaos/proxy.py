"""A TCP link that can be slowed, cut, left half open, or cut just after a COMMIT went through.

It also watches: whoever cares is told the moment an order passes on its way to the broker.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

CHUNK_BYTES: Final = 65_536
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time
_COMMIT: Final = b"COMMIT;"
_CALLS: Final = (b"order/place", b"orderStrategy/start", b"order/modify", b"order/cancel")

Dial = Callable[[], Awaitable[tuple[StreamReader, StreamWriter]]]


class Link:
    """Listens on a port of its own; `dial` opens the other side. Use as an async context manager.

    `delay_s` holds each piece back; `half_open` swallows whatever comes, both ways, and new
    connections get no answer. `mend` ends every fault; connections that were half open are reset.
    """

    def __init__(self, name: str, dial: Dial, on_call: Callable[[str], None] | None = None) -> None:
        self.name = name
        self.port = 0
        self.delay_s = 0.0
        self.half_open = False
        self.refusing = False
        self.cuts_after_commit = 0
        self.swallowed_bytes = 0
        self._dial = dial
        self._on_call = on_call
        self._pairs: set[tuple[StreamWriter, StreamWriter | None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> int:
        """Reset every connection; how many there were."""
        pairs = list(self._pairs)
        for pair in pairs:
            self._reset(pair)
        return len(pairs)

    def mend(self) -> None:
        was_open, self.half_open = self.half_open, False
        self.delay_s, self.refusing, self.cuts_after_commit = 0.0, False, 0
        if was_open:
            self.cut()

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        waiting: tuple[StreamWriter, StreamWriter | None] = (writer, None)
        self._pairs.add(waiting)
        try:
            if self.refusing:
                return
            while self.half_open:
                if not await reader.read(CHUNK_BYTES):
                    return
            theirs, to_them = await self._dial()
        except OSError:
            return
        finally:
            self._pairs.discard(waiting)
            if self.refusing:
                self._reset(waiting)
        await self._between((reader, writer), (theirs, to_them))

    async def _between(
        self, ours: tuple[StreamReader, StreamWriter], theirs: tuple[StreamReader, StreamWriter]
    ) -> None:
        pair = ours[1], theirs[1]
        self._pairs.add(pair)
        committed = asyncio.Event()
        try:
            there = asyncio.create_task(self._there(ours[0], theirs[1], committed))
            back = asyncio.create_task(self._back(theirs[0], ours[1], committed))
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
            there.cancel()
            back.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
        finally:
            self._reset(pair)

    async def _there(self, reader: StreamReader, writer: StreamWriter, done: asyncio.Event) -> None:
        while data := await reader.read(CHUNK_BYTES):
            if self.half_open:
                self.swallowed_bytes += len(data)
                continue
            await self._held_back()
            if self.cuts_after_commit and _COMMIT in data:
                self.cuts_after_commit -= 1
                done.set()
            if self._on_call is not None and is_call(data):
                self._on_call(self.name)
            writer.write(data)
            await writer.drain()

    async def _back(self, reader: StreamReader, writer: StreamWriter, done: asyncio.Event) -> None:
        while data := await reader.read(CHUNK_BYTES):
            if self.half_open:
                continue
            if done.is_set():  # the server has committed, and nobody hears of it
                return
            await self._held_back()
            writer.write(data)
            await writer.drain()

    async def _held_back(self) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)

    def _reset(self, pair: tuple[StreamWriter, StreamWriter | None]) -> None:
        self._pairs.discard(pair)
        for writer in pair:
            if writer is not None and not writer.is_closing():
                raw: socket.socket | None = writer.get_extra_info("socket")
                if raw is not None and raw.family != socket.AF_UNIX:
                    with suppress(OSError):
                        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                writer.transport.abort()


def is_call(data: bytes) -> bool:
    """Whether an order, a change or a cancel is on its way, over HTTP or in a frame of a socket."""
    if data[:1] in {b"P", b"G"}:
        return any(call in data for call in _CALLS)
    text = unmasked(data)
    return text is not None and any(call in text for call in _CALLS)


def unmasked(data: bytes) -> bytes | None:
    """The text of the first frame, as a client sends it (RFC 6455, 5.2); None if it is none."""
    if len(data) < 6 or data[0] & 0x0F != 0x1 or not data[1] & 0x80:
        return None
    length, at = data[1] & 0x7F, 2
    if length >= 126:
        at += 2 if length == 126 else 8
    key, body = data[at : at + 4], data[at + 4 : at + 4 + 128]
    if len(key) < 4:
        return None
    return bytes(byte ^ key[i % 4] for i, byte in enumerate(body))
