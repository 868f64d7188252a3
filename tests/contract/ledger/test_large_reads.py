"""A large read is sifted before it is applied; what has become known of an old order is news."""

from __future__ import annotations

from dataclasses import replace

from execution.ledger.fact_news import WORTH_ASKING
from shared.domain.order import Action, BrokerStatus
from shared.ports.broker import Accepted, Fact
from tests.contract.ledger.world import BUY, World


def of_others(world: World) -> list[Fact]:
    """So many facts that a read with them is sifted."""
    return [fact for _ in range(WORTH_ASKING) for fact in world.foreign_fill(Action.BUY)]


async def test_an_order_that_was_shown_without_its_name_is_named(world: World) -> None:
    await world.signal(BUY)
    (sent, *_) = await world.send()
    shown = await world.order_fact(sent.intent, BrokerStatus.WORKING)
    others = of_others(world)
    await world.tell(replace(shown, client_id=None), *others)
    await world.tell(shown, *others)
    (row,) = await world.rows("orders", broker_order_id=shown.order_id)
    assert (row["client_id"], row["intent_id"]) == (str(sent.intent.id), str(sent.intent.id))


async def test_an_order_that_was_shown_before_its_answer_finds_its_intent(world: World) -> None:
    await world.signal(BUY)
    (claimed, *_) = (await world.claim()).claimed
    order = next(world.ids)
    shown = replace(world.shown(claimed.intent, BrokerStatus.WORKING, order), client_id=None)
    others = of_others(world)
    await world.tell(shown, *others)
    await world.ledger.record(claimed.intent.id, Accepted(order, ()))
    await world.tell(shown, *others)
    (row,) = await world.rows("orders", broker_order_id=order)
    assert row["intent_id"] == str(claimed.intent.id)
