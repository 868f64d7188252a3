"""Entries that leave as order strategies: the broker places their exits, the ledger adopts them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest

from shared.domain.claim import Candidate, Verdict, judge
from shared.domain.order import BrokerStatus, OrderIntent, OrderType, Role
from shared.ports.broker import Accepted, OrderFact, Refused, Unknown
from shared.ports.ledger import Claimed
from tests.contract.ledger.world import BUY, CLOSE, World


async def claim(world: World) -> Claimed:
    """The first account's entry, claimed without a price to measure from."""

    def without_quote(candidate: Candidate) -> Verdict:
        return judge(candidate, world.clock.now(), None)

    claims = await world.ledger.claim([world.lease], without_quote)
    return next(each for each in claims.claimed if each.account.id == world.accounts[0])


async def start(world: World) -> Claimed:
    claimed = await claim(world)
    strategy = Accepted(next(world.ids), is_strategy=True)
    await world.ledger.record(claimed.intent.id, strategy)
    return claimed


def exit_of(world: World, claimed: Claimed, role: Role, order: int, qty: int = 1) -> OrderFact:
    """An exit as the strategy placed it, without a client id."""
    (leg,) = [each for each in claimed.legs if each.role is role]
    at = Decimal(20005) if role is Role.TAKE_PROFIT else Decimal("19997.5")
    placed = replace(leg, qty_contracts=qty)
    fact = world.shown(placed, BrokerStatus.WORKING, order)
    price, stop = (at, None) if role is Role.TAKE_PROFIT else (None, at)
    strategy = str(claimed.intent.id)
    return replace(fact, price=price, stop_price=stop, client_id=None, strategy=strategy)


async def entry_fills(world: World, entry: OrderIntent, qty: int = 1, order: int = 0) -> int:
    order = order or next(world.ids)
    status = BrokerStatus.FILLED if qty == entry.qty_contracts else BrokerStatus.WORKING
    await world.tell(world.shown(entry, status, order), world.fill_fact(entry, order, "20000", qty))
    return order


async def legs(world: World, claimed: Claimed) -> dict[str, tuple[str, int | None]]:
    rows = await world.rows("intents", parent_id=str(claimed.intent.id))
    return {row["leg"]: (row["state"], row["broker_order_id"]) for row in rows}


async def test_legs_without_a_reference_are_claimed_without_a_price(world: World) -> None:
    await world.signal(BUY)
    claimed = await claim(world)
    assert [(leg.price, leg.stop_price) for leg in claimed.legs] == [(None, None)] * 2
    assert claimed.intent.reference_price is None
    assert claimed.tick == Decimal("0.25")


async def test_exits_that_the_broker_placed_become_the_entrys_legs(world: World) -> None:
    signal = await world.signal(BUY)
    claimed = await start(world)
    assert (await world.states(signal))["entry"] == "ACCEPTED"
    target, stop = next(world.ids), next(world.ids)
    await entry_fills(world, claimed.intent)
    facts = [
        exit_of(world, claimed, Role.TAKE_PROFIT, target),
        exit_of(world, claimed, Role.STOP_LOSS, stop),
    ]
    await world.tell(*facts)
    await world.tell(*facts)  # told again, nothing changes
    assert await legs(world, claimed) == {
        "entry.tp": ("WORKING", target),
        "entry.sl": ("WORKING", stop),
    }
    assert await world.ledger.legs_off([world.lease]) == []
    (order,) = await world.rows("orders", broker_order_id=stop)
    assert order["intent_id"] is not None


async def test_a_leg_that_stands_off_the_average_is_moved(world: World) -> None:
    await world.signal(BUY)
    claimed = await start(world)
    await entry_fills(world, claimed.intent)
    stop = exit_of(world, claimed, Role.STOP_LOSS, next(world.ids))
    await world.tell(replace(stop, stop_price=Decimal(19990)))
    (off,) = await world.ledger.legs_off([world.lease])
    assert (off.broker_order_id, off.wanted) == (stop.order_id, Decimal("19997.5"))


async def test_an_exit_seen_before_its_strategy_is_bound_later(world: World) -> None:
    await world.signal(BUY)
    claimed = await start(world)
    await entry_fills(world, claimed.intent)
    stop = exit_of(world, claimed, Role.STOP_LOSS, next(world.ids))
    await world.tell(replace(stop, strategy=None))
    assert (await legs(world, claimed))["entry.sl"] == ("SENDING", None)
    await world.tell(stop)
    assert (await legs(world, claimed))["entry.sl"] == ("WORKING", stop.order_id)


async def test_exits_of_a_second_part_are_legs_too(world: World) -> None:
    await world.signal(replace(BUY, quantity=None))
    claimed = await start(world)
    await entry_fills(world, claimed.intent)
    first, second = next(world.ids), next(world.ids)
    await world.tell(exit_of(world, claimed, Role.STOP_LOSS, first))
    more = exit_of(world, claimed, Role.STOP_LOSS, second, qty=2)
    await world.tell(more)
    await world.tell(more)
    found = await legs(world, claimed)
    assert found["entry.sl"] == ("WORKING", first)
    assert found[f"entry.sl.{second}"] == ("WORKING", second)
    (row,) = await world.rows("intents", broker_order_id=second)
    assert row["qty"] == 2


