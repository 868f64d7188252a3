"""Histories by the thousand: `python -m tests.contract.ledger.run_histories --slice 1/8`.

A slice writes down under `.tm/` how far it has come, so one that was stopped goes on where it was.
Histories are drawn in batches, each by its number; a batch again, made as small as it gets:
`--batch 17`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from shared.db.migrate import upgrade
from tests.contract.ledger.drawn import Comparing, comparing
from tests.contract.ledger.postgres_world import make_database
from tests.fixtures.servers import own_postgres

ROOT: Final = Path(__file__).parents[3]
BATCH: Final = 50
STEPS_MAX: Final = 60


@dataclass(slots=True)
class Progress:
    """What a slice has lived through; `broken`: batches and what parted in them."""

    next_batch: int
    wall_s: float = 0.0
    cpu_s: float = 0.0  # of ours; PostgreSQL takes about as much beside it
    seen: Counter[str] = field(default_factory=Counter)
    broken: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, first: int) -> Progress:
        if not path.exists():
            return cls(first)
        told = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**told, "seen": Counter(told["seen"])})

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        fresh.write_text(json.dumps(told), encoding="utf-8")
        fresh.replace(path)

    def live(self, both: Comparing, batch: int) -> None:
        wall_s, cpu_s = time.monotonic(), time.process_time()
        both.seen.clear()
        try:
            both.live(BATCH, STEPS_MAX, number=batch)
        except Exception as error:  # noqa: BLE001 - whatever parted them is the finding
            self.broken[str(batch)] = str(error)
            print(f"batch {batch}: {error}", file=sys.stderr, flush=True)
        self.seen += both.seen
        self.wall_s += time.monotonic() - wall_s
        self.cpu_s += time.process_time() - cpu_s
        self.next_batch = batch + 1


def report(progress: Progress) -> str:
    seen = progress.seen
    broken, wall_min, cpu_min = len(progress.broken), progress.wall_s / 60, progress.cpu_s / 60
    lines = [
        f"{seen['histories']} histories, {broken} batches broken, {wall_min:.0f} min",
        f"{cpu_min:.0f} min of one core, without PostgreSQL's",
    ]
    pairs = {name: many for name, many in seen.items() if " | " in name}
    lines += [f"{name:32} {seen[name]}" for name in sorted(seen) if name not in pairs]
    lines.append(f"{len(pairs)} kinds of pairs, the rarest {min(pairs.values(), default=0)} times")
    return "\n".join(lines)


def _slice(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    return int(part), int(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=5_000)
    parser.add_argument("--slice", type=_slice, default=(1, 1), help="k/n")
    parser.add_argument("--batch", type=int, help="only this one")
    asked = parser.parse_args()
    with own_postgres() as server:
        urls = server.create("histories")
        upgrade(urls.owner)
        asyncio.run(make_database(urls))
        with comparing(urls) as both:
            if asked.batch is not None:
                both.live(BATCH, STEPS_MAX, number=asked.batch)
                return 0
            return _many(both, asked.histories, *asked.slice)


def _many(both: Comparing, histories: int, part: int, parts: int) -> int:
    each = -(-histories // BATCH // parts)
    first = 1 + (part - 1) * each
    path = ROOT / ".tm" / f"histories-{histories}-{part}of{parts}.json"
    progress = Progress.load(path, first)
    for batch in range(progress.next_batch, min(first + each, -(-histories // BATCH) + 1)):
        progress.live(both, batch)
        progress.save(path)
    print(report(progress))
    return 1 if progress.broken else 0


if __name__ == "__main__":
    sys.exit(main())
