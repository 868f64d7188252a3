"""A hand in the wire between adapter and venue: what the venue itself never does to a frame."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx
from websockets.protocol import State

from shared.brokers.tradovate.socket import Connection

_STRANGE: Final = {
    "e": "props",
    "d": {"entityType": "horoscope", "eventType": "Updated", "entity": {"id": 1}},
}
_SIGN_IN: Final = "accesstokenrequest"


@dataclass(slots=True)
class Hand:
    """What it does from now on; the counted ones wear off."""

    is_splitting: bool = False
    is_strange: bool = False
    unreadable: int = 0  # answers to commands
    nonsense: int = 0  # frames
    locked: int = 0  # sign-ins

    def rest(self) -> None:
        self.is_splitting = self.is_strange = False
        self.unreadable = self.nonsense = self.locked = 0

    def frames(self, text: str) -> list[str]:
        """What arrives in the place of a frame."""
        if self.nonsense and text.startswith("a["):
            self.nonsense -= 1
            return ["a[{"]
        if not text.startswith("a["):
            return [text]
        items: list[dict[str, Any]] = [self._item(item) for item in json.loads(text[1:])]
        if self.is_strange:
            items = [_odd(item) for item in items]
            items.append(_STRANGE)
        groups = [[item] for item in items] if self.is_splitting else [items]
        return ["a" + json.dumps(group) for group in groups]

    def _item(self, item: dict[str, Any]) -> dict[str, Any]:
        body = item.get("d")
        is_taken = isinstance(body, dict) and bool(body.keys() & {"orderId", "commandId"})
        if self.unreadable and "i" in item and is_taken:
            self.unreadable -= 1
            return item | {"d": "<html>It works</html>"}
        return item


def _odd(item: dict[str, Any]) -> dict[str, Any]:
    """The same event with a field that nobody knows."""
    body = item.get("d")
    if item.get("e") != "props" or not isinstance(body, dict):
        return item
    entity = body.get("entity")
    if not isinstance(entity, dict):
        return item
    return item | {"d": body | {"entity": entity | {"moonPhase": {"waxing": True}}}}


@dataclass(slots=True)
class _Line:
    """A connection whose incoming frames pass through the hand."""

    inner: Connection
    hand: Hand
    _ready: deque[str] = field(default_factory=deque)

    @property
    def state(self) -> State:
        return self.inner.state

    async def send(self, message: str) -> None:
        await self.inner.send(message)

    async def recv(self, decode: Literal[True]) -> str:
        while not self._ready:
            self._ready.extend(self.hand.frames(await self.inner.recv(decode)))
        return self._ready.popleft()

    async def close(self) -> None:
        await self.inner.close()


def held_line(
    connect: Callable[[str], Awaitable[Connection]], hand: Hand
) -> Callable[[str], Awaitable[Connection]]:
    async def dial(url: str) -> Connection:
        return _Line(await connect(url), hand)

    return dial


class HeldTransport(httpx.AsyncBaseTransport):
    """Requests whose answers pass through the hand."""

    def __init__(self, inner: httpx.AsyncBaseTransport, hand: Hand) -> None:
        self._inner = inner
        self._hand = hand

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._hand.locked and request.url.path.endswith(_SIGN_IN):
            self._hand.locked -= 1
            return httpx.Response(423, json={"errorText": "Locked"}, request=request)
        return await self._inner.handle_async_request(request)
