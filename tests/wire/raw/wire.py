"""The protocol of Tradovate's published documentation, and nothing of ours: HTTP and raw frames."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from websockets.sync.client import ClientConnection, connect

WAIT_S: Final = 8.0
HEARTBEAT_S: Final = 2.5
_FRAME_BYTES_MAX: Final = 2**24
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Json = Any


class RefusedError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status
        self.text = text


class Rest:
    """`/v1` of one host. Raises RefusedError for every status but 200."""

    def __init__(self, venue: str) -> None:
        self._base = f"http://{venue}/v1"
        self.token: str | None = None

    def get(self, path: str, **query: object) -> Json:
        return self._ask(f"{path}?{urllib.parse.urlencode(query)}" if query else path, None, "")

    def post(self, path: str, **body: object) -> Json:
        return self._ask(path, json.dumps(body).encode(), "application/json")

    def post_form(self, path: str, **body: object) -> Json:
        data = urllib.parse.urlencode(body).encode()
        return self._ask(path, data, "application/x-www-form-urlencoded")

    def _ask(self, path: str, data: bytes | None, content_type: str) -> Json:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(f"{self._base}/{path}", data, headers)  # noqa: S310 - http to loopback
        try:
            with _DIRECT.open(request, timeout=WAIT_S) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise RefusedError(error.code, error.read().decode()) from None


class Socket:
    """One connection: texts out, frames in, every message kept in order."""

    def __init__(self, venue: str, path: str = "websocket") -> None:
        self._connection: ClientConnection = connect(
            f"ws://{venue}/v1/{path}", proxy=None, max_size=_FRAME_BYTES_MAX, compression=None
        )
        self._number = 0
        self._beat = time.monotonic()
        self.messages: list[Json] = []
        self.frames: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def frame(self, timeout_s: float = WAIT_S) -> str:
        """The next frame; our own heartbeat goes out every 2.5 s meanwhile."""
        end = time.monotonic() + timeout_s
        while True:
            now = time.monotonic()
            if now - self._beat >= HEARTBEAT_S:
                self._connection.send("[]")
                self._beat = now
            try:
                text = self._connection.recv(min(end, self._beat + HEARTBEAT_S) - now)
            except TimeoutError:
                if time.monotonic() >= end:
                    raise
                continue
            assert isinstance(text, str), "a binary frame"
            return self._kept(text)

    def _kept(self, text: str) -> str:
        assert text[:1] in {"o", "h", "a", "c"}, f"an unknown frame: {text[:80]}"
        self.frames.append(text)
        if text.startswith("a"):
            messages = json.loads(text[1:])
            assert isinstance(messages, list)
            self.messages += messages
        return text

    def ask(self, name: str, body: object = "", query: str = "") -> Json:
        """The answer to one request: `{i, s, d?}`."""
        self._number += 1
        return self.send(name, self._number, body, query)

    def send(self, name: str, number: int, body: object, query: str = "") -> Json:
        text = body if isinstance(body, str) else json.dumps(body)
        self._connection.send(f"{name}\n{number}\n{query}\n{text}")
        return self.until(lambda message: message.get("i") == number, f"answer to {name}")

    def do(self, name: str, body: object = "", query: str = "") -> Json:
        answer = self.ask(name, body, query)
        if answer["s"] != 200:
            raise RefusedError(answer["s"], answer["d"])
        return answer.get("d")

    def until(self, wanted: Callable[[Json], bool], what: str) -> Json:
        """The first message so far, or to come, that is wanted."""
        end, seen = time.monotonic() + WAIT_S, 0
        while True:
            for message in self.messages[seen:]:
                if wanted(message):
                    return message
            seen = len(self.messages)
            if time.monotonic() > end:
                raise TimeoutError(f"no {what} within {WAIT_S} s")
            self.frame()

    def entity(self, kind: str, **fields: Json) -> Json:
        """The first entity event of this kind with these values; one entity or a list of them."""

        def rows(message: Json) -> list[Json]:
            if message.get("e") != "props" or message["d"]["entityType"] != kind:
                return []
            found = message["d"]["entity"]
            return list(found) if isinstance(found, list) else [found]

        def fits(row: Json) -> bool:
            return all(row.get(name) == value for name, value in fields.items())

        message = self.until(lambda m: any(map(fits, rows(m))), f"{kind} with {fields}")
        return next(row for row in rows(message) if fits(row))
