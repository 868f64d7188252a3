"""The watchman shares no code with whom it watches."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "sentinel").rglob("*.py"))
# The machinery of any process: settings, logs, health, metrics, the clock.
ALLOWED = ("sentinel", "shared.runtime", "shared.ports.clock")
OURS = ("api", "gateway", "execution", "recorder", "notifier", "paper", "cli", "shared", "sentinel")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.add(node.module)
    return {name for name in names if name.partition(".")[0] in OURS}


def test_there_is_something_to_check() -> None:
    assert len(FILES) > 3


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_names_nothing_of_ours_but_the_machinery(path: Path) -> None:
    assert {name for name in imported(path) if not name.startswith(ALLOWED)} == set()


def test_nothing_of_the_senders_comes_in_by_a_back_door() -> None:
    """What a process really loads, through whatever imports whatever."""
    script = "import sys, sentinel.app, sentinel.__main__; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = [name for name in done.stdout.split() if name.partition(".")[0] in OURS]
    senders = ("execution", "shared.domain", "shared.db", "shared.brokers", "shared.contracts")
    assert [name for name in loaded if name.startswith(senders)] == []
    assert "sentinel.watch" in loaded


def test_nobody_imports_it() -> None:
    for room in OURS[:-1]:
        for path in (ROOT / room).rglob("*.py"):
            assert not any(name.startswith("sentinel") for name in imported(path)), path
