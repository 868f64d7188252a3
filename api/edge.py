"""The outermost layer of every request: an id, security headers, a log line, the last catch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import answer
from api.settings import ApiSettings
from shared.ports.clock import Clock
from shared.runtime.logging import correlated, get_logger
from shared.runtime.metrics import histogram

_log = get_logger(__name__)
_ID_BYTES: Final = 12
_QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_took = histogram("tm_api_request_seconds", "time to answer", ("method", "route", "status"))


class Edge:
    """ASGI middleware; the request's id is in `scope["state"]["correlation_id"]`.

    The webhook replaces that id with its signal's, and the answer and the log line follow.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ApiSettings,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._app = app
        self._clock = clock
        self._random_bytes = random_bytes
        self._headers = security_headers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["correlation_id"] = self._random_bytes(_ID_BYTES).hex()
        started_s, status = self._clock.monotonic(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Correlation-Id"] = state["correlation_id"]
                for name, value in self._headers:
                    headers.setdefault(name, value)
            await send(message)

        with correlated(state["correlation_id"]):
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:
                # The edge of a request: whatever nobody foresaw is logged and answered here.
                _log.exception("request_failed")
                if status:
                    raise  # the answer has begun; only closing the connection tells the client
                await answer(
                    state["correlation_id"], 500, "internal", "Something went wrong on our side."
                )(scope, receive, send_with_headers)
            finally:
                self._note(scope, status, self._clock.monotonic() - started_s)

    def _note(self, scope: Scope, status: int, took_s: float) -> None:
        # The route's pattern, never the address: an address can hold a webhook key.
        route = getattr(scope.get("route"), "path", None) or "none"
        _took.labels(scope["method"], route, str(status)).observe(took_s)
        if route in _QUIET:
            return
        _log.info(
            "request",
            method=scope["method"],
            route=route.replace("{key}", "***"),
            status=status,
            took_ms=round(took_s * 1000, 1),
            correlation_id=scope["state"]["correlation_id"],
        )


def security_headers(settings: ApiSettings) -> tuple[tuple[str, str], ...]:
    """The same for pages and for data."""
    ws = urlsplit(settings.public_ws_url)
    connect = ["'self'"]
    if ws.netloc != urlsplit(settings.public_url).netloc:
        connect.append(f"{ws.scheme}://{ws.netloc}")
    policy = (
        "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none';"
        " form-action 'self'; img-src 'self' data: https://cdn.discordapp.com;"
        f" style-src 'self' 'unsafe-inline'; connect-src {' '.join(connect)}"
    )
    headers = [
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
        ("Cache-Control", "no-store"),
    ]
    if settings.is_secure:
        headers.append(("Strict-Transport-Security", "max-age=31536000; includeSubDomains"))
    return tuple(headers)
