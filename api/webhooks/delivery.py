"""What one request to a webhook brought, and what it is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from shared.contracts.envelope import Envelope
from shared.domain.ids import AlertId, SignalId, UserId
from shared.domain.webhook_key import KEY_LENGTH

# Read no further than this, whatever the sender says: nginx lets no more through either.
READ_BYTES_MAX: Final = 64 * 1024
KEPT_BYTES_MAX: Final = 2 * 1024

_MASK: Final = b"***"
# The secret of a generic alert, in JSON or in text, also when the rest cannot be read.
_SECRET: Final = re.compile(
    rb"(?<![A-Za-z0-9_])(?:secret|key)[\"']?\s*[:=]\s*[\"']?([A-Z]{%d})(?![A-Za-z0-9_])"
    % KEY_LENGTH,
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """`body` is at most one byte longer than an alert may be; `size_bytes` is what came."""

    key: str
    body: bytes
    size_bytes: int
    body_hash: bytes
    content_type: str | None
    address: str
    arrived_s: float  # of the monotonic clock


@dataclass(frozen=True, slots=True)
class Told:
    """The answer. `alert_id` and `user_id` name the delivery whose answering is to be noted."""

    status: int
    body: dict[str, Any]
    alert_id: AlertId | None = None
    user_id: UserId | None = None
    signal_id: SignalId | None = None
    envelope: Envelope | None = None


def secret_in(body: bytes) -> str:
    """The key that a generic alert carries in a field `secret` or `key`; empty when it has none."""
    found = _SECRET.search(body)
    return found.group(1).decode() if found else ""


def without_secrets(body: bytes, key: str) -> bytes:
    """As it is stored: neither this key nor anything that stands where a key would."""
    if key:
        body = body.replace(key.encode("utf-8", "surrogatepass"), _MASK)
    return _SECRET.sub(lambda found: found.group().replace(found.group(1), _MASK), body)
