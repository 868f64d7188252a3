"""Random histories give the same answers and the same rows on both ledgers.

In a third of their steps two clients speak at once, interleaved at every await.
"""

from __future__ import annotations

import os
from random import Random

import pytest

from tests.contract.ledger import interleaving
from tests.contract.ledger.drawn import comparing
from tests.contract.ledger.postgres_world import postgres_world
from tests.fixtures.servers import DatabaseUrls

FULL = os.environ.get("TM_FULL") == "1"
# Seconds matter in the gate: each example is some forty transactions on a shared machine. The
# full proof in slices that may be stopped and taken up again: `make histories`.
EXAMPLES = 5_000 if FULL else 30
STEPS_MAX = 60 if FULL else 40


@pytest.mark.timeout(14_400 if FULL else 300)
def test_both_ledgers_live_the_same_history(ledger_database: DatabaseUrls) -> None:
    with comparing(ledger_database) as both:
        both.live(EXAMPLES, STEPS_MAX)
    assert both.seen["histories"] >= EXAMPLES
    assert both.seen["duets"] > EXAMPLES
    assert both.seen["second committed first"] > 0


async def test_two_clients_come_in_between_each_other(ledger_database: DatabaseUrls) -> None:
    """Each waits before every statement, and a lock of the other is waited for, not timed out."""
    async with postgres_world(ledger_database) as world:
        with interleaving.gates(world.engine):
            calls = (lambda: world.ledger.renew_leases("a"), lambda: world.ledger.renew_leases("b"))
            traces = set()
            for number in range(12):
                rng = Random(number)  # noqa: S311 - no secret
                (first, second), trace = await interleaving.interleaved(world.db, rng, calls)
                assert first[1] is None
                assert second[1] is None
                assert len(first[0] or ()) + len(second[0] or ()) == 1, "a login has one driver"
                assert sum(line.endswith(interleaving.COMMIT) for line in trace) == 2
                traces.add("".join(line[0] for line in trace))
                for holder in ("a", "b"):
                    await world.ledger.release_leases(holder)
            assert len(traces) > 4, "drawn in another order each time"
