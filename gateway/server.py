"""The one port: sockets on /ws and /ws/dashboard, health and metrics over plain HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from gateway.session import DASHBOARD, Sessions
from gateway.settings import GatewaySettings
from shared.contracts.ws import CloseCode
from shared.runtime.health import readyz
from shared.runtime.metrics import exposition
from shared.runtime.readiness import Readiness

FRAME_BYTES_MAX: Final = 64 * 1024
PING_EVERY_S: Final = 20.0
CLOSE_TIMEOUT_S: Final = 1.0  # for the closing handshake; then the connection is cut
OPEN_TIMEOUT_S: Final = 5.0
_PATHS: Final = frozenset({"/ws", DASHBOARD})
_TEXT: Final = "text/plain; charset=utf-8"
_REASONS: Final = {200: "OK", 403: "Forbidden", 404: "Not Found", 503: "Service Unavailable"}


class Door:
    """Decides at the handshake. Browsers always name their Origin: a foreign one is refused.

    Without an Origin it is no browser; the token alone decides then, as it always does.
    """

    def __init__(
        self, settings: GatewaySettings, readiness: Readiness, is_open: Callable[[], bool]
    ) -> None:
        self._origins = settings.origins
        self._sockets_max = settings.gateway_sockets_max
        self._readiness = readiness
        self._is_open = is_open

    async def process(self, ws: ServerConnection, request: Request) -> Response | None:
        """None lets the socket in."""
        path = request.path.partition("?")[0]
        if path.rstrip("/") in _PATHS:
            return self._refusal(ws, request)
        match path:
            case "/healthz":
                return _response(200, _TEXT, b"alive\n")
            case "/readyz":
                return _response(*await readyz(self._readiness))
            case "/metrics":
                return _response(200, "text/plain; version=0.0.4; charset=utf-8", exposition())
            case _:
                return _response(404, _TEXT, b"no such page\n")

    def _refusal(self, ws: ServerConnection, request: Request) -> Response | None:
        origins = request.headers.get_all("Origin")
        if len(origins) > 1 or any(origin not in self._origins for origin in origins):
            return _response(403, _TEXT, b"this origin may not connect\n")
        if not self._is_open() or len(ws.server.connections) >= self._sockets_max:
            return _response(503, _TEXT, b"not now; try again\n")
        return None


async def listen(settings: GatewaySettings, door: Door, sessions: Sessions) -> Server:
    """Listening when it returns. Many small frames: compressing them would cost twice the CPU."""
    return await serve(
        sessions.serve,
        settings.gateway_host,
        settings.gateway_port,
        process_request=door.process,
        compression=None,
        server_header=None,
        max_size=FRAME_BYTES_MAX,
        open_timeout=OPEN_TIMEOUT_S,
        ping_interval=PING_EVERY_S,
        ping_timeout=PING_EVERY_S,
        close_timeout=CLOSE_TIMEOUT_S,
    )


async def drain(server: Server) -> None:
    """Say goodbye to everybody: clients come back to another instance, or to the next."""
    server.close(code=CloseCode.RESTARTING, reason="restarting")
    await server.wait_closed()


def _response(status: int, content_type: str, body: bytes) -> Response:
    headers = Headers(
        {
            "Content-Type": content_type,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "X-Content-Type-Options": "nosniff",
        }
    )
    return Response(status, _REASONS[status], headers, body)
