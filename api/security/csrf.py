"""CSRF tokens: 64 characters, bound to a session (or an anonymous cookie), masked each time.

    token = base64url( mask[24] + (mask XOR HMAC-SHA256(key, binding)[:24]) )

The mask makes each response's token look different, so that compression of a page cannot be used
to guess it; the HMAC makes it worthless under any other session.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

TOKEN_LENGTH: Final = 64
_TAG_BYTES: Final = 24


def session_binding(session_id: int, csrf_secret: bytes) -> bytes:
    """What a signed-in browser's token is bound to."""
    return b"session:%d:" % session_id + csrf_secret


def anonymous_binding(cookie: str) -> bytes:
    """What a token is bound to before anybody signed in."""
    return b"anonymous:" + cookie.encode()


def issue(secret: bytes, binding: bytes, random_bytes: Callable[[int], bytes]) -> str:
    mask = random_bytes(_TAG_BYTES)
    return base64.urlsafe_b64encode(mask + _xor(mask, _tag(secret, binding))).decode()


def is_valid(secret: bytes, binding: bytes, token: str) -> bool:
    """Takes the same time wherever the difference lies."""
    if len(token) != TOKEN_LENGTH:
        return False
    try:
        raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return False
    mask, masked = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
    return hmac.compare_digest(_xor(mask, masked), _tag(secret, binding))


def _tag(secret: bytes, binding: bytes) -> bytes:
    return hmac.new(secret, b"csrf:" + binding, hashlib.sha256).digest()[:_TAG_BYTES]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
