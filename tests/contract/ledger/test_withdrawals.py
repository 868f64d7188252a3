"""An alert takes entries back: what has not left never does, what works is cancelled."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from shared.domain.alert_signal import SignalKind, SignalOrderType
from shared.domain.decision.decide import decide
from shared.domain.order import BrokerStatus
from shared.ports.broker import Accepted, NotSent, Unknown
from shared.ports.ledger import Claimed
from tests.contract.ledger.world import BUY, MAX_AGE_S, World

LIMIT: Final = replace(BUY, order_type=SignalOrderType.LIMIT, limit_price=Decimal(19990))
TAKE_BACK: Final = replace(BUY, kind=SignalKind.CANCEL, side=None)
WITHDRAWN: Final = ("CANCELLED", "entry.withdrawn", True)
CARRIED_OUT: Final = ("FILLED", "plan.withdraw", True)


async def mine(world: World, claimed: list[Claimed]) -> Claimed:
    (one,) = [each for each in claimed if each.intent.account_id == world.accounts[0]]
    return one


async def test_an_entry_that_has_not_left_never_does(world: World) -> None:
    entry = await world.signal(LIMIT)
    back = await world.signal(TAKE_BACK)
    assert await world.decision(entry) == WITHDRAWN
    assert await world.decision(back) == CARRIED_OUT
    claims = await world.claim()
    assert (claims.claimed, claims.cancels) == ((), ())
    assert set((await world.states(entry)).values()) == {"CANCELLED"}


async def test_both_in_one_breath(world: World) -> None:
    entry, back = await world.accept(LIMIT), await world.accept(TAKE_BACK)
    await world.ledger.fan_out(world.strategies[0], decide, MAX_AGE_S)
    assert await world.decision(entry) == WITHDRAWN
    assert await world.decision(back) == CARRIED_OUT


async def test_a_working_entry_is_cancelled_until_it_has_ended(world: World) -> None:
    entry = await world.signal(LIMIT)
    claimed = await mine(world, await world.send())
    await world.tell(await world.order_fact(claimed.intent, BrokerStatus.WORKING))
    back = await world.signal(TAKE_BACK)
    assert await world.decision(back) == CARRIED_OUT
    order = await world.order_id(claimed.intent)
    for _ in range(2):
        assert order in [each.broker_order_id for each in (await world.claim()).cancels]
    await world.tell(await world.order_fact(claimed.intent, BrokerStatus.CANCELED))
    assert order not in [each.broker_order_id for each in (await world.claim()).cancels]
    assert await world.decision(entry) == WITHDRAWN


async def test_an_entry_that_fills_all_the_same_is_filled(world: World) -> None:
    entry = await world.signal(LIMIT)
    claimed = await mine(world, await world.send())
    await world.signal(TAKE_BACK)
    await world.fill(claimed.intent)
    assert await world.decision(entry) == ("FILLED", "order.filled", True)
    order = await world.order_id(claimed.intent)
    assert order not in [each.broker_order_id for each in (await world.claim()).cancels]
    assert await world.position() == 1


async def test_one_on_its_way_is_cancelled_once_its_fate_is_known(world: World) -> None:
    await world.signal(LIMIT)
    first, second = (await world.claim()).claimed
    await world.signal(TAKE_BACK)
    await world.ledger.record(first.intent.id, Unknown("timeout"))
    await world.ledger.record(second.intent.id, Accepted(4242))
    assert [each.broker_order_id for each in (await world.claim()).cancels] == [4242]
    await world.ledger.found(first.intent.id, 4343)
    assert {each.broker_order_id for each in (await world.claim()).cancels} == {4242, 4343}


async def test_one_that_comes_back_unsent_does_not_leave_after_all(world: World) -> None:
    entry = await world.signal(LIMIT)
    claimed = await mine(world, list((await world.claim()).claimed))
    await world.signal(TAKE_BACK)
    await world.ledger.record(claimed.intent.id, NotSent("connect", 0.0))
    assert (await world.claim()).claimed == ()
    assert await world.decision(entry) == WITHDRAWN


async def test_nothing_to_take_back_is_said_and_positions_stay(world: World) -> None:
    await world.signal(BUY)
    claimed = await mine(world, await world.send())
    await world.fill(claimed.intent)
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    back = await world.signal(TAKE_BACK)
    assert await world.decision(back) == ("SKIPPED", "plan.no_entries", True)
    legs = {await world.order_id(leg) for leg in claimed.legs}
    assert not legs & {each.broker_order_id for each in (await world.claim()).cancels}
    assert await world.position() == 1


async def test_another_strategys_entry_stays(world: World) -> None:
    entry = await world.signal(LIMIT)
    back = await world.signal(TAKE_BACK, strategy=1)
    assert (await world.decision(back))[:2] == ("SKIPPED", "plan.no_entries")
    assert await world.decision(entry) == ("PLANNED", "plan.entry", False)
