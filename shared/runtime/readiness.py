"""Readiness: may this process be given work? Answered from business backlog, not only pings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from shared.ports.clock import Clock
from shared.runtime.masking import scrub

CHECK_TIMEOUT_S: Final = 2.0
# Probes come from several sides at once; one answer serves them all.
_CACHE_S: Final = 1.0
_DETAIL_LENGTH_MAX: Final = 200

Measure = Callable[[], Awaitable[float | None]]


class Verdict(NamedTuple):
    is_ok: bool
    detail: str


class Readiness:
    """Named checks. Each measures a number and is fine while that is at or below its limit."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._checks: dict[str, tuple[Measure, float | None]] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._asked_at_s: float | None = None
        self._asking = asyncio.Lock()

    def add(self, name: str, measure: Measure, *, at_most: float | None = None) -> None:
        """Without a limit it is enough that `measure` answers in time and raises nothing."""
        self._checks[name] = (measure, at_most)

    async def verdicts(self) -> dict[str, Verdict]:
        """Every check by name; a good answer may be a second old, a bad one is asked again."""
        async with self._asking:
            now_s = self._clock.monotonic()
            if self._asked_at_s is None or now_s - self._asked_at_s >= _CACHE_S:
                results = await asyncio.gather(
                    *(self._ask(measure, limit) for measure, limit in self._checks.values())
                )
                self._verdicts = dict(zip(self._checks, results, strict=True))
                is_good = all(verdict.is_ok for verdict in results)
                self._asked_at_s = now_s if is_good else None
        return self._verdicts

    async def is_ready(self) -> bool:
        return all(verdict.is_ok for verdict in (await self.verdicts()).values())

    @staticmethod
    async def _ask(measure: Measure, limit: float | None) -> Verdict:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                value = await measure()
        except TimeoutError:
            return Verdict(is_ok=False, detail=f"no answer in {CHECK_TIMEOUT_S} s")
        except Exception as error:  # noqa: BLE001 - the edge of a request: whatever is wrong is the answer
            detail = scrub(f"{type(error).__name__}: {error}", _DETAIL_LENGTH_MAX)
            return Verdict(is_ok=False, detail=detail)
        if value is None or limit is None:
            return Verdict(is_ok=True, detail="ok")
        return Verdict(is_ok=value <= limit, detail=f"{value:g} (limit {limit:g})")
