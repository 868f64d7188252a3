"""The parts of the sentinel and how they are joined."""

from __future__ import annotations

from typing import Final

from sentinel.settings import SentinelSettings
from sentinel.watch import Watch
from shared.runtime.health import health_server
from shared.runtime.readiness import Readiness
from shared.runtime.service import Service

NAME: Final = "sentinel"
LOOK_AGE_S_MAX: Final = 5.0


async def start(settings: SentinelSettings, service: Service) -> None:
    """Open, wire, spawn."""
    watch = Watch(settings.database_url.get_secret_value(), service.clock)
    readiness = Readiness(service.clock)
    readiness.add("look_age_s", watch.look_age_s, at_most=LOOK_AGE_S_MAX)
    await service.resources.enter_async_context(
        health_server(settings.health_host, settings.health_port, readiness)
    )
    service.spawn("watch", watch.run())