async def test_an_exit_waits_for_adopted_legs_and_cancels_them(world: World) -> None:
    await world.signal(BUY)
    claimed = await start(world)
    await entry_fills(world, claimed.intent)
    target, stop = next(world.ids), next(world.ids)
    shown = [
        exit_of(world, claimed, Role.TAKE_PROFIT, target),
        exit_of(world, claimed, Role.STOP_LOSS, stop),
    ]
    await world.tell(*shown)
    await world.signal(CLOSE)
    claims = await world.claim()
    mine = {cancel.broker_order_id for cancel in claims.cancels}
    assert mine == {target, stop}
    await world.tell(*(replace(each, status=BrokerStatus.CANCELED) for each in shown))
    (exit_,) = [each for each in (await world.claim()).claimed if each.intent.role is Role.EXIT]
    assert exit_.intent.qty_contracts == 1
    await world.ledger.record(exit_.intent.id, Accepted(next(world.ids)))
    await world.fill(exit_.intent)
    assert await world.position() == 0


@pytest.mark.parametrize("status", [BrokerStatus.REJECTED, BrokerStatus.CANCELED])
async def test_no_exit_is_awaited_when_the_entry_never_filled(
    world: World, status: BrokerStatus
) -> None:
    await world.signal(BUY)
    claimed = await start(world)
    await world.tell(world.shown(claimed.intent, status, next(world.ids)))
    assert set((await legs(world, claimed)).values()) == {("CANCELLED", None)}


async def test_a_strategy_of_unknown_outcome_is_found_with_its_legs(world: World) -> None:
    signal = await world.signal(BUY)
    claimed = await claim(world)
    await world.ledger.record(claimed.intent.id, Unknown("broker.timeout"))
    order = next(world.ids)
    await world.ledger.found(claimed.intent.id, order)
    await entry_fills(world, claimed.intent, order=order)
    stop = exit_of(world, claimed, Role.STOP_LOSS, next(world.ids))
    await world.tell(stop)
    assert (await world.states(signal))["entry"] == "FILLED"
    assert (await legs(world, claimed))["entry.sl"] == ("WORKING", stop.order_id)


async def test_a_refused_strategy_ends_with_its_legs(world: World) -> None:
    signal = await world.signal(BUY)
    claimed = await claim(world)
    await world.ledger.record(claimed.intent.id, Refused("broker.refused.x", "No."))
    assert (await world.states(signal))["entry"] == "REJECTED"
    assert {state for state, _ in (await legs(world, claimed)).values()} == {"CANCELLED"}


async def test_an_exit_of_a_strategy_that_is_not_ours_is_nobodys(world: World) -> None:
    await world.signal(BUY)
    claimed = await start(world)
    foreign = replace(
        exit_of(world, claimed, Role.STOP_LOSS, next(world.ids)), strategy=str(uuid4())
    )
    await world.tell(foreign)
    (order,) = await world.rows("orders", broker_order_id=foreign.order_id)
    assert order["intent_id"] is None
    assert foreign.order_type is OrderType.STOP


async def test_exits_that_are_never_shown_are_given_up_and_the_position_is_naked(
    world: World,
) -> None:
    await world.signal(BUY)
    claimed = await start(world)
    assert await world.ledger.unshown([world.lease], 2) == []
    await entry_fills(world, claimed.intent)
    assert await world.ledger.unshown([world.lease], 2) == []
    await world.advance(3.5)
    (late,) = await world.ledger.unshown([world.lease], 2)
    assert late == (world.connection, claimed.intent.id)
    assert await world.ledger.naked([world.lease], 3) == []
    await world.ledger.give_up_legs(claimed.intent.id)
    assert await world.ledger.unshown([world.lease], 2) == []
    assert set((await legs(world, claimed)).values()) == {("CANCELLED", None)}
    (found,) = await world.ledger.naked([world.lease], 3)
    assert found.entry_id == claimed.intent.id


async def test_an_exit_that_is_shown_after_it_was_given_up_is_a_leg_again(world: World) -> None:
    await world.signal(BUY)
    claimed = await start(world)
    await entry_fills(world, claimed.intent)
    await world.advance(2)
    await world.renew()
    await world.advance(1.5)
    await world.ledger.give_up_legs(claimed.intent.id)
    stop = exit_of(world, claimed, Role.STOP_LOSS, next(world.ids))
    await world.tell(stop)
    found = await legs(world, claimed)
    assert found[f"entry.sl.{stop.order_id}"] == ("WORKING", stop.order_id)
    await world.signal(CLOSE)
    assert [each.broker_order_id for each in (await world.claim()).cancels] == [stop.order_id]


async def test_exits_that_are_shown_are_never_given_up(world: World) -> None:
    await world.signal(BUY)
    claimed = await start(world)
    await entry_fills(world, claimed.intent)
    roles = (Role.TAKE_PROFIT, Role.STOP_LOSS)
    await world.tell(*(exit_of(world, claimed, role, next(world.ids)) for role in roles))
    await world.advance(60)
    assert await world.ledger.unshown([world.lease], 2) == []
    await world.ledger.give_up_legs(claimed.intent.id)
    assert {state for state, _ in (await legs(world, claimed)).values()} == {"WORKING"}
