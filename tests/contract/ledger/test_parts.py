"""A part of a position is closed: legs shrink first, and nothing is closed twice."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from shared.domain.alert_signal import Signal
from shared.domain.order import Action, BrokerStatus, OrderIntent, OrderType, Role
from shared.ports.broker import NotSent, Refused, Unknown
from shared.ports.ledger import Claimed, LegResize
from tests.contract.ledger.world import BUY, CLOSE, World

BUY_3: Final = replace(BUY, quantity=3)


def close(qty: int) -> Signal:
    return replace(CLOSE, quantity=qty)


async def open_three(world: World) -> Claimed:
    """Three contracts in the first account, both legs working for all of them."""
    await world.signal(BUY_3)
    (claimed, _) = await world.send()
    await world.fill(claimed.intent)
    for leg in claimed.legs:
        await works(world, leg, 3)
    await world.advance(0.1)
    return claimed


async def works(world: World, leg: OrderIntent, qty: int) -> None:
    fact = await world.order_fact(leg, BrokerStatus.WORKING)
    await world.tell(replace(fact, qty_contracts=qty))


async def fills(world: World, leg: OrderIntent, qty: int) -> None:
    """Some contracts of a leg trade; its sibling shrinks with it at a word of its own."""
    await world.tell(world.fill_fact(leg, await world.order_id(leg), "20005", qty))


async def asked(world: World) -> list[tuple[LegResize, ...]]:
    return list((await world.claim()).resizes)


async def part(world: World) -> OrderIntent:
    """The part that may go now, in the first account."""
    claims = await world.claim()
    (claimed,) = [each for each in claims.claimed if each.intent.role is Role.REDUCE]
    assert claims.resizes == ()
    return claimed.intent


async def test_a_part_goes_once_its_legs_have_shrunk(world: World) -> None:
    claimed = await open_three(world)
    signal = await world.signal(close(1))
    assert await world.states(signal) == {"reduce.NQZ6": "PENDING"}
    (changes,) = await asked(world)
    target, stop = claimed.legs
    ids = [await world.order_id(leg) for leg in (target, stop)]
    assert [each.broker_order_id for each in changes] == ids
    assert [each.qty_contracts for each in changes] == [2, 2]
    assert [each.order_type for each in changes] == [OrderType.LIMIT, OrderType.STOP]
    assert [each.price for each in changes] == [Decimal(20005), None]
    assert [each.stop_price for each in changes] == [None, Decimal("19997.5")]
    await works(world, target, 2)
    ((only,),) = await asked(world)
    assert only.intent_id == stop.id
    await works(world, stop, 2)
    sent = await part(world)
    assert (sent.action, sent.qty_contracts) == (Action.SELL, 1)
    await world.ledger.found(sent.id, 77)
    await world.fill(sent)
    assert await world.position() == 2
    assert await world.decision(signal) == ("FILLED", "order.filled", True)


async def test_what_a_leg_closes_meanwhile_counts(world: World) -> None:
    claimed = await open_three(world)
    target, stop = claimed.legs
    signal = await world.signal(close(2))
    await world.advance(0.1)
    await fills(world, target, 1)
    await works(world, stop, 2)
    assert await world.position() == 2
    (changes,) = await asked(world)
    assert [each.qty_contracts for each in changes] == [2, 1]  # one of the target has filled
    await works(world, target, 2)
    await works(world, stop, 1)
    sent = await part(world)
    assert sent.qty_contracts == 1
    await world.ledger.found(sent.id, 77)
    await world.fill(sent)
    assert await world.position() == 1
    assert (await world.decision(signal))[0] == "FILLED"


async def test_a_leg_that_closes_as_much_leaves_nothing_to_do(world: World) -> None:
    claimed = await open_three(world)
    signal = await world.signal(close(1))
    await world.advance(0.1)
    await fills(world, claimed.legs[0], 1)
    assert await asked(world) == []
    assert (await world.decision(signal))[:2] == ("SKIPPED", "exit.part_closed")
    assert await world.position() == 2


async def test_clocks_do_not_decide_what_counts(world: World) -> None:
    """All at one instant: what was recorded before the alert, and what after it."""
    await world.signal(BUY_3)
    claimed = (await world.send())[0]
    await world.fill(claimed.intent)
    target, stop = claimed.legs
    await works(world, target, 3)
    await fills(world, target, 1)
    await works(world, stop, 2)
    signal = await world.signal(close(1))
    ((first, _),) = await asked(world)  # the fill before the alert is none of the part
    assert first.qty_contracts == 2  # of three, one of them filled
    await fills(world, target, 1)
    assert await asked(world) == []
    assert (await world.decision(signal))[:2] == ("SKIPPED", "exit.part_closed")
    assert await world.position() == 1


async def test_what_a_leg_closed_before_the_alert_does_not_count(world: World) -> None:
    claimed = await open_three(world)
    target, stop = claimed.legs
    await fills(world, target, 1)
    await works(world, stop, 2)
    await world.signal(close(1))
    (changes,) = await asked(world)
    assert [each.qty_contracts for each in changes] == [2, 1]


async def shrunk(world: World, claimed: Claimed, qty: int) -> None:
    for leg in claimed.legs:
        await works(world, leg, qty)


async def test_a_part_that_did_not_leave_goes_again_for_the_same(world: World) -> None:
    claimed = await open_three(world)
    await world.signal(close(2))
    await world.advance(0.1)
    await fills(world, claimed.legs[0], 1)
    await works(world, claimed.legs[0], 2)
    await works(world, claimed.legs[1], 1)
    sent = await part(world)
    assert sent.qty_contracts == 1
    await world.ledger.record(sent.id, NotSent("connect", 0.0))
    await world.advance(0.1)
    again = await part(world)
    assert (again.id, again.qty_contracts) == (sent.id, 1)


async def test_a_part_that_never_arrived_is_tried_again_less_what_legs_closed(
    world: World,
) -> None:
    claimed = await open_three(world)
    await world.signal(close(2))
    await shrunk(world, claimed, 1)
    sent = await part(world)
    await world.ledger.record(sent.id, Unknown("timeout"))
    await world.advance(0.1)
    await fills(world, claimed.legs[0], 1)
    await world.tell(await world.order_fact(claimed.legs[1], BrokerStatus.CANCELED))
    await world.ledger.abandon(sent.id)
    again = await part(world)
    assert (again.attempt, again.qty_contracts) == (2, 1)


async def test_an_exit_waits_until_the_fate_of_a_part_is_known(world: World) -> None:
    claimed = await open_three(world)
    await world.signal(close(1))
    await shrunk(world, claimed, 2)
    sent = await part(world)
    await world.ledger.record(sent.id, Unknown("timeout"))
    await world.signal(CLOSE)
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    assert not [c for c in (await world.claim()).claimed if c.intent.role.ends]
    await world.ledger.abandon(sent.id)
    (leave,) = [c.intent for c in (await world.claim()).claimed if c.intent.role.ends]
    assert (leave.role, leave.qty_contracts) == (Role.EXIT, 3)
    await world.ledger.found(leave.id, 77)
    await world.fill(leave)
    await world.claim()
    parts = await world.rows("intents", role="reduce", account_id=world.accounts[0])
    assert [row["state"] for row in parts] == ["ABANDONED", "SKIPPED"]


async def test_a_refused_part_ends_its_signal(world: World) -> None:
    claimed = await open_three(world)
    signal = await world.signal(close(1))
    await shrunk(world, claimed, 2)
    sent = await part(world)
    await world.ledger.record(sent.id, Refused("broker.refused.margin", "margin"))
    assert (await world.decision(signal))[:2] == ("REJECTED", "broker.refused.margin")
    assert await world.position() == 3


async def test_an_exit_behind_a_part_closes_the_rest(world: World) -> None:
    claimed = await open_three(world)
    await world.signal(close(1))
    await world.signal(CLOSE)
    await shrunk(world, claimed, 2)
    sent = await part(world)
    await world.ledger.found(sent.id, 77)
    assert not [c for c in (await world.claim()).claimed if c.intent.role.ends]
    await world.fill(sent)
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    (leave,) = [c.intent for c in (await world.claim()).claimed if c.intent.role is Role.EXIT]
    assert leave.qty_contracts == 2


async def test_the_oldest_entry_gives_up_its_legs_first(world: World) -> None:
    first = await open_three(world)
    await world.signal(BUY)
    (second,) = [c for c in await world.send() if c.intent.account_id == world.accounts[0]]
    await world.fill(second.intent)
    for leg in second.legs:
        await works(world, leg, 1)
    await world.signal(close(2))
    (changes,) = await asked(world)
    assert {each.intent_id for each in changes} == {leg.id for leg in first.legs}
    assert [each.qty_contracts for each in changes] == [1, 1]


async def test_the_legs_of_a_resting_entry_are_left_alone(world: World) -> None:
    claimed = await open_three(world)
    limit = replace(BUY, limit_price=Decimal(19990), quantity=2)
    await world.signal(replace(limit, order_type=limit.order_type.__class__("limit")))
    (resting,) = [c for c in await world.send() if c.intent.account_id == world.accounts[0]]
    await works(world, resting.intent, 2)
    await world.signal(close(1))
    claims = await world.claim()
    assert claims.cancels == ()
    ((target, stop),) = claims.resizes
    assert {target.intent_id, stop.intent_id} == {leg.id for leg in claimed.legs}
    await shrunk(world, claimed, 2)
    assert (await part(world)).qty_contracts == 1
