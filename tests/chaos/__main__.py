"""A long run of kills under load, in slices, each from its own seed.

    python -m tests.chaos --slice 3/20 --kills 1000 --signals 100000 --accounts 20 --out FOLDER

lives slice 3 through in a throw-away folder and leaves its ledgers, verdict and report in `FOLDER`.
A slice whose verdict stands there is not lived again; `--slice all/20` lives what is missing. Exit
code 1: the checker complains.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from cli.paths import ROOT
from tests.chaos import checker, report
from tests.chaos.house import Plan
from tests.chaos.layout import Size
from tests.chaos.ledgers import keep
from tests.chaos.slice import live
from tests.fixtures.servers import private_folder

LINKS: Final = ("execution-postgres", "execution-valkey", "execution-venue", "api-postgres")


def main() -> int:
    given = _arguments()
    # Told to stop, the house goes with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    which, of = given.slice.split("/")
    numbers = range(1, int(of) + 1) if which == "all" else [int(which)]
    told = [_slice(given, number, int(of)) for number in numbers]
    return 1 if any(each["violations"] for each in told) else 0


def _slice(given: argparse.Namespace, number: int, of: int) -> dict[str, Any]:
    """Its verdict, from before or from now."""
    out: Path = given.out / f"slice-{number:02}-of-{of:02}"
    if (out / report.VERDICT).exists() and given.judge:
        return judged(out, f"slice {number} of {of}", _revision_of(out))
    if (out / report.VERDICT).exists():
        known: dict[str, Any] = json.loads((out / report.VERDICT).read_text(encoding="utf-8"))
        return known
    size = Size(
        seed=f"{given.seed}:{number}/{of}",
        kills=given.kills // of,
        alerts=given.signals // of,
        accounts=given.accounts,
        rate_per_s=given.rate,
        links=LINKS if given.links else (),
    )
    lived(out, size, Plan(given.accounts, given.logins))
    told = judged(out, f"slice {number} of {of}")
    print(json.dumps({key: told[key] for key in ("promises", "violations", "traffic")}, indent=1))
    return told


def lived(out: Path, size: Size, plan: Plan) -> None:
    """Live it through and keep the ledgers, however it ends."""
    with private_folder() as folder:
        try:
            with asyncio.Runner() as runner:
                runner.run(live(folder, size, plan))
        finally:
            keep(folder, out)


def judged(out: Path, name: str, revision: str | None = None) -> dict[str, Any]:
    evidence = checker.read(out)
    told = report.verdict(evidence, checker.violations(evidence), revision or _revision())
    report.keep(out, name, told)
    return told


def _revision() -> str:
    command = ("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _revision_of(out: Path) -> str:
    """At which it was lived."""
    return str(json.loads((out / report.VERDICT).read_text(encoding="utf-8"))["revision"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kills under load, in slices.")
    add = parser.add_argument
    add("--slice", default="1/1", help="which of how many, or all/how many")
    add("--kills", type=int, default=30, help="in all slices together")
    add("--signals", type=int, default=3_000, help="the same")
    add("--accounts", type=int, default=20)
    add("--logins", type=int, default=5)
    add("--rate", type=float, default=4.5, help="alerts a second")
    add("--seed", default="1")
    add("--no-links", dest="links", action="store_false", help="leave the links alone")
    add("--judge", action="store_true", help="again, what was lived before")
    add("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
