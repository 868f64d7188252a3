"""One slice of a long run, from its seed.

    python -m tests.chaos --slice 3/20 --kills 1000 --signals 100000 --accounts 20 --out FOLDER

lives it through in a throw-away folder and leaves its ledgers, verdict and report in `FOLDER`. A
slice whose verdict stands there already is not lived again.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
from pathlib import Path

import uvloop

from tests.chaos.house import Plan
from tests.chaos.layout import Size
from tests.chaos.slice import live
from tests.fixtures.servers import private_folder

LEDGERS = ("sent.jsonl", "strikes.jsonl", "messages.jsonl", "database.json", "venue.json",
           "about.json")  # fmt: skip
LINKS = ("execution-postgres", "execution-valkey", "execution-venue", "api-postgres")


def main() -> int:
    given = _arguments()
    # Told to stop, the house goes with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    number, of = (int(part) for part in given.slice.split("/"))
    out = given.out / f"slice-{number:02}-of-{of:02}"
    size = Size(
        seed=f"{given.seed}:{number}/{of}",
        kills=given.kills // of,
        alerts=given.signals // of,
        accounts=given.accounts,
        rate_per_s=given.rate,
        links=LINKS if given.links else (),
    )
    out.mkdir(parents=True, exist_ok=True)
    with private_folder() as folder:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                lived = runner.run(live(folder, size, Plan(given.accounts, given.logins)))
        finally:
            _keep(folder, out)
    print(lived)
    return 0


def _keep(folder: Path, out: Path) -> None:
    for name in LEDGERS:
        if (folder / name).exists():
            shutil.copy(folder / name, out / name)
    if (folder / "data" / "logs").is_dir():
        shutil.copytree(folder / "data" / "logs", out / "logs", dirs_exist_ok=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="One slice of the chaos run.")
    add = parser.add_argument
    add("--slice", default="1/1", help="which of how many")
    add("--kills", type=int, default=30, help="in all slices together")
    add("--signals", type=int, default=3_000, help="the same")
    add("--accounts", type=int, default=20)
    add("--logins", type=int, default=5)
    add("--rate", type=float, default=2.8, help="alerts a second")
    add("--seed", default="1")
    add("--no-links", dest="links", action="store_false", help="leave the links alone")
    add("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
