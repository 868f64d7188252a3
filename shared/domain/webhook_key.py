"""Webhook keys: derived, so that they can be shown again; long enough that nobody guesses one.

The database holds `key_hash` only. Rotating means a higher version; the hash of the one before
stays good for a while.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from shared.domain.ids import StrategyId

# 26**35 is a little more than 2**164.
KEY_LENGTH: Final = 35
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def webhook_key(secret: bytes, strategy_id: StrategyId | int, version: int) -> str:
    """35 capital letters, the same for the same three arguments."""
    message = f"webhook:{strategy_id}:{version}".encode()
    number = int.from_bytes(hmac.new(secret, message, hashlib.sha256).digest())
    letters = []
    for _ in range(KEY_LENGTH):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return "".join(letters)


def key_hash(key: str) -> bytes:
    """What the database holds and finds it by. A random key needs no slow hash."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
