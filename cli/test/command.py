"""Runs the gate step by step; pytest comes last so that its summary is the last line.

Without pytest arguments everything runs. With arguments only pytest does, with exactly those.
`--full` is ours: it sets TM_FULL=1, which the long tests read.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cli.paths import ROOT

WORKERS = 2  # the budget of the gate is counted for two cores


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    command: tuple[str, ...]


Runner = Callable[[Step, dict[str, str]], int]


def checks() -> tuple[Step, ...]:
    """The static checks, in the order in which they run."""
    python = sys.executable
    contracts = "import sys; from importlinter.cli import lint_imports_command as main; main()"
    return (
        Step("format", (python, "-m", "ruff", "format", "--check", ".")),
        Step("lint", (python, "-m", "ruff", "check", ".")),
        Step("contracts", (python, "-c", contracts)),
        Step("types", (python, "-m", "mypy")),
    )


def plan(arguments: Sequence[str]) -> tuple[Step, ...]:
    """The steps for these arguments; pytest is always the last one."""
    pytest = (sys.executable, "-m", "pytest")
    chosen = tuple(argument for argument in arguments if argument != "--full")
    if chosen:
        return (Step("pytest", (*pytest, *chosen)),)
    return (*checks(), Step("pytest", (*pytest, "-n", str(WORKERS), "--dist", "loadfile")))


def run_step(step: Step, environ: dict[str, str]) -> int:
    return subprocess.run(step.command, cwd=ROOT, env=environ, check=False).returncode  # noqa: S603 - our own tools


def main(arguments: Sequence[str], run: Runner = run_step) -> int:
    """Exit code: 0 when every step passed, else pytest's own, else 1."""
    environ = {**os.environ, "TM_FULL": "1"} if "--full" in arguments else dict(os.environ)
    *before, pytest = plan(arguments)
    failed = [step.name for step in before if _timed(step, environ, run) != 0]
    if failed:
        print(f"\nFAILED before the tests: {', '.join(failed)}")
    print("\n== pytest", flush=True)
    return run(pytest, environ) or int(bool(failed))


def _timed(step: Step, environ: dict[str, str], run: Runner) -> int:
    print(f"\n== {step.name}", flush=True)
    started = time.monotonic()
    code = run(step, environ)
    verdict = "passed" if code == 0 else f"FAILED (exit {code})"
    print(f"== {step.name} {verdict} in {time.monotonic() - started:.1f} s", flush=True)
    return code
