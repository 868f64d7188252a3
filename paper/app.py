"""The venue as a process: what is opened, what runs, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from paper.control import Control
from paper.feed import Feed
from paper.journal import FileJournal
from paper.rest import Application
from paper.settings import PaperSettings
from paper.venue import Venue
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_SHUTDOWN_S: Final = 2
_MESSAGE_BYTES_MAX: Final = 1_048_576
_BACKLOG: Final = 512


async def serve(settings: PaperSettings) -> None:
    """Run until SIGTERM or SIGINT. A task that dies takes the venue down with it."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    venue = Venue(settings)
    venue.begin()
    feed = Feed(venue)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    servers = [_server(Application(venue)), _server(Control(venue, feed))]
    sockets = [_listen(settings.paper_host, settings.paper_port)]
    if settings.paper_control_port is not None:
        sockets.append(_listen("127.0.0.1", settings.paper_control_port))
    _log.info("venue_listening", ports=[sock.getsockname()[1] for sock in sockets])
    async with asyncio.TaskGroup() as tasks:
        work = [venue.journal.run(), feed.walk(), feed.replay(), feed.keep_time()]
        work += [_run(server, sock) for server, sock in zip(servers, sockets, strict=False)]
        running = [tasks.create_task(coroutine) for coroutine in work]
        await stopping.wait()
        for server in servers:
            server.should_exit = True
        await asyncio.wait(running[-len(sockets) :], timeout=_SHUTDOWN_S * 2)
        for task in running:
            task.cancel()
    venue.note_prices()
    if isinstance(venue.journal, FileJournal):
        venue.journal.close()
    _log.info("venue_stopped")


async def _run(server: uvicorn.Server, sock: socket.socket) -> None:
    await server.serve(sockets=[sock])


def _server(application: Application | Control) -> uvicorn.Server:
    config = uvicorn.Config(
        application,
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=_MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )
    return _Server(config)


class _Server(uvicorn.Server):
    """Leaves signals to `serve`, which stops both servers and everything else."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(_BACKLOG)
    sock.setblocking(False)
    return sock
