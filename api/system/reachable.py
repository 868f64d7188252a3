"""Could TradingView reach this installation, as far as its public address tells? Pure.

TradingView sends alerts to ports 80 and 443 and over IPv4 alone (its help pages on webhooks).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """`code` is stable, `message` says what to change."""

    code: str
    message: str


def obstacles(public_url: str) -> tuple[Obstacle, ...]:
    """What stands in an alert's way; none is no promise: a firewall shows from outside only."""
    url = urlsplit(public_url)
    host, port = url.hostname or "", url.port or _PORTS.get(url.scheme, 0)
    found = []
    if port not in _PORTS.values():
        found.append(Obstacle("url.port", f"Alerts go to ports 80 and 443, not to {port}."))
    if url.scheme != "https":
        found.append(Obstacle("url.not_https", "Whoever carries an alert could read its key."))
    found += _of_host(host)
    return tuple(found)


def _of_host(host: str) -> list[Obstacle]:
    if host == "localhost" or host.endswith((".local", ".internal", ".localhost")):
        return [Obstacle("url.private", f"{host} is known on this machine or network only.")]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if "." in host:
            return []
        return [Obstacle("url.private", f"{host} is no name that others know.")]
    if not address.is_global:
        return [Obstacle("url.private", f"{host} is an address of this machine or network only.")]
    if address.version == 6:  # noqa: PLR2004 - its name
        return [Obstacle("url.ipv6", "Alerts are sent over IPv4 alone.")]
    return []
