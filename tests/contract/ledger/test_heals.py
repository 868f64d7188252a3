"""What is mended after somebody else's hands, on real PostgreSQL and on the twin."""

from __future__ import annotations

import pytest

from execution.ledger.heals import PostgresHealing
from shared.domain.alert_signal import Signal
from shared.domain.heal import HEAL_WITHIN, Wound, decide_heal
from shared.domain.order import Action
from shared.domain.plan import Denied, Plan
from shared.domain.rules.drift import DriftPolicy
from shared.ports.healing import Healing
from tests.contract.ledger.postgres_world import PostgresWorld
from tests.contract.ledger.test_drifts import held, look, standing
from tests.contract.ledger.twin_world import TwinWorld
from tests.contract.ledger.world import BUY, CLOSE, World
from tests.simulation.ledger.heals import TwinHealing


def healing_of(world: World) -> Healing:
    if isinstance(world, PostgresWorld):
        return PostgresHealing(world._engine, world.clock)
    assert isinstance(world, TwinWorld)
    return TwinHealing(world.store)


async def wounded(world: World) -> list[Wound]:
    """A contract was held, somebody sold it, the book has followed, and the legs are gone."""
    await held(world, DriftPolicy.HEAL)
    await world.tell(*world.foreign_fill(Action.SELL))
    await look(world)
    return await healing_of(world).wounds([world.lease])


async def entries(world: World) -> list[tuple[int, str]]:
    rows = await world.rows("intents", cause="heal", role="entry")
    return [(int(row["qty"]), row["state"]) for row in rows]


async def test_what_was_closed_is_entered_once(world: World) -> None:
    (wound,) = await wounded(world)
    assert (wound.qty_contracts, wound.contract) == (1, "NQZ6")
    healing = healing_of(world)
    assert isinstance(await healing.heal(wound, decide_heal), Plan)
    assert await entries(world) == [(1, "PENDING")]
    assert await healing.heal(wound, decide_heal) is None
    assert await healing.wounds([world.lease]) == []
    assert len(await entries(world)) == 1


async def test_what_a_gate_refuses_is_not_entered(world: World) -> None:
    (wound,) = await wounded(world)
    await world.switch_strategy(active=False)
    for _ in range(2):
        assert isinstance(await healing_of(world).heal(wound, decide_heal), Denied)
    assert await entries(world) == []
    (told,) = await world.rows("outbox", type="entry.refused.v1")
    assert (told["body"]["cause"], told["body"]["code"]) == ("heal", "strategy.disabled")


@pytest.mark.parametrize("signal", [BUY, CLOSE])
async def test_whoever_is_asked_something_newer_is_not_mended(world: World, signal: Signal) -> None:
    (wound,) = await wounded(world)
    await world.accept(signal)
    healing = healing_of(world)
    assert await healing.wounds([world.lease]) == []
    assert await healing.heal(wound, decide_heal) is None


async def test_what_could_not_be_mended_in_time_is_left(world: World) -> None:
    assert len(await wounded(world)) == 1
    await world.advance(HEAL_WITHIN.total_seconds() + 1)
    assert await healing_of(world).wounds([world.lease]) == []


async def test_nothing_is_entered_while_others_hold_something(world: World) -> None:
    assert len(await wounded(world)) == 1
    await world.tell(*world.foreign_fill(Action.BUY))
    assert await healing_of(world).wounds([world.lease]) == []


async def test_what_others_hold_beside_is_closed_once(world: World) -> None:
    await held(world, DriftPolicy.HEAL)
    await world.tell(*world.foreign_fill(Action.BUY, 2))
    await look(world)
    healing = healing_of(world)
    (intruder,) = await healing.intruders([world.lease])
    await healing.dismiss(intruder)
    await healing.dismiss(intruder)
    rows = await world.rows("intents", cause="heal")
    assert [(row["role"], row["strategy_id"]) for row in rows] == [("exit", 0)]
    assert await healing.intruders([world.lease]) == []
    assert [row["code"] for row in await standing(world)] == ["drift.manual_entry"]


async def test_only_who_asks_for_it_is_mended(world: World) -> None:
    await held(world, DriftPolicy.FOLLOW)
    await world.tell(*world.foreign_fill(Action.SELL))
    await look(world)
    assert await healing_of(world).wounds([world.lease]) == []
