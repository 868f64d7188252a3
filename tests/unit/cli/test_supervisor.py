"""The supervisor, with toy programs in the place of services."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from cli.paths import ROOT
from cli.up.supervisor import Keeper, Supervisor
from tests.fixtures.stack import all_gone, is_alive, until
from tests.unit.cli.toys import DYING, OBEDIENT, PARENT, STUBBORN, toy
from tests.unit.cli.waiting import eventually

LIMIT_S = 20.0


@pytest_asyncio.fixture
async def said() -> list[str]:
    return []


@pytest_asyncio.fixture
async def supervisor(said: list[str]) -> AsyncIterator[Supervisor]:
    async with Supervisor(said.append) as running:
        yield running


async def started(keeper: Keeper) -> None:
    await eventually(lambda: b"\n" in keeper.program.log.read_bytes(), LIMIT_S)


async def test_a_program_that_is_killed_comes_back(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    keeper = supervisor.add(toy("obedient", OBEDIENT, tmp_path))
    first = keeper.pid
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: keeper.pid != first and is_alive(keeper.pid), LIMIT_S)
    assert said == ["obedient was ended by SIGKILL; again in 0.1 s"]
    assert supervisor.pids() == {"obedient": keeper.pid}


async def test_a_program_that_keeps_dying_waits_longer_each_time(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    keeper = supervisor.add(toy("dying", DYING, tmp_path))
    await eventually(lambda: keeper.failures >= 3, LIMIT_S)
    assert said[:3] == [
        f"dying ended with exit code 3; again in {delay_s} s" for delay_s in (0.1, 0.2, 0.4)
    ]


async def test_an_obedient_program_ends_by_itself(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    keeper = supervisor.add(toy("obedient", OBEDIENT, tmp_path))
    await started(keeper)
    await supervisor.stop(["obedient", "unknown"], LIMIT_S)
    assert keeper.process.returncode == 0
    assert keeper.program.log.read_text(encoding="ascii").split() == ["started", "stopped"]
    assert said == []


async def test_a_stubborn_program_is_killed_after_its_grace(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    keeper = supervisor.add(toy("stubborn", STUBBORN, tmp_path))
    await started(keeper)
    await supervisor.stop(["stubborn"], 0.1)
    assert keeper.process.returncode == -signal.SIGKILL
    assert said == ["stubborn did not stop within 0.1 s; killed"]


async def test_what_a_program_started_ends_with_it(supervisor: Supervisor, tmp_path: Path) -> None:
    keeper = supervisor.add(toy("parent", PARENT, tmp_path))
    await started(keeper)
    grandchild = int(keeper.program.log.read_text(encoding="ascii"))
    await supervisor.stop(["parent"], LIMIT_S)
    await eventually(lambda: not is_alive(grandchild), LIMIT_S)


async def test_a_program_is_not_started_again_while_it_waits_for_its_turn(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    keeper = supervisor.add(toy("dying", DYING, tmp_path))
    await eventually(lambda: keeper.failures >= 2, LIMIT_S)
    await supervisor.stop(["dying"], LIMIT_S)
    assert supervisor.pids() == {}
    assert not is_alive(keeper.pid)


def test_nothing_survives_a_killed_supervisor(tmp_path: Path) -> None:
    record = tmp_path / "pids"
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.unit.cli.toys", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        until(record.exists, LIMIT_S, "the start")
        pids = list(json.loads(record.read_bytes()).values())
        assert all(is_alive(pid) for pid in pids)
    finally:
        process.kill()
        process.wait()
    until(lambda: all_gone(pids), 5.0, "the end of all programs")
