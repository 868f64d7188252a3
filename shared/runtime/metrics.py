"""Prometheus metrics, one registry for the process, names `tm_<room>_<thing>_<unit>`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

registry: Final = CollectorRegistry()

_NAME: Final = re.compile(r"tm_[a-z]+(_[a-z0-9]+)*_(total|seconds|bytes|ratio|count|info)")
# From a loopback round trip to a broker that hangs.
LATENCY_BUCKETS_S: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip


def counter(name: str, help_text: str, labels: Sequence[str] = ()) -> Counter:
    """Only rises. Labels must come from a bounded set, never an id of a user or an order."""
    return Counter(_checked(name), help_text, labels, registry=registry)


def gauge(name: str, help_text: str, labels: Sequence[str] = ()) -> Gauge:
    return Gauge(_checked(name), help_text, labels, registry=registry)


def histogram(
    name: str,
    help_text: str,
    labels: Sequence[str] = (),
    buckets: Sequence[float] = LATENCY_BUCKETS_S,
) -> Histogram:
    return Histogram(_checked(name), help_text, labels, registry=registry, buckets=buckets)


def exposition() -> bytes:
    """The whole registry in Prometheus' text format."""
    from prometheus_client import generate_latest

    return generate_latest(registry)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"metric {name!r} is not like 'tm_room_thing_seconds'")
    return name
