"""The life of a process: it stops when asked, dies when a task dies, and says which it was."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from cli.paths import ROOT
from shared.runtime import service as module
from shared.runtime.clock import SystemClock
from shared.runtime.durability import NotDurableError
from shared.runtime.service import ExitCode, Service, live


async def _forever() -> None:
    await asyncio.Event().wait()


async def _live(start: module.Start) -> ExitCode:
    async with asyncio.timeout(10):
        return await live("tests", start, SystemClock())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_closes_in_reverse_order(number: int) -> None:
    story: list[str] = []

    async def start(service: Service) -> None:
        service.resources.callback(story.append, "first opened")
        service.resources.callback(story.append, "last opened")

        async def drain() -> None:
            story.append("drained")

        service.on_drain(drain)
        service.spawn("work", _forever())
        os.kill(os.getpid(), number)

    assert await _live(start) == ExitCode.STOPPED
    assert story == ["drained", "last opened", "first opened"]


async def test_a_task_that_raises_takes_everything_down() -> None:
    closed: list[str] = []

    async def dies() -> None:
        raise LookupError("no such lane")

    async def start(service: Service) -> None:
        service.resources.callback(closed.append, "closed")
        service.spawn("healthy", _forever())
        service.spawn("sick", dies())

    assert await _live(start) == ExitCode.DIED
    assert closed == ["closed"]


async def test_a_task_that_returns_early_is_a_death() -> None:
    async def returns() -> None:
        return

    async def start(service: Service) -> None:
        service.spawn("short", returns())

    assert await _live(start) == ExitCode.DIED


async def test_a_start_that_fails_is_a_death() -> None:
    async def start(service: Service) -> None:
        service.spawn("never begun", _forever())
        raise LookupError

    assert await _live(start) == ExitCode.DIED


async def test_an_undurable_server_is_a_matter_of_configuration() -> None:
    async def start(service: Service) -> None:
        async def probe() -> None:
            raise NotDurableError("fsync off")

        await service.wait_for("postgresql", probe)

    assert await _live(start) == ExitCode.CONFIGURATION


async def test_a_dependency_may_come_later() -> None:
    tries = 0

    async def start(service: Service) -> None:
        async def probe() -> None:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise ConnectionRefusedError

        await service.wait_for("redis", probe)
        os.kill(os.getpid(), signal.SIGTERM)

    assert await _live(start) == ExitCode.STOPPED
    assert tries == 3


async def test_a_signal_while_waiting_for_a_dependency_stops() -> None:
    async def start(service: Service) -> None:
        async def probe() -> None:
            service.stopping.set()
            raise ConnectionRefusedError

        await service.wait_for("redis", probe)

    assert await _live(start) == ExitCode.STOPPED


async def test_draining_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAIN_TIMEOUT_S", 0.01)

    async def start(service: Service) -> None:
        service.on_drain(_forever)
        service.spawn("work", _forever())
        service.stopping.set()

    assert await _live(start) == ExitCode.STOPPED


async def test_a_task_that_forgets_a_cancel_ends_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CANCEL_AGAIN_AFTER_S", 0.01)

    async def forgetful() -> None:
        with suppress(asyncio.CancelledError):
            await _forever()
        await _forever()

    async def start(service: Service) -> None:
        service.spawn("forgetful", forgetful())
        await asyncio.sleep(0)  # let it begin
        service.stopping.set()

    assert await _live(start) == ExitCode.STOPPED


_ROWS = """
import gc
from shared.runtime.service import collect_seldom

collect_seldom()
before = [each["collections"] for each in gc.get_stats()]
rows = [[number] for number in range(300_000)]
print(gc.get_freeze_count() > 10_000, gc.get_stats()[2]["collections"] - before[2])
"""


def test_rows_of_a_long_day_are_not_looked_through_again_and_again() -> None:
    """In a process of its own: the setting is the process's."""
    command = (sys.executable, "-c", _ROWS)
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["True", "0"]
