"""A venue process of one's own, and raw clients that know nothing of our adapter."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

ROOT = Path(__file__).parents[3]
START_TIMEOUT_S = 20
FRAME_TIMEOUT_S = 10
USER, PASSWORD = "paper", "paper-test-password"

Json = Any


class VenueProcess:
    """`python -m paper` on ports of its own choice."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, control_port: int) -> None:
        self.process = process
        self.port = port
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=FRAME_TIMEOUT_S)
        self.control_http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{control_port}", timeout=FRAME_TIMEOUT_S
        )

    async def post(self, path: str, body: Json = None, token: str | None = None) -> httpx.Response:
        return await self.http.post(f"/v1/{path}", json=body, headers=bearer(token))

    async def get(self, path: str, token: str | None = None) -> Json:
        response = await self.http.get(f"/v1/{path}", headers=bearer(token))
        assert response.status_code == 200, (path, response.status_code, response.text)
        return response.json()

    async def login(self, user: str = USER, password: str = PASSWORD) -> Json:
        body = {"name": user, "password": password, "appId": "test", "cid": 8, "sec": "x"}
        answer = (await self.post("auth/accesstokenrequest", body)).json()
        assert "errorText" not in answer
        return answer

    async def control(self, path: str, **body: Json) -> Json:
        response = await self.control_http.post(f"/{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    async def price(self, price: str, root: str = "NQ") -> None:
        """Two trades, the second a tick higher, so that `price` is the ask."""
        below = str(Decimal(price) - Decimal("0.25"))
        await self.control("walk", root=root, prices=[below, price])

    async def falls_to(self, price: str) -> None:
        """One trade, made at the bid when the price was higher."""
        await self.control("price", root="NQ", price=price)

    async def ledger(self, account: str = "PAPER1") -> Json:
        return (await self.control("ledger"))[account]

    async def end(self, number: int = signal.SIGTERM) -> int:
        await self.http.aclose()
        await self.control_http.aclose()
        if self.process.returncode is None:
            self.process.send_signal(number)
        await self.process.communicate()
        return self.process.returncode or 0


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def venue(**env: str) -> AsyncIterator[VenueProcess]:
    """A running venue, paused at a price of 20000 for NQ unless told otherwise."""
    started = await start_venue(**env)
    try:
        yield started
    finally:
        await started.end()


async def start_venue(**env: str) -> VenueProcess:
    told = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TM_ENV": "test",
        "TM_PAPER_PORT": "0",
        "TM_PAPER_CONTROL_PORT": "0",
        "TM_PAPER_USER": USER,
        "TM_PAPER_PASSWORD": PASSWORD,
        "TM_PAPER_SPEED": "0",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "paper", env=told | env, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(START_TIMEOUT_S):
        async for line in process.stdout:
            entry = json.loads(line)
            if entry["event"] == "venue_listening":
                return VenueProcess(process, *entry["ports"])
    raise AssertionError("the venue ended before it listened")


class Socket:
    """A raw client: texts out, messages in, every event kept in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self.inbox: list[Json] = []
        self.frames: list[str] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, port: int, path: str = "websocket") -> AsyncIterator[Self]:
        uri = f"ws://127.0.0.1:{port}/v1/{path}"
        async with connect(uri, compression=None, max_size=2**24) as connection:
            socket = cls(connection)
            assert await socket.frame() == "o"
            yield socket

    async def frame(self) -> str:
        async with asyncio.timeout(FRAME_TIMEOUT_S):
            text = await self._connection.recv()
        assert isinstance(text, str)
        self.frames.append(text)
        if text.startswith("a"):
            self.inbox += json.loads(text[1:])
        return text

    async def send(self, text: str) -> None:
        await self._connection.send(text)

    async def until(self, wanted: Callable[[Json], bool]) -> Json:
        """The first message that is wanted, waiting for it if need be."""
        seen = 0
        while True:
            for message in self.inbox[seen:]:
                if wanted(message):
                    return message
            seen = len(self.inbox)
            await self.frame()

    async def ask(self, name: str, body: Json = None, query: str = "") -> Json:
        """One request; the whole answer with its status."""
        self._number += 1
        number = self._number
        text = "" if body is None else json.dumps(body)
        await self.send(f"{name}\n{number}\n{query}\n{text}")
        return await self.until(lambda message: message.get("i") == number)

    async def do(self, name: str, body: Json = None, query: str = "") -> Json:
        answer = await self.ask(name, body, query)
        assert answer["s"] == 200, answer
        return answer.get("d")

    async def authorize(self, token: str) -> None:
        await self.send(f"authorize\n0\n\n{token}")
        answer = await self.until(lambda message: message.get("i") == 0)
        assert answer == {"s": 200, "i": 0}

    async def begin(self, login: Json) -> Json:
        """Authorise and synchronise; the snapshot."""
        await self.authorize(login["accessToken"])
        return await self.do("user/syncrequest", {"users": [login["userId"]]})

    async def event(self, kind: str, **fields: Json) -> Json:
        """The first entity of this kind with these values."""

        def matches(message: Json) -> bool:
            data = message.get("d")
            return (
                message.get("e") == "props"
                and data["entityType"] == kind
                and all(data["entity"].get(name) == value for name, value in fields.items())
            )

        return (await self.until(matches))["d"]["entity"]

    async def closed(self, saying: str | None = None) -> None:
        """Read until the venue closes, sending `saying` before each frame."""
        with pytest.raises(ConnectionClosed):
            await self._read_on(saying)

    async def _read_on(self, saying: str | None) -> None:
        while True:
            if saying is not None:
                await self.send(saying)
            await self.frame()

    def told(self) -> list[tuple[str, str, Json]]:
        """Every entity event so far: (type, Created or Updated, row)."""
        data = [message["d"] for message in self.inbox if message.get("e") == "props"]
        return [(d["entityType"], d["eventType"], d["entity"]) for d in data]
