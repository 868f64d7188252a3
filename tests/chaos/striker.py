"""Strikes as planned, waits until the house is right again, and writes both down."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, assert_never

from cli.up import valkey
from tests.chaos.house import House
from tests.chaos.layout import Kind, Strike
from tests.chaos.notebook import Notebook
from tests.chaos.watch import Watch
from tests.fixtures.stack import children

GIVEN_UP_AFTER_S: Final = 60.0  # so that a slow recovery is measured, and what follows still runs
AHEAD_MAX: Final = 8  # alerts
CALL_WITHIN_S: Final = 15.0
LOOK_EVERY_S: Final = 0.02


STORES: Final = ("postgres", "valkey")


class Calls:
    """Tells of orders on their way to the broker: who sends, when."""

    def __init__(self) -> None:
        self.count = 0
        self.caller = ""
        self.at_s = float("-inf")
        self._heard = asyncio.Event()

    def heard(self, link: str) -> None:
        self.count += 1
        self.caller = link.removesuffix("-venue")
        self.at_s = time.monotonic()
        self._heard.set()

    async def next(self) -> bool:
        """Wait for the next one; False when none came for long."""
        self._heard.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(CALL_WITHIN_S):
                await self._heard.wait()
                return True
        return False

    def since_last_ms(self) -> float:
        return (time.monotonic() - self.at_s) * 1000


class Striker:
    """Gives one blow after the other. `house`, `watch` and `notebook` outlive it."""

    def __init__(self, house: House, watch: Watch, notebook: Notebook, calls: Calls) -> None:
        self._house = house
        self._watch = watch
        self._notebook = notebook
        self._calls = calls
        self._due: int | None = None

    def is_behind(self, begun: int) -> bool:
        """Whether alerts run ahead of a blow that has not been recovered from."""
        return self._due is not None and begun > self._due + AHEAD_MAX

    async def strike(self, strike: Strike) -> None:
        """Strike, wait, write down. Load is noted: on a busy machine everything takes longer."""
        self._due = strike.after
        # Found beforehand: between the call and the blow there is no time to look.
        pids = await self._all_there()
        self._notebook.write("strike", **strike.told())
        heard = strike.near_call and await self._calls.next()
        if heard:
            await asyncio.sleep(strike.wait_ms / 1000)
        victim = self._victim(strike)
        begun_at = datetime.now(UTC)
        if strike.kind is Kind.KILL:
            hit = f"killed {_kill(pids.get(victim))}"
            since_call_ms = round(self._calls.since_last_ms(), 1)
        else:
            since_call_ms = round(self._calls.since_last_ms(), 1)
            hit = await self._act(strike, victim)
        ended_at = datetime.now(UTC)
        # A pause or a fault is over when it is over: recovery counts from its end.
        took_s, waited_for = await self._watch.until_right(ended_at, GIVEN_UP_AFTER_S)
        self._notebook.write(
            "right", number=strike.number, kind=strike.kind, hit=victim, did=hit,
            began=begun_at.isoformat(), ended=ended_at.isoformat(), took_s=took_s,
            near_call=heard and since_call_ms <= 50, since_call_ms=since_call_ms,
            waited_for=waited_for, load=round(os.getloadavg()[0], 2),
        )  # fmt: skip
        self._due = None
        shown = "never" if took_s is None else f"{took_s:.1f} s"
        print(f"{strike.number:3} {strike.kind} {victim}: {shown} ({waited_for})", flush=True)

    async def _all_there(self) -> dict[str, int]:
        """Ids by name, once each process runs; a blow at nobody proves nothing."""
        deadline_s = time.monotonic() + GIVEN_UP_AFTER_S
        while True:
            found = {name: self._house.pid(name) for name in (*self._house.processes, *STORES)}
            pids = {name: pid for name, pid in found.items() if pid is not None}
            if len(pids) == len(found) or time.monotonic() > deadline_s:
                return pids
            await asyncio.sleep(LOOK_EVERY_S)

    def _victim(self, strike: Strike) -> str:
        """Of several executions the one that called last: the others hold no login."""
        return self._calls.caller or "execution" if strike.victim == "execution" else strike.victim

    async def _act(self, strike: Strike, victim: str) -> str:
        match strike.kind:
            case Kind.KILL | Kind.BACKEND:
                return f"killed one of {self._kill_backend(strike.number)}"
            case Kind.RESTART:
                pid = self._house.pid("postgres")
                assert pid is not None, "PostgreSQL does not run"
                os.kill(pid, signal.SIGINT)
                return "told to stop"
            case Kind.FLUSH:
                sockets = Path(self._house.stack.info["redis_url"].removeprefix("unix://")).parent
                return str(valkey.command(sockets, "FLUSHALL"))
            case Kind.PAUSE:
                return await self._pause(victim, strike.lasts_s)
            case Kind.CUT | Kind.DELAY | Kind.HALF_OPEN | Kind.CUT_AT_COMMIT:
                return await self._hurt_link(strike, victim)
            case _:
                assert_never(strike.kind)

    def _kill_backend(self, number: int) -> int:
        found = self._house.backends()
        if found:
            os.kill(found[number % len(found)], signal.SIGKILL)
        return len(found)

    async def _pause(self, victim: str, lasts_s: float) -> str:
        pid = self._house.pid(victim)
        if pid is None:
            return "was not there"
        tree = [pid, *children(pid)]
        for each in tree:
            os.kill(each, signal.SIGSTOP)
        await asyncio.sleep(lasts_s)  # how long it stands still
        for each in tree:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)
        return f"{lasts_s} s"

    async def _hurt_link(self, strike: Strike, victim: str) -> str:
        link = self._house.links[victim]
        match strike.kind:
            case Kind.CUT:
                link.refusing = True
                number = link.cut()
            case Kind.DELAY:
                link.delay_s, number = 0.05 + strike.wait_ms / 200, 0
            case Kind.HALF_OPEN:
                link.half_open, number = True, 0
            case _:
                link.cuts_after_commit, number = 3, 0
        await asyncio.sleep(strike.lasts_s)  # how long it lasts
        link.mend()
        return f"{number} connections for {strike.lasts_s} s"


def _kill(pid: int | None) -> bool:
    """Whether there was anything to kill."""
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
