"""Random histories give the same answers and the same rows on both ledgers."""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.contract.ledger.history import History
from tests.contract.ledger.postgres_world import PostgresWorld, postgres_world
from tests.contract.ledger.twin_world import TwinWorld
from tests.fixtures.servers import DatabaseUrls

FULL = os.environ.get("TM_FULL") == "1"
# Seconds matter in the gate: each example is some forty transactions on a shared machine.
EXAMPLES = 3_000 if FULL else 30
STEPS_MAX = 60 if FULL else 40

# Twice the steps that bring a history forward, so that there is something to disturb.
_FORWARD = ("signal", "send", "fills", "send", "fills", "answer", "facts")
_FACTS = ("full_read", "drift", "protect", "protect", "crash", "stuck")
_OTHERS = (
    *("claim", "fan_out", "resolve", "command", "word", "limit"),
    *("lease", "login", "pause"),
)
_NAMES = (*_FORWARD, *_FORWARD, *_FACTS, *_OTHERS)
_STEPS = st.lists(
    st.tuples(st.sampled_from(_NAMES), st.integers(0, 2**20)), min_size=10, max_size=STEPS_MAX
)


@pytest.mark.timeout(3_600 if FULL else 300)
def test_both_ledgers_live_the_same_history(
    ledger_database: DatabaseUrls,
) -> None:
    with asyncio.Runner() as runner:
        context = postgres_world(ledger_database)
        real = runner.run(context.__aenter__())
        try:
            _compare(runner, real)
        finally:
            runner.run(context.__aexit__(None, None, None))


def _compare(runner: asyncio.Runner, real: PostgresWorld) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=not FULL,  # the gate says the same each time; the full run explores
        # A step only depends on what came before it, so a failure is named by its seed and its
        # steps; making it smaller takes minutes and is left to the full run.
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if FULL else [])],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(_STEPS)
    def compare(steps: list[tuple[str, int]]) -> None:
        runner.run(_live(real, steps))

    compare()


async def _live(real: PostgresWorld, steps: list[tuple[str, int]]) -> None:
    await real.begin_anew()
    await History(TwinWorld(), real).live(steps)
