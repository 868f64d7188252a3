"""Time-based one-time passwords, RFC 6238: six digits, SHA-1, thirty seconds. Pure.

A code is good for its own half minute and the one on either side, because a telephone's clock is
never quite ours; and once only, which the caller ensures by the step it keeps.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

SECRET_BYTES: Final = 20
DIGITS: Final = 6
PERIOD_S: Final = 30
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEIGHBOURS: Final = (0, -1, 1)


def step_at(at: datetime) -> int:
    """The number of the half minute."""
    return (at - _EPOCH) // timedelta(seconds=PERIOD_S)


def code_of(secret: bytes, step: int) -> str:
    digest = hmac.new(secret, step.to_bytes(8), hashlib.sha1).digest()
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4]) & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(secret: bytes, code: str, at: datetime, last_step: int | None) -> int | None:
    """The step that a code belongs to; None for a wrong code, and for one that was used."""
    now = step_at(at)
    for step in (now + each for each in _NEIGHBOURS):
        if step < 0 or (last_step is not None and step <= last_step):
            continue
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode()):
            return step
    return None


def as_text(secret: bytes) -> str:
    """For typing it into a telephone."""
    return base64.b32encode(secret).decode().rstrip("=")


def address(secret: bytes, issuer: str, username: str) -> str:
    """What the square picture holds."""
    query = urlencode({"secret": as_text(secret), "issuer": issuer, "digits": DIGITS})
    return f"otpauth://totp/{quote(issuer)}:{quote(username)}?{query}"
