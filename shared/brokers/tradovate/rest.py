"""HTTP to the broker: one request, one reply, no judgement. Cold calls and the orders' fallback."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx

from shared.brokers.tradovate import limits
from shared.brokers.tradovate.outcomes import Answered, NeverLeft, NoAnswer, Reply
from shared.brokers.tradovate.wire import Garbled, decode, encode

_WORDS_MAX = 500
_FIRST_ERROR = 400


class Rest:
    """One connection pool to one REST base; never a proxy, never a redirect.

    The pool is opened by the first request, also after `aclose`.
    """

    def __init__(self, base: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._base = base
        self._transport = transport
        self._pool: httpx.AsyncClient | None = None

    @property
    def _client(self) -> httpx.AsyncClient:
        if self._pool is None:
            self._pool = httpx.AsyncClient(
                headers={"Accept": "application/json"},
                timeout=httpx.Timeout(
                    limits.READ_TIMEOUT_S,
                    connect=limits.CONNECT_TIMEOUT_S,
                    pool=limits.POOL_TIMEOUT_S,
                ),
                limits=httpx.Limits(max_connections=limits.CONNECTIONS_MAX),
                trust_env=False,
                follow_redirects=False,
                transport=self._transport,
            )
        return self._pool

    async def get(self, path: str, *, token: str, query: Mapping[str, str] | None = None) -> Reply:
        request = self._client.build_request(
            "GET", f"{self._base}/{path}", params=query, headers=_bearer(token)
        )
        return await self._send(request, limits.READ_TIMEOUT_S)

    async def post(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        token: str | None = None,
        timeout_s: float = limits.READ_TIMEOUT_S,
    ) -> Reply:
        headers = {"Content-Type": "application/json"} | ({} if token is None else _bearer(token))
        request = self._client.build_request(
            "POST", f"{self._base}/{path}", content=encode(body), headers=headers
        )
        return await self._send(request, timeout_s)

    async def form(self, url: str, fields: Mapping[str, str]) -> Reply:
        """A form to a whole URL: the token endpoint stands outside the base as well."""
        request = self._client.build_request("POST", url, data=dict(fields))
        return await self._send(request, limits.READ_TIMEOUT_S)

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _send(self, request: httpx.Request, timeout_s: float) -> Reply:
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._client.send(request, stream=True)
                try:
                    return await _read(response)
                finally:
                    await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return NeverLeft("broker.unreachable")
        except (TimeoutError, httpx.TimeoutException):
            return NoAnswer("broker.timeout")
        except httpx.HTTPError:
            return NoAnswer("broker.connection_lost")


async def _read(response: httpx.Response) -> Reply:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limits.BODY_BYTES_MAX:
            return NoAnswer("broker.too_large")
    return Answered(response.status_code, _decoded(bytes(body), response.status_code))


def _decoded(body: bytes, status: int) -> object:
    """JSON; of an error that is no JSON its first words; else None."""
    if not body:
        return None
    try:
        return decode(body)
    except Garbled:
        return body.decode(errors="replace")[:_WORDS_MAX] if status >= _FIRST_ERROR else None


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
