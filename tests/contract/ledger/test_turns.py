"""An entry waits until what its owner is leaving is final; what still closes counts to limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from shared.domain.alert_signal import Signal
from shared.domain.claim import Wait
from shared.domain.order import Action, BrokerStatus, OrderIntent, Role
from shared.domain.rules import AccountRules
from shared.domain.rules.limits import Limits
from shared.ports.broker import Accepted, Outcome, Unknown
from shared.ports.ledger import ORPHANED_AFTER_S, Claimed
from tests.contract.ledger.world import BUY, CLOSE, SELL, World

Patch = pytest.MonkeyPatch
QTY: Final = 3
THERE: Final = Accepted(8_700_000_000)
BUY_3: Final = replace(BUY, quantity=QTY)
SELL_2: Final = replace(SELL, quantity=2)
WAYS_OUT: Final = {"an exit": CLOSE, "a part that is all of it": replace(CLOSE, quantity=QTY)}


async def here(world: World) -> list[Claimed]:
    """What leaves now, in the first account."""
    return [each for each in await world.send() if each.intent.account_id == world.accounts[0]]


async def leaving(world: World, way_out: Signal, came_to: Outcome = THERE) -> OrderIntent:
    """Three contracts are held, and what closes them has been sent."""
    await world.signal(BUY_3)
    (claimed,) = await here(world)
    await world.fill(claimed.intent)
    await world.signal(way_out)
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    claimed_now = [each.intent for each in (await world.claim()).claimed]
    (leave,) = [each for each in claimed_now if each.account_id == world.accounts[0]]
    assert (leave.action, leave.qty_contracts) == (Action.SELL, QTY)
    await world.ledger.record(leave.id, came_to)
    return leave


async def closes(world: World, leave: OrderIntent, qty: int) -> None:
    """A part of it fills."""
    shown = world.shown(leave, BrokerStatus.WORKING, THERE.order_id)
    await world.tell(shown, world.fill_fact(leave, shown.order_id, "20000", qty))


@pytest.mark.parametrize("way_out", WAYS_OUT.values(), ids=[*WAYS_OUT])
async def test_an_entry_waits_while_an_exit_fills_in_parts(world: World, way_out: Signal) -> None:
    leave = await leaving(world, way_out)
    await closes(world, leave, 1)
    signal = await world.signal(SELL_2)
    assert (await world.states(signal))["entry"] == "PENDING"
    assert await here(world) == []
    await closes(world, leave, 1)
    assert await here(world) == []
    await world.fill(replace(leave, qty_contracts=1))
    (entry,) = await here(world)
    assert (entry.intent.role, entry.intent.action) == (Role.ENTRY, Action.SELL)


async def test_an_entry_waits_for_the_end_of_an_exit_and_not_for_flat(world: World) -> None:
    """Somebody else closed it meanwhile: what is left of the exit may still trade."""
    leave = await leaving(world, CLOSE)
    await closes(world, leave, 1)
    await world.tell(*world.foreign_fill(Action.SELL, 2))
    await world.signal(SELL_2)
    assert await here(world) == []
    await world.tell(await world.order_fact(leave, BrokerStatus.CANCELED))
    (row,) = await world.rows("intents", id=str(leave.id))
    assert row["state"] == "CANCELLED"


async def test_an_entry_waits_for_no_exit_in_another_root(world: World) -> None:
    leave = await leaving(world, CLOSE)
    await closes(world, leave, 1)
    await world.signal(replace(SELL_2, symbol="ES1!"))
    (entry,) = await here(world)
    assert entry.intent.contract.startswith("ES")


async def test_an_entry_that_waits_for_a_slow_exit_holds_up_no_other(world: World) -> None:
    leave = await leaving(world, CLOSE)
    await closes(world, leave, 1)
    signal = await world.signal(SELL_2)
    await world.signal(CLOSE)
    assert THERE.order_id not in await cancelled(world)
    assert (await world.states(signal))["entry"] == "PENDING"  # the exit may be through at once
    await world.advance(1.5)
    (world.lease,) = await world.ledger.renew_leases("me")
    await world.claim()
    assert (await world.decision(signal))[:2] == ("SKIPPED", "entry.superseded")
    assert THERE.order_id in await cancelled(world)


async def test_a_part_of_an_entry_that_waits_waits_with_it(world: World) -> None:
    leave = await leaving(world, CLOSE)
    await closes(world, leave, 1)
    signal = await world.signal(SELL_2)
    await world.signal(replace(CLOSE, quantity=1))
    await world.advance(1.5)
    (world.lease,) = await world.ledger.renew_leases("me")
    assert THERE.order_id not in await cancelled(world)
    assert (await world.states(signal))["entry"] == "PENDING"
    await closes(world, leave, 2)
    (entry,) = await here(world)
    assert entry.intent.role is Role.ENTRY


async def cancelled(world: World) -> list[int]:
    return [each.broker_order_id for each in (await world.claim()).cancels]


async def test_legs_of_a_young_entry_are_no_orphans(world: World, monkeypatch: Patch) -> None:
    """An exit that was believed lost turns up behind an entry that did not see what is held.

    Both sell: together they come to nothing for a while, and then to what the legs protect.
    """
    leave = await leaving(world, CLOSE, Unknown("timeout"))
    await world.signal(SELL_2)
    await world.ledger.abandon(leave.id)
    judged = world.judge
    monkeypatch.setattr(world, "judge", lambda each: judged(replace(each, owner_net=0)))
    (entry,) = await here(world)
    assert entry.intent.role is Role.ENTRY
    await world.fill(entry.intent)
    legs = {await world.order_id(leg) for leg in entry.legs}
    for leg in entry.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    await closes(world, leave, 1)
    assert await world.position() == 0
    await world.advance(ORPHANED_AFTER_S + 1)
    (world.lease,) = await world.ledger.renew_leases("me")
    monkeypatch.setattr(world, "judge", lambda _: Wait("later"))
    assert not legs & set(await cancelled(world))
    await closes(world, leave, 2)
    assert await world.position() == -2


async def test_legs_of_an_old_entry_are_orphans(world: World) -> None:
    """So they were, and so they are where nothing older is being closed."""
    await world.signal(BUY_3)
    (claimed,) = await here(world)
    await world.fill(claimed.intent)
    legs = [await world.order_id(leg) for leg in claimed.legs]
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    await world.tell(*world.foreign_fill(Action.SELL, QTY))
    await world.advance(ORPHANED_AFTER_S + 1)
    (world.lease,) = await world.ledger.renew_leases("me")
    assert set(legs) <= set(await cancelled(world))


async def test_legs_that_a_late_exit_leaves_behind_are_orphans(world: World) -> None:
    """It turns up behind the next position and closes that: its legs protect nothing any more."""
    leave = await leaving(world, CLOSE, Unknown("timeout"))
    await world.ledger.abandon(leave.id)
    (again,) = await here(world)
    await world.fill(again.intent)
    await world.signal(replace(BUY, quantity=2))
    (entry,) = await here(world)
    await world.fill(entry.intent)
    legs = {await world.order_id(leg) for leg in entry.legs}
    for leg in entry.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    await closes(world, leave, 2)
    assert await world.position() == 0
    await world.advance(ORPHANED_AFTER_S + 1)
    (world.lease,) = await world.ledger.renew_leases("me")
    assert legs <= set(await cancelled(world))


@pytest.mark.parametrize(("most", "expected"), [(4, "BLOCKED"), (5, "PLANNED")])
async def test_legs_that_may_still_trade_count_to_the_limit(
    world: World, most: int, expected: str
) -> None:
    """The fill of their entry was taken back: whichever trades opens the other side."""
    await world.set_account(AccountRules(limits=Limits(max_position_contracts=most)))
    await world.signal(BUY_3)
    (claimed,) = await here(world)
    bought = world.fill_fact(claimed.intent, await world.order_id(claimed.intent), "20000", QTY)
    await world.tell(await world.order_fact(claimed.intent, BrokerStatus.FILLED), bought)
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    await world.tell(replace(bought, active=False))
    assert await world.position() == 0
    signal = await world.signal(SELL_2)
    assert (await world.decision(signal))[0] == expected
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    later = await world.signal(SELL_2)
    assert (await world.decision(later))[0] == "PLANNED"


async def test_what_its_pair_has_closed_no_leg_closes_again(world: World) -> None:
    """The stop has filled, and that its target is gone has not been told yet."""
    await world.set_account(AccountRules(limits=Limits(max_position_contracts=QTY)))
    await world.signal(BUY_3)
    (claimed,) = await here(world)
    await world.fill(claimed.intent)
    target, stop = claimed.legs
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    await world.fill(stop, "19997.5")
    signal = await world.signal(replace(SELL, quantity=QTY))
    assert (await world.decision(signal))[0] == "PLANNED"
    (entry,) = await here(world)
    assert entry.intent.qty_contracts == QTY
    (row,) = await world.rows("intents", id=str(target.id))
    assert row["state"] == "WORKING"
