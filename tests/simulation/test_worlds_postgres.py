"""Worlds over the real ledger and its twin at once: short ones here, `make simulate-postgres`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from shared.domain.ids import StrategyId
from shared.ports.ledger import Decide
from tests.contract.ledger.postgres_world import make_database
from tests.fixtures.servers import PostgresServer
from tests.simulation.twin import TwinLedger
from tests.simulation.world.beside import Beside
from tests.simulation.world.house import House, house_in
from tests.simulation.world.life import lived
from tests.simulation.world.mirror import Mirror
from tests.simulation.world.plan import Event, Plan, plan_of
from tests.simulation.world.quiet import quiet

pytestmark = pytest.mark.timeout(300)
_CUT_AT_S: Final = 10.0


@pytest.fixture(scope="module")
def house(
    postgres_server: PostgresServer, template_database: str
) -> Iterator[tuple[House, Beside]]:
    urls = postgres_server.create("worlds", template_database)
    asyncio.run(make_database(urls))
    with house_in(urls) as found, quiet():
        yield found


def _begun(seed: int, ends_at_s: float) -> Plan:
    plan = plan_of(seed)
    some = tuple(each for each in plan.events if each.at_s < ends_at_s)
    return replace(plan, events=some, ends_at_s=ends_at_s)


def test_a_world_is_the_same_on_the_real_ledger(house: tuple[House, Beside]) -> None:
    """Every answer and every row: so its life is, step by step."""
    plan = _begun(1, _CUT_AT_S)
    said = [
        Event(4.0, "stop_word", {"scope": "account", "word": "kill", "for_s": 2.0}),
        Event(8.0, "close_command", {}),
    ]
    events = sorted([*plan.events, *said], key=lambda each: each.at_s)
    plan = replace(plan, events=tuple(events))
    outcome = Mirror(*house).lived(plan)
    assert not outcome.wrong, "\n".join(outcome.wrong)
    assert outcome.digest == lived(plan).digest
    seen = {"accept_signal", "tell", "say", "ask", "fan_out", "claim", "apply", "close_all"}
    assert all(outcome.counts[f"both {name}"] for name in seen), outcome.counts


class _Deaf(TwinLedger):
    """Decides nothing about the third signal; says what it would have said."""

    async def fan_out(self, strategy: StrategyId, decide: Decide, max_age_s: float) -> Any:
        take_back = self._store.savepoint() if len(self._store.signals) > 2 else None
        events = await super().fan_out(strategy, decide, max_age_s)
        if take_back is not None:
            take_back()
        return events


def test_a_difference_ends_the_comparison(house: tuple[House, Beside]) -> None:
    outcome = Mirror(*house, twin=_Deaf).lived(_begun(1, 3.0))
    assert outcome.wrong[0].startswith("parted: ")
    assert any(wrong.startswith("parted: signal_decisions after") for wrong in outcome.wrong)
