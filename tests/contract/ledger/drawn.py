"""Histories as hypothesis draws them, each lived by both ledgers in one database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.contract.ledger.duets import Duets
from tests.contract.ledger.interleaving import gates
from tests.contract.ledger.postgres_world import PostgresWorld, postgres_world
from tests.contract.ledger.twin_world import TwinWorld
from tests.fixtures.servers import DatabaseUrls

# Twice the steps that bring a history forward, so that there is something to disturb.
_FORWARD: Final = ("signal", "send", "fills", "send", "fills", "answer", "facts")
_FACTS: Final = ("full_read", "drift", "protect", "protect", "crash", "stuck")
_OTHERS: Final = (
    *("claim", "fan_out", "resolve", "command", "word", "limit", "hand_over"),
    *("lease", "login", "pause"),
)
# A third of the steps is two at once.
_NAMES: Final = (*_FORWARD, *_FORWARD, *_FACTS, *_OTHERS, *("duet",) * 14)


class Comparing:
    """One database, in which one history is lived after the other."""

    def __init__(self, runner: asyncio.Runner, real: PostgresWorld) -> None:
        self._runner = runner
        self._real = real
        self.seen: Counter[str] = Counter()

    def live(self, examples: int, steps_max: int, *, number: int | None = None) -> None:
        """So many histories: always the same without a number, and those of that number with one.

        Raises what the first difference raised. Making it smaller takes minutes and is left to
        runs by number: a step depends on what came before it only.
        """
        steps = st.lists(
            st.tuples(st.sampled_from(_NAMES), st.integers(0, 2**20)),
            min_size=10,
            max_size=steps_max,
        )

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=number is None,
            phases=[Phase.generate, *([] if number is None else [Phase.shrink])],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(steps)
        def compare(steps: list[tuple[str, int]]) -> None:
            self._runner.run(self._one(steps))

        drawn = compare if number is None else seed(number)(compare)
        drawn()

    async def _one(self, steps: list[tuple[str, int]]) -> None:
        await self._real.begin_anew()
        history = Duets(TwinWorld(), self._real)
        try:
            await history.live(steps)
        finally:
            self.seen += history.seen
            self.seen["histories"] += 1
            self.seen["steps"] += len(steps)


@contextmanager
def comparing(urls: DatabaseUrls) -> Iterator[Comparing]:
    """`urls` of a database of `make_database`."""
    with asyncio.Runner() as runner:
        context = postgres_world(urls)
        real = runner.run(context.__aenter__())
        try:
            with gates(real.engine):
                yield Comparing(runner, real)
        finally:
            runner.run(context.__aexit__(None, None, None))
