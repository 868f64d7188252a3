"""A leg that closes more than is there opens something: both ledgers find it and end it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from shared.domain.order import Action, BrokerStatus, OrderIntent, Role
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import plain_bracket
from shared.domain.rules.drift import DriftPolicy
from shared.ports.broker import Accepted
from tests.contract.ledger.test_drifts import look
from tests.contract.ledger.world import BUY, World

AFTER_S: Final = 0.5
Legs = tuple[OrderIntent, OrderIntent]


async def entered(world: World) -> Legs:
    """Two contracts in the first account with target and stop; the second account is empty."""
    rules = StrategyRules(bracket=plain_bracket(20, 10), drift=DriftPolicy.FOLLOW)
    await world.set_rules(rules)
    await world.signal(replace(BUY, quantity=2))
    found = []
    for each in (await world.claim()).claimed:
        ids = tuple(next(world.ids) for _ in each.legs)
        await world.ledger.record(each.intent.id, Accepted(next(world.ids), ids))
        if each.intent.account_id == world.accounts[0]:
            await world.fill(each.intent)
            found += sorted(each.legs, key=lambda leg: leg.role is Role.STOP_LOSS)
    target, stop = found
    return target, stop


async def ended(world: World, legs: Legs) -> None:
    """The target fills whole, and the broker cancels the stop beside it."""
    target, stop = legs
    await world.renew()
    await world.fill(target)
    await world.tell(await world.order_fact(stop, BrokerStatus.CANCELED))
    await world.advance(2)


async def test_what_a_leg_sold_twice_is_bought_back(world: World) -> None:
    """A person sold one of two, and the target for two filled before it was made smaller."""
    legs = await entered(world)
    await world.tell(*world.foreign_fill(Action.SELL, 1))
    await look(world)
    assert await world.position() == 1
    await ended(world, legs)
    assert await world.position() == -1
    (found,) = await world.ledger.naked([world.lease], AFTER_S)
    assert (found.strategy_id, found.contract) == (world.strategies[0], "NQZ6")
    await world.ledger.guard_exit(found)
    (exit_,) = (await world.claim()).claimed
    assert (exit_.intent.action, exit_.intent.qty_contracts) == (Action.BUY, 1)
    assert await world.ledger.naked([world.lease], AFTER_S) == [], "one at a time"


@pytest.mark.parametrize("given", [Action.BUY, Action.SELL])
async def test_what_was_given_afterwards_is_let_be(world: World, given: Action) -> None:
    """Its legs closed the position, then a person gave the strategy another one."""
    await ended(world, await entered(world))
    assert await world.position() == 0
    await world.tell(*world.foreign_fill(given, 2))
    await look(world)
    (drift,) = await world.rows("drifts", ended_at=None)
    detail = {"drift_id": drift["id"], "strategy_id": world.strategies[0]}
    await world.ledger.give_external(await world.ask("give_external", detail))
    assert await world.position() == 2 * given.sign
    await world.advance(2)
    assert await world.ledger.naked([world.lease], AFTER_S) == []


async def test_who_is_closed_by_its_legs_is_over(world: World) -> None:
    await ended(world, await entered(world))
    assert await world.ledger.naked([world.lease], AFTER_S) == []
