"""A client that was written for the original and knows nothing else.

It reads what the original answered and sends what the original took: its capitalised names, the
token of the first call in `X-CSRFToken`, cookies, a page of another origin, native frames without
a subprotocol. Nothing that is ours alone is used: no ticket, no numbered frame, no `wrap`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

FRONT: Final = "http://front.example"
WITHIN_S: Final = 30.0


class OriginalClient:
    """`slash`: whether its paths end in one; such a client also reads its token from the cookie."""

    def __init__(self, api_url: str, socket_url: str, *, slash: bool) -> None:
        self._http = httpx.AsyncClient(
            base_url=api_url, trust_env=False, timeout=WITHIN_S, headers={"Origin": FRONT}
        )
        self._socket_url = socket_url
        self._slash = slash
        self._token = ""
        self.username = ""

    async def close(self) -> None:
        await self._http.aclose()

    def path(self, path: str) -> str:
        return path if self._slash else path.rstrip("/")

    async def get(self, path: str, *, status: int = 200, **query: Any) -> Any:
        answer = await self._http.get(self.path(path), params=query, headers=self._headers())
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = await self._http.post(self.path(path), json=body, headers=self._headers())
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def sign_in(self, username: str, password: str) -> Any:
        await self.read_token()
        body = {"username": username, "password": password, "captchaToken": "solved"}
        answer = await self.post("/api/auth/login/", body)
        self.username = answer["user"]["username"]
        await self.read_token()
        return answer

    async def read_token(self) -> None:
        """That from before sign-in is worth nothing afterwards; the cookie holds the newest."""
        told = (await self.get("/api/system/csrf-token/"))["csrfToken"]
        cookie = self._http.cookies.get("csrftoken")
        assert len(told) == 64
        assert cookie is not None
        self._token = cookie if self._slash else told

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[OriginalSocket]:
        """A browser opens one for each account, and ends it without a code."""
        token = (await self.get("/api/auth/check-auth/"))["sessionId"]
        async with connect(f"{self._socket_url}/ws", proxy=None, origin=Origin(FRONT)) as ws:
            assert ws.subprotocol is None
            yield OriginalSocket(ws, self.username, token)

    def _headers(self) -> dict[str, str]:
        return {"X-CSRFToken": self._token, "Content-Type": "application/json"}


class OriginalSocket:
    """Reads frames until the one it waits for; others are somebody else's matter."""

    def __init__(self, ws: ClientConnection, username: str, token: str) -> None:
        self._ws = ws
        self._username = username
        self._token = token

    async def authenticate(self) -> str:
        """The line that says the connection is established."""
        await self._send(type="AUTH", user=self._username, token=self._token)
        async with asyncio.timeout(WITHIN_S):
            frame = json.loads(await self._ws.recv())
        assert isinstance(frame["data"], str), "the first answer carries the line"
        return frame["data"]

    async def set_up(self, main: str) -> str:
        """The status of ACCSETUP_COMPLETE; `main` as the accounts list names it."""
        await self._send(type="ACCSETUP", id=main, user=self._username)
        status: str = (await self.until("ACCSETUP_COMPLETE"))["status"]
        return status

    async def until(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(WITHIN_S):
            while True:
                frame: dict[str, Any] = json.loads(await self._ws.recv())
                if frame.get("type") == kind:
                    return frame

    async def _send(self, **fields: str) -> None:
        await self._ws.send(json.dumps(fields))
