"""Whole worlds of execution under faults: a few in the gate, by the thousand in `make simulate`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.simulation.world.bugs import BUGS, Bug
from tests.simulation.world.crash_points import killed_at, occurrences
from tests.simulation.world.life import lived
from tests.simulation.world.plan import plan_of
from tests.simulation.world.quiet import quiet
from tests.simulation.world.simulate import Progress, missing, report
from tests.simulation.world.troubles import FAULTS_MIN

ROOT: Final = Path(__file__).parents[2]
FULL: Final = os.environ.get("TM_FULL") == "1"
SEEDS_FIXED: Final = (1, 2, 3, 4)
WORLDS_OF_COMMIT: Final = 196 if FULL else 0
BUG_SEEDS_MAX: Final = 200
# All of them take minutes; those in the gate are seen in their first worlds.
IN_GATE: Final = ("some fills are not heard", "entries go in two orders", "an exit closes one more")
IN_GATE_POINTS: Final = (
    *("ledger.claim.after", "broker.place.before", "wire.order/placeoso.written"),
    *("ledger.record.before", "ledger.apply.after", "ledger.fan_out.after"),
)
_DIGESTS: Final = """
import json
from tests.simulation.world.life import lived
from tests.simulation.world.quiet import quiet
with quiet():
    print(json.dumps([lived(1).digest]))
"""


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    with quiet():
        yield


@pytest.mark.timeout(3_600 if FULL else 300)
def test_worlds_keep_every_promise() -> None:
    for seed in (*SEEDS_FIXED, *_seeds_of_commit()):
        outcome = lived(seed)
        assert not outcome.wrong, f"make simulate SEED={seed}\n" + "\n".join(outcome.wrong)
        assert outcome.counts["faults"] >= FAULTS_MIN


@pytest.mark.timeout(300)
def test_one_seed_is_one_world() -> None:
    """Whatever order the sets of a process have."""
    told = [_digests(hash_seed) for hash_seed in ("1", "4242")]
    assert told[0] == told[1]


def _seeds_of_commit() -> range:
    """Others with each commit, the same for the same one; none in an export without its history."""
    head = subprocess.run(
        ["git", "rev-parse", "--short=8", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    first = int(head, 16) if head else 0
    return range(first, first + WORLDS_OF_COMMIT if head else 0)


def test_a_slice_goes_on_where_it_was(tmp_path: Path) -> None:
    path, outcome = tmp_path / "slice.json", lived(3)
    progress = Progress.load(path, 3)
    progress.take(outcome, 0.5)
    progress.save(path)
    again = Progress.load(path, 3)
    assert again == progress
    assert again.next_seed == 4
    assert again.median("steps") == outcome.counts["steps"]
    assert "bells doubled" in missing(Progress(1))
    assert "1 worlds, 0 with violations" in report(again)


def test_a_process_may_be_killed_at_any_point() -> None:
    """At a few of them; all are `make crash-points`."""
    points = occurrences()
    assert len(points) >= 37
    for point in IN_GATE_POINTS:
        outcome = killed_at(point, max(1, points[point] // 2))
        assert outcome.counts["crashes"] == 1, point
        assert not outcome.wrong, (point, outcome.wrong)


def _digests(hash_seed: str) -> list[str]:
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _DIGESTS]
    done = subprocess.run(
        command, env=environ, cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_a_plan_is_drawn_beforehand() -> None:
    plan = plan_of(7)
    assert plan == plan_of(7)
    assert len({each.login for each in plan.seats}) == 2
    assert len(plan.seats) == 3
    assert len(plan.strategies) == 2
    assert sum(event.kind == "signal" for event in plan.events) == 40


@pytest.mark.timeout(3_600 if FULL else 300)
@pytest.mark.parametrize(
    "bug", [bug for bug in BUGS if FULL or bug.name in IN_GATE], ids=lambda bug: bug.name
)
def test_every_deliberate_bug_is_caught(bug: Bug) -> None:
    for seed in range(1, BUG_SEEDS_MAX + 1):
        if any(wrong.startswith(bug.by) for wrong in lived(seed, bug.build()).wrong):
            return
    pytest.fail(f"not seen in {BUG_SEEDS_MAX} worlds")
