"""Secrets never reach a log, a metric, an error row or a page: masked by key and by shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

MASK: Final = "***"
_DEPTH_MAX: Final = 6

# A key is secret when one of its words is. `key` alone is, `keyboard` and `dedupe_key` are not.
_SECRET_KEY: Final = re.compile(
    r"(?:^|[_\-. ])(?:passw(?:or)?d|passphrase|pwd|secret|token|authorization|cookie|cookies"
    r"|sessionid|session_id|csrftoken|credential|credentials|ticket|otp|totp|sealed|private)"
    r"(?:$|[_\-. ])|^(?:x-)?(?:api[_-]?|webhook[_-]?|secret[_-]?|master[_-]?)?keys?$"
    r"|accesstoken|mdaccesstoken|sessionid|csrftoken|apikey|set-cookie",
    re.IGNORECASE,
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_SHAPES: Final = (
    # The key in a webhook's address is the whole right to trade.
    (re.compile(r"(/webhooks?/)[^/\s?#\"']+", re.IGNORECASE), rf"\1{MASK}"),
    # user:password@host in a URL.
    (re.compile(r"([a-z][a-z0-9+.\-]*://[^\s:/@]*:)[^\s/]+(?=@)", re.IGNORECASE), rf"\1{MASK}"),
    # Bearer and basic credentials, and JWTs wherever they stand.
    (re.compile(r"\b(Bearer|Basic|Bot)\s+[A-Za-z0-9._~+/=\-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_\-]{6,}\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*"), MASK),
    # name=value and "name": "value" for the names above.
    (
        re.compile(
            r"([\"']?\b\w*(?:password|passwd|secret|token|api_?key|authorization|cookie|sessionid)"
            r"\w*[\"']?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&}\])]+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
)


def is_secret(key: str) -> bool:
    """Whether the value under this key must never be shown."""
    return _SECRET_KEY.search(_CAMEL.sub("_", key)) is not None or (
        _SECRET_KEY.search(key) is not None
    )


def scrub(message: str, limit: int | None = None) -> str:
    """Text of unknown origin (an exception, an access log line) without what looks secret."""
    for pattern, replacement in _SHAPES:
        message = pattern.sub(replacement, message)
    if limit is not None and len(message) > limit:
        return message[: limit - 1] + "…"
    return message


def mask(value: object, depth: int = 0) -> object:
    """A copy of `value` without secrets: mappings by key, strings by shape, the rest as it is."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, bytes):
        return scrub(value.decode(errors="replace"))
    if depth >= _DEPTH_MAX:
        return MASK
    if isinstance(value, Mapping):
        return {
            key: MASK if is_secret(str(key)) else mask(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [mask(item, depth + 1) for item in value]
    return value
