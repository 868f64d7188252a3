"""Where an unsafe request may come from."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit


def is_allowed(origin: str | None, referer: str | None, allowed: Collection[str]) -> bool:
    """`Origin` decides; without one `Referer`; with neither the CSRF token alone has to do.

    `Origin: null` (a sandboxed frame, a redirect) is foreign.
    """
    if origin is not None:
        return origin in allowed
    if referer is not None:
        url = urlsplit(referer)
        return f"{url.scheme}://{url.netloc}" in allowed
    return True
