"""A scripted broker on loopback: a real WebSocket server, and HTTP answers by path.

It knows no trading. A test says what each endpoint answers and reads what was asked.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
from pydantic import SecretStr
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.brokers.tradovate.login import Login, Urls
from shared.ports.broker import Token
from shared.runtime.clock import SystemClock
from tests.unit.brokers import rows

Answer = Callable[["Line", int, Any], Awaitable[None]]
LOGIN = Login("someone", SecretStr("hunter2"), "app", "1.0", "device", "42", SecretStr("shh"))
MANY_BEATS = 40
NOTHING: dict[str, list[rows.Row]] = {"users": [], "contractGroups": []}


@dataclass
class Line:
    """One socket as the venue sees it."""

    connection: ServerConnection
    beats: int = 0
    many_beats: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request_id: int, body: object, status: int = 200) -> None:
        await self.say({"s": status, "i": request_id, "d": body})

    async def event(self, kind: str, entity: object) -> None:
        body = {"entityType": kind, "eventType": "Updated", "entity": entity}
        await self.say({"e": "props", "d": body})

    async def say(self, *messages: object) -> None:
        await self.connection.send("a" + json.dumps(messages))


class MemoryTokens:
    def __init__(self, token: Token | None = None) -> None:
        self.token = token
        self.saved: list[Token] = []

    async def load(self) -> Token | None:
        return self.token

    async def save(self, token: Token) -> None:
        self.saved.append(token)
        self.token = token


@dataclass
class Venue:
    port: int = 0
    lines: list[Line] = field(default_factory=list)
    asked: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    http: dict[str, object] = field(default_factory=dict)  # path -> body | (status, body) | error
    on_socket: dict[str, Answer] = field(default_factory=dict)
    snapshot: list[dict[str, Any]] = field(default_factory=lambda: [dict(NOTHING)])
    accounts: list[Any] = field(default_factory=lambda: [{"id": rows.ACCOUNT}])
    refused_tokens: set[str] = field(default_factory=set)
    silent: bool = False

    @property
    def urls(self) -> Urls:
        return Urls.of(f"http://127.0.0.1:{self.port}/v1")

    def broker(self, tokens: MemoryTokens | None = None) -> TradovateBroker:
        return TradovateBroker(
            LOGIN,
            self.urls,
            SystemClock(),
            tokens or MemoryTokens(),
            Random(7),  # noqa: S311 - jitter, no secret
            transport=httpx.MockTransport(self.over_http),
        )

    # --- HTTP ---------------------------------------------------------------------------------
    def over_http(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/")
        body = json.loads(request.content) if request.content else dict(request.url.params)
        self.asked[path].append(body)
        if path == "account/list" and path not in self.http:
            return httpx.Response(200, json=[{"id": rows.ACCOUNT, "name": "DEMO1"}])
        answer = self.http.get(path, [] if path.endswith(("list", "items", "ldeps")) else None)
        if isinstance(answer, Exception):
            raise answer
        if path == "auth/accesstokenrequest" and answer is None:
            answer = token_answer()
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        if content is None:
            return httpx.Response(404 if status == 200 else status)
        return httpx.Response(status, json=content)

    # --- socket -------------------------------------------------------------------------------
    async def serve_line(self, connection: ServerConnection) -> None:
        line = Line(connection)
        self.lines.append(line)
        try:
            await connection.send("o")
            async for message in connection:
                await self._take(line, str(message))
        except ConnectionClosed:
            pass

    async def _take(self, line: Line, message: str) -> None:
        if message == "[]":
            line.beats += 1
            if line.beats == MANY_BEATS:
                line.many_beats.set()
            if not self.silent:
                await line.connection.send("h")
            return
        endpoint, request_id, _, body = message.split("\n", 3)
        if endpoint == "authorize":
            self.asked[endpoint].append(body)
            status = 401 if body in self.refused_tokens else 200
            await line.say({"s": status, "i": int(request_id)})
            return
        value = json.loads(body) if body else None
        self.asked[endpoint].append(value)
        if endpoint in self.on_socket:
            await self.on_socket[endpoint](line, int(request_id), value)
        elif endpoint == "user/syncrequest":
            for part in self._parts():
                await line.answer(int(request_id), part)

    def _parts(self) -> list[dict[str, Any]]:
        """The snapshot; one that does not speak of accounts shows the usual one."""
        if not self.accounts or any("accounts" in part for part in self.snapshot):
            return self.snapshot
        return [{"accounts": self.accounts}, *self.snapshot]


def token_answer(life_s: float = 4_800, access: str = "access-1") -> dict[str, object]:
    end = datetime.now(UTC) + timedelta(seconds=life_s)
    return {
        "accessToken": access,
        "mdAccessToken": f"md-{access}",
        "expirationTime": end.isoformat().replace("+00:00", "Z"),
        "userStatus": "Active",
        "userId": 15460,
    }


@asynccontextmanager
async def running(venue: Venue, port: int = 0) -> AsyncIterator[Server]:
    async with serve(venue.serve_line, "127.0.0.1", port, compression=None) as server:
        venue.port = next(iter(server.sockets)).getsockname()[1]
        yield server
