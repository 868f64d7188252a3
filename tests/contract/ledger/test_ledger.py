"""The order life cycle, on real PostgreSQL and on the twin: one set of promises."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from shared.domain.decision.decide import decide
from shared.domain.order import Action, BrokerStatus, Role
from shared.ports.broker import (
    Accepted,
    FeeFact,
    FillFact,
    NotSent,
    OrderFact,
    PositionFact,
    Refused,
    Unknown,
)
from shared.ports.ledger import LEASE_S, Claimed
from tests.contract.ledger.world import BROKER_ACCOUNTS, BUY, CLOSE, SELL, World


async def test_one_signal_becomes_one_bracketed_entry_per_account(world: World) -> None:
    signal = await world.signal(BUY)
    claimed = await world.send()
    assert len(claimed) == 2
    assert [leg.role for leg in claimed[0].legs] == [Role.TAKE_PROFIT, Role.STOP_LOSS]
    assert claimed[0].legs[0].price == Decimal(20005)
    assert claimed[0].legs[1].stop_price == Decimal("19997.5")
    await world.fill(claimed[0].intent)
    assert (await world.states(signal))["entry"] == "FILLED"
    assert await world.decision(signal) == ("FILLED", "order.filled", True)
    assert await world.decision(signal, account=1) == ("PLANNED", "plan.entry", False)
    assert await world.position() == 1


async def test_a_second_fan_out_changes_nothing(world: World) -> None:
    await world.signal(BUY)
    assert await world.ledger.fan_out(world.strategies[0], decide, 30) == []
    assert len(await world.rows("intents")) == 6


async def test_nothing_is_claimed_twice(world: World) -> None:
    await world.signal(BUY)
    assert len((await world.claim()).claimed) == 2
    assert (await world.claim()).claimed == ()


async def test_a_stranger_to_the_lease_claims_nothing(world: World) -> None:
    await world.signal(BUY)
    old = replace(world.lease, epoch=world.lease.epoch - 1)
    assert (await world.ledger.claim([old], world.judge)).claimed == ()
    assert await world.ledger.renew_leases("another") == []


async def test_a_lease_that_is_not_renewed_goes_to_who_asks_first(world: World) -> None:
    await world.advance(LEASE_S - 0.1)
    assert await world.ledger.renew_leases("another") == []
    await world.advance(0.2)
    (taken,) = await world.ledger.renew_leases("another")
    assert taken.epoch == world.lease.epoch + 1
    assert await world.ledger.renew_leases("me") == []


async def test_entries_of_an_account_follow_their_sequence(world: World) -> None:
    await world.signal(BUY)
    await world.signal(BUY)
    first = (await world.claim()).claimed
    assert len(first) == 2
    assert (await world.claim()).claimed == ()  # the second waits for the first one's answer
    for each in first:
        await world.ledger.record(each.intent.id, Accepted(next(world.ids)))
    assert len((await world.claim()).claimed) == 2


async def test_a_certain_failure_to_send_returns_to_pending(world: World) -> None:
    signal = await world.signal(BUY)
    claimed = (await world.claim()).claimed[0]
    await world.ledger.record(claimed.intent.id, NotSent("connect", retry_after_s=2))
    assert set((await world.states(signal)).values()) == {"PENDING"}
    assert claimed.intent.account_id not in [
        each.intent.account_id for each in (await world.claim()).claimed
    ]
    await world.advance(2)
    assert len((await world.claim()).claimed) == 1


async def test_a_refusal_ends_the_intent_its_legs_and_the_decision(world: World) -> None:
    signal = await world.signal(BUY)
    claimed = (await world.claim()).claimed[0]
    await world.ledger.record(
        claimed.intent.id, Refused("broker.refused.not_enough_liquidity", "margin")
    )
    states = await world.states(signal, world.accounts.index(claimed.intent.account_id))
    assert states == {"entry": "REJECTED", "entry.tp": "CANCELLED", "entry.sl": "CANCELLED"}
    disposition, code, ended = await world.decision(signal)
    assert (disposition, code, ended) == ("REJECTED", "broker.refused.not_enough_liquidity", True)


async def test_an_unknown_entry_blocks_entries_but_no_exit(world: World) -> None:
    await world.signal(BUY)
    first = await world.send()
    await world.fill(first[0].intent)
    await world.signal(BUY)
    second = (await world.claim()).claimed
    for each in second:
        await world.ledger.record(each.intent.id, Unknown("timeout"))
    await world.signal(BUY)
    assert (await world.claim()).claimed == ()
    await world.signal(CLOSE)
    for leg in first[0].legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    assert (await world.claim()).claimed == ()  # the stuck entries end: they are superseded
    (leave,) = [each.intent for each in (await world.claim()).claimed]
    assert (leave.role, leave.action, leave.qty_contracts) == (Role.EXIT, Action.SELL, 1)


async def test_unknown_is_found_or_abandoned_and_never_sent_again(world: World) -> None:
    await world.signal(BUY)
    found, lost = (await world.claim()).claimed
    for each in (found, lost):
        await world.ledger.record(each.intent.id, Unknown("timeout"))
    assert len(await world.ledger.unresolved([world.lease])) == 2
    await world.ledger.found(found.intent.id, 77)
    await world.ledger.abandon(lost.intent.id)
    assert await world.ledger.unresolved([world.lease]) == []
    assert (await world.claim()).claimed == ()
    entries = await world.rows("intents", role="entry")
    assert sorted(row["state"] for row in entries) == ["ABANDONED", "ACCEPTED"]


async def test_an_abandoned_exit_is_tried_again_under_a_new_id(world: World) -> None:
    await world.signal(replace(BUY))
    (first, _) = await world.send()
    await world.fill(first.intent)
    for leg in first.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    await world.signal(CLOSE)
    leave = next(c for c in (await world.claim()).claimed if c.intent.role is Role.EXIT)
    await world.ledger.record(leave.intent.id, Unknown("timeout"))
    assert not [c for c in (await world.claim()).claimed if c.intent.role is Role.EXIT]
    await world.ledger.abandon(leave.intent.id)
    (again,) = [c for c in (await world.claim()).claimed if c.intent.role is Role.EXIT]
    assert again.intent.attempt == 2
    assert again.intent.id != leave.intent.id


async def test_a_new_owner_doubts_what_the_old_one_was_sending(world: World) -> None:
    signal = await world.signal(BUY)
    await world.claim()
    await world.ledger.release_leases("me")
    (lease,) = await world.ledger.renew_leases("another")
    await world.ledger.take_over(lease)
    assert set((await world.states(signal)).values()) == {"UNKNOWN"}


async def test_the_stream_may_be_faster_than_the_answer(world: World) -> None:
    signal = await world.signal(BUY)
    claimed = (await world.claim()).claimed[0]
    fact = world.shown(claimed.intent, BrokerStatus.WORKING, 4242)
    await world.tell(fact, world.fill_fact(claimed.intent, 4242, "20000", 1))
    await world.ledger.record(claimed.intent.id, Accepted(4242))
    account = world.accounts.index(claimed.intent.account_id)
    assert (await world.states(signal, account))["entry"] == "FILLED"


async def test_facts_twice_and_backwards_give_the_same_books(world: World) -> None:
    await world.signal(BUY)
    (claimed, _) = await world.send()
    order = await world.order_id(claimed.intent)
    fill = world.fill_fact(claimed.intent, order, "20000", 1)
    working = await world.order_fact(claimed.intent, BrokerStatus.WORKING)
    filled = await world.order_fact(claimed.intent, BrokerStatus.FILLED)
    await world.tell(fill)
    await world.tell(filled, working, fill)
    await world.tell(working, filled, fill)
    assert await world.position() == 1
    assert len(await world.rows("fills")) == 1
    assert [row["status"] for row in await world.rows("orders")] == ["Filled"]


async def test_a_full_read_of_what_is_known_writes_nothing(world: World) -> None:
    told = [fact for _ in range(10) for fact in world.foreign_fill(Action.BUY)]
    await world.tell(*told)
    before = len(await world.rows("outbox"))
    await world.tell(*told)
    assert len(await world.rows("outbox")) == before
    fill = told[1]
    assert isinstance(fill, FillFact)
    busted = replace(fill, active=False)
    await world.tell(*told[:1], busted, *told[2:])
    assert await world.position(strategy=-1) == 9


async def test_the_last_word_of_a_batch_stands_though_it_was_known(world: World) -> None:
    known = [fact for _ in range(10) for fact in world.foreign_fill(Action.BUY)]
    first, fill = known[:2]
    assert isinstance(first, OrderFact)
    assert isinstance(fill, FillFact)
    working = replace(first, status=BrokerStatus.WORKING, price=Decimal(20000))
    low, high = FeeFact(fill.fill_id, Decimal("1.25")), FeeFact(fill.fill_id, Decimal("2.50"))
    await world.tell(working, low, *known[1:])
    await world.tell(replace(working, price=Decimal(20001)), high, *known[1:], working, low)
    (order,) = await world.rows("orders", broker_order_id=first.order_id)
    assert Decimal(order["price"]) == Decimal(20000)
    (recorded,) = await world.rows("fills", broker_fill_id=fill.fill_id)
    assert Decimal(recorded["fee_usd"]) == Decimal("1.25")


async def test_no_fill_is_inferred_from_a_status(world: World) -> None:
    signal = await world.signal(BUY)
    (claimed, _) = await world.send()
    await world.tell(await world.order_fact(claimed.intent, BrokerStatus.FILLED))
    assert await world.position() == 0
    assert (await world.states(signal))["entry"] == "WORKING"


async def test_a_bust_takes_the_fill_out_of_the_position(world: World) -> None:
    await world.signal(BUY)
    (claimed, _) = await world.send()
    order = await world.order_id(claimed.intent)
    fill = world.fill_fact(claimed.intent, order, "20000", 1)
    await world.tell(fill)
    await world.tell(replace(fill, active=False))
    assert await world.position() == 0


async def test_somebody_elses_fill_is_external(world: World) -> None:
    await world.tell(*world.foreign_fill(Action.BUY, 2))
    assert await world.position(strategy=-1) == 2
    assert await world.position() == 0


async def test_a_product_nobody_knows_is_recorded_all_the_same(world: World) -> None:
    shown, fill = world.foreign_fill(Action.BUY, 2)
    odd = "STRANGE1"
    await world.tell(replace(shown, contract=odd), replace(fill, contract=odd))
    assert await world.position(strategy=-1, contract=odd) == 2


async def open_one(world: World) -> Claimed:
    await world.signal(BUY)
    (claimed, _) = await world.send()
    await world.fill(claimed.intent)
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    return claimed


async def test_an_exit_cancels_its_legs_first_and_takes_the_remainder(world: World) -> None:
    claimed = await open_one(world)
    signal = await world.signal(CLOSE)
    claims = await world.claim()
    legs = [await world.order_id(leg) for leg in claimed.legs]
    assert {each.broker_order_id for each in claims.cancels} >= set(legs)
    assert not [each for each in claims.claimed if each.intent.role is Role.EXIT]
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    (leave,) = await world.send()
    assert (leave.intent.action, leave.intent.qty_contracts) == (Action.SELL, 1)
    await world.fill(leave.intent)
    assert await world.position() == 0
    assert (await world.decision(signal))[0] == "FILLED"


async def test_an_exit_whose_stop_filled_meanwhile_is_a_recorded_no_op(world: World) -> None:
    claimed = await open_one(world)
    signal = await world.signal(CLOSE)
    target, stop = claimed.legs
    await world.fill(stop, "19997.5")
    await world.tell(await world.order_fact(target, BrokerStatus.CANCELED))
    await world.claim()
    assert (await world.decision(signal))[:2] == ("SKIPPED", "exit.flat")
    assert await world.position() == 0


async def test_a_reverse_is_an_exit_and_then_an_entry(world: World) -> None:
    claimed = await open_one(world)
    await world.signal(SELL)
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    first = [each for each in await world.send() if each.intent.account_id == world.accounts[0]]
    assert [each.intent.role for each in first] == [Role.EXIT]
    assert not await world.send()
    await world.fill(first[0].intent)
    (entry,) = [each for each in await world.send() if each.intent.account_id == world.accounts[0]]
    assert (entry.intent.role, entry.intent.action) == (Role.ENTRY, Action.SELL)
    await world.fill(entry.intent)
    assert await world.position() == -1


async def test_a_stale_entry_is_never_sent(world: World) -> None:
    signal = await world.signal(BUY)
    await world.advance(31)
    assert (await world.claim()).claimed == ()
    assert (await world.decision(signal))[:2] == ("STALE", "signal.expired")
    states = await world.states(signal)
    assert states == {"entry": "STALE", "entry.tp": "CANCELLED", "entry.sl": "CANCELLED"}


async def test_a_quarantined_account_exits_only(world: World) -> None:
    await open_one(world)
    await world.ledger.quarantine(world.accounts[0], "drift.position")
    await world.signal(BUY)
    await world.signal(CLOSE)
    roles = {
        each.intent.role
        for each in (await world.claim()).claimed
        if each.intent.account_id == world.accounts[0]
    }
    assert Role.ENTRY not in roles


async def test_one_owner_of_a_root_in_an_account(world: World) -> None:
    await open_one(world)
    signal = await world.signal(BUY, strategy=1)
    assert (await world.decision(signal))[:2] == ("BLOCKED", "netting.owned_by")


async def test_drift_is_named(world: World) -> None:
    await open_one(world)
    same = PositionFact(BROKER_ACCOUNTS[0], 1, "NQZ6", 1, Decimal(20000), world.clock.now())
    assert await world.ledger.drifted(world.connection, [same]) == ([], [])
    off = replace(same, net_qty=3)
    assert (await world.ledger.drifted(world.connection, [off]))[0] == [world.accounts[0]]
    assert (await world.ledger.drifted(world.connection, []))[0] == [world.accounts[0]]


async def test_legs_follow_the_average_fill(world: World) -> None:
    await world.signal(BUY)
    (claimed, _) = await world.send()
    await world.fill(claimed.intent, price="20001.00")
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    legs = await world.ledger.legs_off([world.lease])
    assert [(leg.role, leg.wanted) for leg in legs] == [
        (Role.STOP_LOSS, Decimal("19998.50")),
        (Role.TAKE_PROFIT, Decimal("20006.00")),
    ]


async def test_an_entry_that_an_exit_overtook_is_flattened_when_it_turns_up(world: World) -> None:
    claimed = await open_one(world)
    await world.signal(CLOSE)
    for leg in claimed.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    (leave,) = await world.send()
    await world.fill(leave.intent)
    order = await world.order_id(claimed.intent)
    await world.tell(world.fill_fact(claimed.intent, order, "20000", 1))
    await world.advance(10)
    (world.lease,) = await world.ledger.renew_leases("me")
    (found,) = await world.ledger.naked([world.lease], 3)
    await world.ledger.guard_exit(found)
    (again,) = await world.send()
    assert (again.intent.role, again.intent.action) == (Role.EXIT, Action.SELL)
    assert await world.ledger.naked([world.lease], 3) == []


async def test_events_of_an_account_are_numbered_without_gaps(world: World) -> None:
    await open_one(world)
    await world.signal(CLOSE)
    for account in world.accounts:
        seqs = [row["seq"] for row in await world.rows("outbox", account_id=account)]
        assert seqs == list(range(1, len(seqs) + 1))
        assert seqs
