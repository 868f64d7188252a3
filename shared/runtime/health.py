"""The health page: /healthz, /readyz and /metrics over a few lines of HTTP/1.1.

Loopback or an internal network only. No framework: three of the five services have no other use
for one, and importing it would triple their start-up.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from shared.runtime.metrics import exposition
from shared.runtime.readiness import Readiness

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

REQUEST_TIMEOUT_S: Final = 5.0
REQUEST_BYTES_MAX: Final = 8_192
_TEXT: Final = "text/plain; charset=utf-8"
_REASONS: Final = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Not Ready"}

Answer = tuple[int, str, bytes]


@asynccontextmanager
async def health_server(host: str, port: int, readiness: Readiness) -> AsyncGenerator[int]:
    """Serves while the block runs; yields the port (a free one was chosen for 0)."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_rendered(await _answer(head, readiness)))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a probe that went away or never meant it
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, port, limit=REQUEST_BYTES_MAX)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _answer(head: bytes, readiness: Readiness) -> Answer:
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    if method not in {b"GET", b"HEAD"}:
        return 405, _TEXT, b"only GET\n"
    match path:
        case b"/healthz":
            return 200, _TEXT, b"alive\n"
        case b"/readyz":
            return await readyz(readiness)
        case b"/metrics":
            return 200, "text/plain; version=0.0.4; charset=utf-8", exposition()
        case _:
            return 404, _TEXT, b"no such page\n"


async def readyz(readiness: Readiness) -> Answer:
    """Status, content type and body; the services that have a framework serve the same."""
    verdicts = await readiness.verdicts()
    is_ready = all(verdict.is_ok for verdict in verdicts.values())
    checks = {name: {"ok": v.is_ok, "detail": v.detail} for name, v in verdicts.items()}
    body = json.dumps({"ready": is_ready, "checks": checks}).encode() + b"\n"
    return 200 if is_ready else 503, "application/json", body


def _rendered(answer: Answer) -> bytes:
    status, content_type, body = answer
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
