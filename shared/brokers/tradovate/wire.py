r"""Frames and JSON of the broker's socket, as text and as values. Nothing here waits.

    server   o                      open
             h                      heartbeat
             a[{..},{..}]           answers and events, mixed
             c[3000,"Go away!"]     closing
    client   []                     heartbeat
             endpoint\nid\nquery\nbody

Sources: Tradovate API education site "WebSockets"; partner site "Connection overview".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec

CLIENT_HEARTBEAT: Final = "[]"
AUTHORIZE_ID: Final = 0

# Prices never pass through a float, neither coming in nor going out.
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


class Garbled(ValueError):  # noqa: N818 - it names the frame, not the mistake
    """Text from the broker that is not what the protocol says."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The server lets us speak."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The server lives."""


@dataclass(frozen=True, slots=True)
class Closing:
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Messages:
    items: tuple[dict[str, object], ...]


Frame = Opened | Beat | Closing | Messages


def decode(text: str | bytes) -> object:
    """JSON with Decimals; raises Garbled."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Garbled("not JSON") from error


def encode(body: object) -> bytes:
    return _ENCODER.encode(body)


def read_frame(text: str) -> Frame:
    """One frame; raises Garbled for anything else."""
    match text[:1]:
        case "o":
            return Opened()
        case "h":
            return Beat()
        case "a":
            return Messages(_messages(text[1:]))
        case "c":
            return _closing(text[1:])
        case _:
            raise Garbled("unknown frame")


def request(endpoint: str, request_id: int, *, query: str = "", body: str = "") -> str:
    """The text of one request; empty parts keep their newline."""
    return f"{endpoint}\n{request_id}\n{query}\n{body}"


@lru_cache(maxsize=1_024)  # a row's time is compared with those of others again and again
def instant(text: str) -> datetime:
    """A timestamp of the broker, also one that ends with its minutes; raises Garbled."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Garbled("not a time") from error
    return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _messages(text: str) -> tuple[dict[str, object], ...]:
    items = decode(text)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Garbled("not a list of messages")
    return tuple(items)


def _closing(text: str) -> Closing:
    match decode(text):
        case [int() as code, str() as reason, *_]:
            return Closing(code, reason[:200])
        case _:
            raise Garbled("not a closing frame")
