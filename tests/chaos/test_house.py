"""Lives under fire, with TM_FULL=1. The gate has `tests/e2e/test_kills.py` and the checker's test.

Longer ones are `make chaos` and `make two-executors`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import pytest

from tests.chaos import executors
from tests.chaos.__main__ import LINKS, judged, lived
from tests.chaos.house import Plan
from tests.chaos.layout import Size
from tests.fixtures.servers import private_folder

FULL: Final = os.environ.get("TM_FULL") == "1"
# What depends on how soon a process gets a core. Judged only where two can be had for two.
TIMED: Final = frozenset({"recovery", "late", "undelivered"})
LOAD_PER_CORE_MAX: Final = 1.5

pytestmark = [
    pytest.mark.timeout(3_600),
    pytest.mark.skipif(not FULL, reason="a minute to half an hour each; TM_FULL=1"),
]


def _wrong(told: dict[str, Any]) -> dict[str, int]:
    cores = told["about"]["cores"]
    is_crowded = told["load"]["max"] > LOAD_PER_CORE_MAX * cores
    print(told["blows"], told["load"])
    return {
        kind: many
        for kind, many in told["violations"].items()
        if not (is_crowded and kind in TIMED)
    }


def _lived(out: Path, size: Size, logins: int) -> dict[str, Any]:
    lived(out, size, Plan(size.accounts, logins))
    told = judged(out, size.seed)
    print("\n".join(told["examples"]))
    return told


def test_six_kills_cost_nothing(tmp_path: Path) -> None:
    told = _lived(tmp_path, Size("few", 6, 120, 4, 2.0, LINKS), logins=2)
    assert _wrong(told) == {}


def test_thirty_kills_cost_nothing(tmp_path: Path) -> None:
    told = _lived(tmp_path, Size("full", 30, 3_000, 20, 2.8, LINKS), logins=5)
    assert _wrong(told) == {}


async def test_two_executions_send_nothing_twice() -> None:
    with private_folder() as folder:
        took = await executors.live(folder, 4, 12.0)
        wrong = executors.judged(folder, took)
    assert [line for line in wrong if not line.startswith(tuple(TIMED))] == []
