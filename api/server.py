"""uvicorn inside a service's life: the service owns signals, tasks and the order of closing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from api.settings import ApiSettings

GRACE_S: Final = 5


class Server(uvicorn.Server):
    """Hears no signals of its own, and stops when told."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._finished = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def run_until_stopped(self) -> None:
        await self.serve()
        self._finished.set()

    async def stop(self) -> None:
        """Take no more requests, finish those under way (at most `GRACE_S`)."""
        self.should_exit = True
        await self._finished.wait()


def make_server(app: ASGIApp, settings: ApiSettings) -> Server:
    """No access log of uvicorn's: its lines carry addresses, and an address can hold a key."""
    return Server(
        uvicorn.Config(
            app,
            host=settings.api_host,
            port=settings.api_port,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            forwarded_allow_ips=settings.api_trusted_proxies,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
