"""Time that a test owns: sleeping passes it at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class FakeClock:
    def __init__(self) -> None:
        self._elapsed_s = 0.0
        self.slept_s: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 15, tzinfo=UTC) + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        return self._elapsed_s

    async def sleep(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)
        self._elapsed_s += delay_s
        await asyncio.sleep(0)

    def advance(self, delay_s: float) -> None:
        self._elapsed_s += delay_s
