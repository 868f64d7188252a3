"""Names as people type them, compared as people mean them."""

from __future__ import annotations


def name_key(name: str) -> str:
    """Case and spaces folded: `" My  Strategy"` and `"my strategy"` are one name."""
    return " ".join(name.split()).casefold()
