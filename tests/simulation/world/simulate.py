"""Worlds by the thousand: `python -m tests.simulation.world.simulate --seeds 100000 --slice 1/8`.

A slice writes down how far it has come under `.tm/`, so one that was stopped goes on where it
was. One world again, with its last steps: `--seed 1234`. With `--postgres` each operation is done
by the real ledger as well, on a server of the run's own, and compared (`mirror.py`).
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final, Protocol

from tests.simulation.world.house import own_house
from tests.simulation.world.life import Outcome, lived
from tests.simulation.world.mirror import Mirror
from tests.simulation.world.quiet import quiet

ROOT: Final = Path(__file__).parents[3]
_SAVE_EVERY_S: Final = 10.0  # of one core
_KEPT_LINES: Final = 400
_BROKEN_MAX: Final = 20
# Of these the report tells the median of a world; the rest is summed up.
_MEDIANS: Final = ("steps", "faults", "crashes", "unknown", "lease moves", "pauses")
# What a run that is worth the name has seen at least once.
MUST_BE_SEEN: Final = (
    *("crashes", "killed at points", "killed at writes", "pauses", "paused at points"),
    *("releases", "lease moves", "logins taken", "signals", "unknown"),
    *("unknown -> ABANDONED", "unknown -> FILLED"),
    *("bells lost", "bells doubled", "bells reordered", "bells forgotten"),
    *("database cut before commit", "database cut after commit"),
    *("fault outage", "fault blow", "fault switch", "fault mishap", "fault bells_away"),
    *("word kill", "word pause", "fault close_command"),
    *("overtaken", "clocks wrong", "captchas", "pauses of 2 s", "mishap forced_liquidation"),
    *("mishap manual_order", "mishap bust_fill", "mishap correct_fill", "mishap manual_flatten"),
)
_FEW: Final = 300  # worlds; fewer need not have seen everything


class Live(Protocol):
    def __call__(self, seed: int, *, kept_lines: int = 0) -> Outcome: ...


@dataclass(slots=True)
class Progress:
    """What a slice has lived through so far."""

    next_seed: int
    worlds: int = 0
    cpu_s: float = 0.0
    sums: Counter[str] = field(default_factory=Counter)
    spread: dict[str, Counter[str]] = field(default_factory=dict)
    broken: list[tuple[int, list[str]]] = field(default_factory=list)

    def take(self, outcome: Outcome, cpu_s: float) -> None:
        self.worlds += 1
        self.cpu_s += cpu_s
        self.next_seed = outcome.seed + 1
        self.sums += outcome.counts
        for name in _MEDIANS:
            self.spread.setdefault(name, Counter())[str(outcome.counts[name])] += 1
        if outcome.wrong:
            self.broken.append((outcome.seed, list(outcome.wrong[:5])))

    def median(self, name: str) -> int:
        values = sorted((int(value), many) for value, many in self.spread[name].items())
        left = self.worlds // 2
        for value, many in values:
            left -= many
            if left < 0:
                return value
        return 0

    @classmethod
    def load(cls, path: Path, first: int) -> Progress:
        if not path.exists():
            return cls(first)
        told = json.loads(path.read_text(encoding="utf-8"))
        told["sums"] = Counter(told["sums"])
        told["spread"] = {name: Counter(values) for name, values in told["spread"].items()}
        return cls(**told)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        fresh.write_text(json.dumps(told), encoding="utf-8")
        fresh.replace(path)


def missing(progress: Progress) -> list[str]:
    """Counters that stayed at zero."""
    return [name for name in MUST_BE_SEEN if not progress.sums[name]]


def report(progress: Progress) -> str:
    worlds = progress.worlds
    each_s = progress.cpu_s / max(1, worlds)
    lines = [
        f"{worlds} worlds, {len(progress.broken)} with violations, {each_s:.2f} s of one core each",
        "medians: " + ", ".join(f"{name} {progress.median(name)}" for name in _MEDIANS),
    ]
    points = [name for name in progress.sums if name.startswith(("ledger.", "broker.", "wire."))]
    lines.append(f"{len(points)} points reached {sum(progress.sums[p] for p in points)} times")
    lines += [
        f"{name:32} {progress.sums[name]}"
        for name in sorted(progress.sums)
        if name not in points and not name.startswith("ms ")
    ]
    lines += [f"seed {seed}: {wrong}" for seed, wrong in progress.broken[:_BROKEN_MAX]]
    return "\n".join(lines)


def _slice(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    return int(part), int(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--slice", type=_slice, default=(1, 1), help="k/n")
    parser.add_argument("--seed", type=int, help="only this one, with its last steps")
    parser.add_argument("--postgres", action="store_true", help="on both ledgers")
    asked = parser.parse_args()
    with quiet(), _life(on_both=asked.postgres) as live:
        if asked.seed is not None:
            return _one(live, asked.seed)
        name = "simulate-postgres" if asked.postgres else "simulate"
        return _many(live, name, asked.first, asked.seeds, *asked.slice)


@contextmanager
def _life(*, on_both: bool) -> Iterator[Live]:
    if not on_both:
        yield lambda seed, kept_lines=0: lived(seed, None, kept_lines)
        return
    # Whoever stops a slice leaves no server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with own_house() as (house, beside):
        yield lambda seed, kept_lines=0: Mirror(house, beside).lived(seed, kept_lines)


def _one(live: Live, seed: int) -> int:
    outcome = live(seed, kept_lines=_KEPT_LINES)
    print(*outcome.trace, *outcome.wrong, f"trace {outcome.digest}", sep="\n")
    return 1 if outcome.wrong else 0


def _many(live: Live, name: str, first: int, seeds: int, part: int, parts: int) -> int:
    each = -(-seeds // parts)
    start = first + (part - 1) * each
    end = min(start + each, first + seeds)
    path = ROOT / ".tm" / f"{name}-{first}-{seeds}-{part}of{parts}.json"
    progress = Progress.load(path, start)
    saved_s = 0.0
    for seed in range(progress.next_seed, end):
        began_s = time.process_time()
        outcome = live(seed)
        progress.take(outcome, time.process_time() - began_s)
        if outcome.wrong:
            print(f"seed {seed}: {outcome.wrong[0]}", file=sys.stderr, flush=True)
        if progress.cpu_s - saved_s > _SAVE_EVERY_S:
            progress.save(path)
            saved_s = progress.cpu_s
    progress.save(path)
    print(report(progress))
    unseen = missing(progress) if progress.worlds >= _FEW else []
    if unseen:
        print(f"never seen: {', '.join(unseen)}")
    return 1 if progress.broken or unseen else 0


if __name__ == "__main__":
    sys.exit(main())
