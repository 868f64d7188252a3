"""The fault proxy, between a client and a server that answers each piece with an echo."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.chaos.proxy import Link, is_call, unmasked

LIMIT_S = 20.0
KEY = b"\x01\x02\x03\x04"


def masked(text: bytes) -> bytes:
    body = bytes(byte ^ KEY[i % 4] for i, byte in enumerate(text))
    if len(text) < 126:
        return bytes((0x81, 0x80 | len(text))) + KEY + body
    return b"\x81\xfe" + len(text).to_bytes(2) + KEY + body


@asynccontextmanager
async def echoing() -> AsyncIterator[tuple[Link, list[bytes]]]:
    heard: list[bytes] = []

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while data := await reader.read(1_000):
                heard.append(data)
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Link("test", lambda: asyncio.open_connection("127.0.0.1", port)) as link:
        yield link, heard


async def said(link: Link, text: bytes) -> bytes:
    """The answer; empty when the connection was ended instead."""
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    try:
        async with asyncio.timeout(LIMIT_S):
            writer.write(text)
            return await reader.read(1_000)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_it_passes_everything_on() -> None:
    async with echoing() as (link, _):
        assert await said(link, b"hello") == b"hello"


async def test_after_a_commit_nothing_comes_back() -> None:
    async with echoing() as (link, heard):
        link.cuts_after_commit = 1
        assert await said(link, b"Q\x00\x00\x00\x0cCOMMIT;\x00") == b""
        assert heard, "the server did it"
        assert await said(link, b"COMMIT;") == b"COMMIT;", "once"


async def test_refused_and_mended() -> None:
    async with echoing() as (link, _):
        link.refusing = True
        assert await said(link, b"hello") == b""
        link.mend()
        assert await said(link, b"hello") == b"hello"


async def test_half_open_swallows_until_it_is_mended() -> None:
    async with echoing() as (link, heard):
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"one")
        async with asyncio.timeout(LIMIT_S):
            assert await reader.read(10) == b"one"
            link.half_open = True
            writer.write(b"two")
            while link.swallowed_bytes < 3:  # noqa: ASYNC110 - a count, seen often enough
                await asyncio.sleep(0.01)
            link.mend()
            with pytest.raises(ConnectionError):
                await _read_to_the_end(reader)
        assert heard == [b"one"]
        writer.close()


async def _read_to_the_end(reader: StreamReader) -> None:
    """An orderly end would be no reset."""
    assert await reader.read(10), "ended in order"


@pytest.mark.parametrize(
    "text", [b"order/placeorder\n4\n\n{}", b"order/placeoso\n4\n\n" + b"x" * 200]
)
def test_it_knows_a_call_of_the_broker(text: bytes) -> None:
    frame = masked(text)
    assert (unmasked(frame) or b"").startswith(text[:100])
    assert is_call(frame)
    assert is_call(b"POST /v1/order/placeorder HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "data",
    [masked(b"[]"), masked(b"user/syncrequest\n1\n\n{}"), b"", b"\x81\x05[]abc", b"GET /v1/x"],
)
def test_it_knows_what_is_none(data: bytes) -> None:
    assert not is_call(data)
