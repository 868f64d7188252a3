"""Hears what PostgreSQL itself calls out (NOTIFY): a word that stops trading is acted on at once.

Nothing depends on it. What a word forbids is refused by the claim, and a sweep finds what is to
be closed; whoever hears is only earlier.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncpg
from sqlalchemy import URL

from shared.ports.clock import Clock
from shared.runtime.logging import get_logger

_log = get_logger(__name__)

_AGAIN_AFTER_S: Final = 1.0
_CONNECT_TIMEOUT_S: Final = 2.0


class Notices:
    """Wakes all of `wake` at each notice on the channel, and whenever it begins to listen."""

    def __init__(
        self, url: URL, channel: str, wake: Sequence[Callable[[], None]], clock: Clock
    ) -> None:
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._channel = channel
        self._wake = tuple(wake)
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled; a line that ends is begun again."""
        while True:
            try:
                await self._listen()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                _log.warning("notices_interrupted", error=type(error).__name__)
            await self._clock.sleep(_AGAIN_AFTER_S)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=_CONNECT_TIMEOUT_S)
        try:
            over = asyncio.Event()
            connection.add_termination_listener(lambda _: over.set())
            await connection.add_listener(self._channel, self._notice)
            self._notice()
            await over.wait()
        finally:
            connection.terminate()

    def _notice(self, *_: Any) -> None:
        for wake in self._wake:
            wake()
