"""A loop with files, in a thread of its own, for who lives in a loop that has none."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")
_LIMIT_S: Final = 300.0  # for one piece of work; a machine may stand still meanwhile


class Beside:
    """Whoever asks it to do something stands still until it is done."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="beside", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LIMIT_S)
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Raises what it raises; `TimeoutError` when it takes longer than anything may."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_LIMIT_S)
