"""python -m tests.corpus.fuzz_alerts [seconds]: fuzz the reader of alerts with ever new seeds."""

from __future__ import annotations

import secrets
import sys
import time
from collections import Counter

from hypothesis import HealthCheck, given, seed, settings

from tests.corpus.fuzz import KINDS
from tests.corpus.promises import outcome, promises

_ROUND = settings(
    deadline=None,
    database=None,
    max_examples=500,
    suppress_health_check=list(HealthCheck),
)


def main(seconds: int) -> None:
    """Raises what breaks a promise, with the body and the seed that did it."""
    until = time.monotonic() + seconds
    first = secrets.randbelow(10**9)
    outcomes: Counter[str] = Counter()

    def check(body: bytes) -> None:
        promises(body)
        found = outcome(body)
        outcomes[found if isinstance(found, str) else f"a {found.kind}"] += 1

    rounds = 0
    while time.monotonic() < until:
        for strategy in KINDS.values():
            seed(first + rounds)(_ROUND(given(strategy)(check)))()
        rounds += 1
    print(f"{outcomes.total()} bodies in {rounds} rounds from seed {first}, no promise broken")
    for name, count in outcomes.most_common():
        print(f"{count:>9} {name}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
