"""Pieces of a message. Pure; Discord's markup in names is made harmless."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from shared.domain.money import to_cents

# Discord: a message's content has at most 2,000 characters; ours has five short lines.
NAME_LENGTH_MAX: Final = 100
_MARKUP: Final = re.compile(r"([\\*_~`|>#\[\]()<@-])")
_INVISIBLE: Final = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")


def safe(name: str) -> str:
    """Another's text: no markup, no mention, no line break, no endless name."""
    plain = _INVISIBLE.sub(" ", name)
    if len(plain) > NAME_LENGTH_MAX:
        plain = plain[: NAME_LENGTH_MAX - 1] + "…"
    return _MARKUP.sub(r"\\\1", plain)


def in_price(price: Decimal) -> str:
    return format(price.normalize(), "f")


def usd(amount: Decimal) -> str:
    cents = to_cents(amount)
    sign = "-" if cents < 0 else "+"
    return f"{sign}${abs(cents):,.2f}"


def lines(*each: str) -> str:
    return "\n".join(each)
