"""What is not ours: an account's flatten ends it too, anything narrower leaves it alone."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.order import Action, BrokerStatus, OrderType
from shared.ports.ledger import Claimed
from tests.contract.ledger.test_scenes import cancel_legs
from tests.contract.ledger.world import BUY, QUOTE, World

OURS, THEIRS = 0, -1


async def hold(world: World) -> None:
    """The first strategy holds one contract in the first account."""
    await world.signal(BUY)
    for claimed in await world.send():
        await world.fill(claimed.intent)


async def flatten(world: World, **detail: object) -> list[Claimed]:
    """What is sent for it in the first account, at once and when the legs are gone."""
    await world.ledger.close_all(await world.ask("close", detail))
    sent = await world.send()
    await cancel_legs(world)
    sent += await world.send()
    return [each for each in sent if each.intent.account_id == world.accounts[0]]


def told(sent: list[Claimed]) -> list[tuple[int, Action, int]]:
    return sorted(
        (each.intent.strategy_id, each.intent.action, each.intent.qty_contracts) for each in sent
    )


async def test_an_account_is_flattened_of_every_owner(world: World) -> None:
    await hold(world)
    await world.tell(*world.foreign_fill(Action.BUY, 2))
    sent = await flatten(world, account_id=world.accounts[0], every_owner=True)
    mine = world.strategies[0]
    assert told(sent) == [(0, Action.SELL, 2), (mine, Action.SELL, 1)]
    for each in sent:
        await world.fill(each.intent)
    assert (await world.position(OURS), await world.position(THEIRS)) == (0, 0)
    (row,) = await world.rows("fills", strategy_id=0, role="exit")
    assert row["qty"] == 2
    assert [each.intent for each in await world.send()] == []


async def test_what_is_asked_of_a_strategy_or_by_the_clock_leaves_it_alone(world: World) -> None:
    await hold(world)
    await world.tell(*world.foreign_fill(Action.BUY, 2))
    mine = world.strategies[0]
    assert told(await flatten(world, strategy_id=mine)) == [(mine, Action.SELL, 1)]
    assert told(await flatten(world, account_id=world.accounts[0])) == []
    assert await world.position(THEIRS) == 2


async def test_what_a_person_closed_already_is_not_closed_again(world: World) -> None:
    await hold(world)
    await world.tell(*world.foreign_fill(Action.SELL))
    assert await flatten(world, every_owner=True) == []


async def test_only_what_lies_beyond_our_own_is_closed(world: World) -> None:
    await hold(world)
    await world.tell(*world.foreign_fill(Action.SELL, 3))
    sent = await flatten(world, every_owner=True)
    assert told(sent) == [(0, Action.BUY, 2)]
    await world.fill(sent[0].intent)
    assert (await world.position(OURS), await world.position(THEIRS)) == (1, -1)
    assert await flatten(world, every_owner=True) == []


async def test_an_order_by_hand_is_cancelled_first(world: World) -> None:
    by_hand = replace(
        world.foreign_fill(Action.BUY)[0],
        status=BrokerStatus.WORKING,
        order_type=OrderType.LIMIT,
        price=QUOTE - 10,
    )
    await world.tell(by_hand)
    await world.say(Scope.ACCOUNT, world.accounts[0], Word.KILL)
    (command,) = await world.ledger.commands()
    await world.ledger.close_all(command)
    for _ in range(2):
        claims = await world.claim()
        assert [each.broker_order_id for each in claims.cancels] == [by_hand.order_id]
        assert claims.claimed == ()
    await world.tell(replace(by_hand, status=BrokerStatus.CANCELED))
    assert (await world.claim()).cancels == ()
    (row,) = await world.rows("intents", strategy_id=0)
    assert (row["state"], row["code"]) == ("SKIPPED", "exit.flat")


async def test_one_that_fills_meanwhile_is_closed(world: World) -> None:
    shown, fill = world.foreign_fill(Action.BUY, 2)
    await world.tell(replace(shown, status=BrokerStatus.WORKING, order_type=OrderType.LIMIT))
    await world.ledger.close_all(await world.ask("close", {"every_owner": True}))
    assert (await world.claim()).claimed == ()
    await world.tell(shown, fill)
    assert told(await world.send()) == [(0, Action.SELL, 2)]
