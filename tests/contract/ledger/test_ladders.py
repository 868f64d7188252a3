"""Entries with several targets: which pairs leave when, with which prices and quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest

from shared.domain.alert_signal import SignalOrderType
from shared.domain.claim import judge
from shared.domain.order import BrokerStatus, Role
from shared.domain.rules import StrategyRules
from shared.domain.rules.bracket import (
    Bracket,
    BreakEven,
    DistanceUnit,
    OnAdd,
    Stop,
    Target,
    TrimUnit,
)
from shared.ports.broker import Accepted, NotSent, Refused, Unknown
from shared.ports.ledger import Claimed, LegOffset
from tests.contract.ledger.world import BUY, CLOSE, SELL, World

FIVE: Final = replace(BUY, quantity=5)


def target(at: str, trim: str | None, unit: DistanceUnit = DistanceUnit.TICKS) -> Target:
    parts = None if trim is None else Decimal(trim)
    return Target(at=Decimal(at), unit=unit, trim=parts, trim_unit=TrimUnit.CONTRACTS)


LADDER: Final = Bracket(
    targets=(target("20", "2"), target("40", "1"), target("60", None)),
    stop=Stop(at=Decimal(10), break_even=BreakEven(after_ticks=20, plus_ticks=2)),
)


async def enter(world: World, bracket: Bracket = LADDER, *, filled: int = 5) -> Claimed:
    """The first account's entry at the broker, over, `filled` of its five contracts at 20001."""
    await world.set_rules(StrategyRules(bracket=bracket))
    await world.signal(FIVE)
    entry = (await world.send())[0]
    order = await world.order_id(entry.intent)
    status = BrokerStatus.FILLED if filled == 5 else BrokerStatus.CANCELED
    fill = world.fill_fact(entry.intent, order, "20001", filled)
    await world.tell(fill, await world.order_fact(entry.intent, status))
    return entry


async def pairs(world: World) -> list[Claimed]:
    """What is claimed now, by rung."""
    return sorted((await world.claim()).claimed, key=lambda each: each.intent.rung)


def told(pair: Claimed) -> Sequence[tuple[str, int, Decimal | None]]:
    legs = (pair.intent, *pair.legs)
    return [(leg.leg, leg.qty_contracts, leg.price or leg.stop_price) for leg in legs]


async def tries(world: World, entry: Claimed) -> dict[tuple[str, int], str]:
    """By leg and attempt."""
    rows = await world.rows("intents", parent_id=str(entry.intent.id))
    return {(row["leg"], row["attempt"]): row["state"] for row in rows}


async def leg_states(world: World, entry: Claimed) -> dict[str, str]:
    rows = await world.rows("intents", parent_id=str(entry.intent.id))
    return {row["leg"]: row["state"] for row in rows}


async def test_the_farthest_target_leaves_with_the_entry_for_all_of_it(world: World) -> None:
    await world.set_rules(StrategyRules(bracket=LADDER))
    await world.signal(FIVE)
    entry = (await world.send())[0]
    assert [told_leg.leg for told_leg in entry.legs] == ["entry.tp", "entry.sl"]
    assert [leg.qty_contracts for leg in entry.legs] == [5, 5]
    assert entry.legs[0].price == Decimal(20015)
    assert entry.legs[1].moves == LADDER.stop
    states = await leg_states(world, entry)
    assert {states[f"entry.r{n}.{leg}"] for n in (1, 2) for leg in ("tp", "sl")} == {"PENDING"}
    assert (await world.claim()).claimed == ()


async def test_earlier_rungs_get_pairs_of_their_own_once_filled(world: World) -> None:
    entry = await enter(world)
    first, second = await pairs(world)
    stop = Decimal("19998.5")
    assert told(first) == [("entry.r1.sl", 2, stop), ("entry.r1.tp", 2, Decimal(20006))]
    assert told(second) == [("entry.r2.sl", 1, stop), ("entry.r2.tp", 1, Decimal(20011))]
    assert (await world.claim()).claimed == ()
    await world.ledger.record(first.intent.id, Accepted(71, (72,)))
    await world.ledger.record(second.intent.id, Refused("broker.refused.margin", "margin"))
    states = await tries(world, entry)
    assert (states["entry.r1.sl", 1], states["entry.r1.tp", 1]) == ("ACCEPTED", "ACCEPTED")
    assert (states["entry.r2.sl", 1], states["entry.r2.tp", 1]) == ("REJECTED", "REJECTED")
    assert await world.order_id(first.legs[0]) == 72


async def test_a_refused_pair_is_tried_three_times_and_costs_no_stop(world: World) -> None:
    entry = await enter(world)
    first, second = await pairs(world)
    await world.ledger.record(second.intent.id, Accepted(71, (72,)))
    for number, pause_s in ((1, 2), (2, 10), (3, 60)):
        await world.ledger.record(first.intent.id, Refused("broker.refused.x", "Not now."))
        assert await pairs(world) == []
        await world.advance(pause_s)
        (world.lease,) = await world.ledger.renew_leases("me")
        again = await pairs(world)
        if number < 3:
            (first,) = again
            assert (first.intent.attempt, first.intent.qty_contracts) == (number + 1, 2)
            assert [leg.leg for leg in first.legs] == ["entry.r1.tp"]
        else:
            assert again == []
    states = await tries(world, entry)
    assert {states[f"entry.r1.{leg}", n] for leg in ("tp", "sl") for n in (1, 2, 3)} == {"REJECTED"}
    assert (states["entry.tp", 1], states["entry.sl", 1]) == ("ACCEPTED", "ACCEPTED")
    # Only when the stop that covers it is gone, too, is it naked: then it is flattened.
    assert await world.ledger.naked([world.lease], 3) == []
    for leg in (*entry.legs, second.intent, *second.legs):
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    await world.advance(5)
    assert len(await world.ledger.naked([world.lease], 3)) == 1


@pytest.mark.parametrize(("filled", "parts"), [(4, [2]), (3, [1, 1]), (2, [1]), (1, [])])
async def test_what_came_of_an_entry_is_shared_out_and_one_stays(
    world: World, filled: int, parts: list[int]
) -> None:
    entry = await enter(world, filled=filled)
    found = await pairs(world)
    assert [pair.intent.qty_contracts for pair in found] == parts
    assert sum(parts) < filled
    states = await leg_states(world, entry)
    ended = [leg for leg, state in states.items() if state == "SKIPPED"]
    assert len(ended) == 2 * (2 - len(parts))


async def test_a_pair_that_did_not_leave_is_tried_again_with_its_share(world: World) -> None:
    await enter(world, filled=3)
    for pair in await pairs(world):
        await world.ledger.record(pair.intent.id, NotSent("connect", retry_after_s=2))
    assert await pairs(world) == []
    await world.advance(2)
    again = await pairs(world)
    assert [(pair.intent.leg, pair.intent.qty_contracts) for pair in again] == [
        ("entry.r1.sl", 1),
        ("entry.r2.sl", 1),
    ]


async def test_a_pair_in_doubt_is_found_or_tried_again_leg_by_leg(world: World) -> None:
    entry = await enter(world)
    first, second = await pairs(world)
    for pair in (first, second):
        await world.ledger.record(pair.intent.id, Unknown("timeout"))
    asked = {each.intent_id for each in await world.ledger.unresolved([world.lease])}
    assert asked == {leg.id for pair in (first, second) for leg in (pair.intent, *pair.legs)}
    await world.ledger.found(first.intent.id, 71)
    for lost in (first.legs[0], second.intent, second.legs[0]):
        await world.ledger.abandon(lost.id)
    rows = await world.rows("intents", parent_id=str(entry.intent.id))
    states = {(row["leg"], row["attempt"]): row["state"] for row in rows}
    assert states["entry.r1.sl", 1] == "ACCEPTED"
    lost_legs = ("entry.r1.tp", "entry.r2.sl", "entry.r2.tp")
    assert {states[leg, 1] for leg in lost_legs} == {"ABANDONED"}
    assert {states[leg, 2] for leg in lost_legs} == {"PENDING"}
    assert await world.ledger.unresolved([world.lease]) == []
    # A whole pair is tried again; half of one would be a stop too many.
    (again,) = await pairs(world)
    assert (again.intent.leg, again.intent.attempt) == ("entry.r2.sl", 2)
    await world.ledger.record(again.intent.id, Accepted(81, (82,)))
    assert await world.order_id(again.legs[0]) == 82
    # Legs that were tried again stand where the first ones would: pairs are known by their rungs.
    await world.advance(1.1)
    assert await uneven(world) == {"entry.tp": 2, "entry.sl": 2}


async def test_no_pair_leaves_beside_an_exit_and_none_afterwards(world: World) -> None:
    entry = await enter(world)
    await world.signal(CLOSE)
    for leg in entry.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    exits = [each for each in await pairs(world) if each.intent.role is Role.EXIT]
    assert len(exits) == 1
    await world.ledger.record(exits[0].intent.id, Accepted(next(world.ids)))
    await world.fill(exits[0].intent)
    assert await pairs(world) == []
    states = await leg_states(world, entry)
    assert {states[f"entry.r{n}.{leg}"] for n in (1, 2) for leg in ("tp", "sl")} == {"SKIPPED"}


async def test_an_exit_cancels_every_pair(world: World) -> None:
    entry = await enter(world)
    for pair in await world.send():
        for leg in (pair.intent, *pair.legs):
            await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    await world.signal(CLOSE)
    cancelled = {each.broker_order_id for each in (await world.claim()).cancels}
    rows = await world.rows("intents", parent_id=str(entry.intent.id))
    assert len(rows) == 6
    assert cancelled >= {row["broker_order_id"] for row in rows}


async def test_pairs_end_with_an_entry_that_never_filled(world: World) -> None:
    await world.set_rules(StrategyRules(bracket=LADDER))
    limit = replace(FIVE, order_type=SignalOrderType.LIMIT, limit_price=Decimal(19990))
    await world.signal(limit)
    entry = (await world.send())[0]
    await world.tell(await world.order_fact(entry.intent, BrokerStatus.CANCELED))
    await world.advance(1.1)
    assert await pairs(world) == []
    states = await leg_states(world, entry)
    assert states["entry.r1.sl"] == states["entry.r2.tp"] == "SKIPPED"


async def test_a_distance_in_percent_follows_the_fill(world: World) -> None:
    percent = DistanceUnit.PERCENT
    bracket = Bracket(
        targets=(target("0.5", "2", percent), target("1", None, percent)),
        stop=Stop(at=Decimal("0.5"), unit=percent),
    )
    entry = await enter(world, bracket)
    assert [leg.price or leg.stop_price for leg in entry.legs] == [Decimal(20200), Decimal(19900)]
    (pair,) = await pairs(world)
    assert told(pair)[1] == ("entry.r1.tp", 2, Decimal(20101))
    off = await world.ledger.legs_off([world.lease])
    assert [each.wanted for each in off] == [Decimal("19900.75"), Decimal(20201)]


async def test_a_level_does_not_move_with_the_fill(world: World) -> None:
    level = DistanceUnit.PRICE
    bracket = Bracket(
        targets=(target("20100", "2", level), target("20200", None, level)),
        stop=Stop(at=Decimal(19900), unit=level),
    )
    entry = await enter(world, bracket)
    assert [leg.price or leg.stop_price for leg in entry.legs] == [Decimal(20200), Decimal(19900)]
    (pair,) = await pairs(world)
    stop, gain = Decimal(19900), Decimal(20100)
    assert told(pair) == [("entry.r1.sl", 2, stop), ("entry.r1.tp", 2, gain)]
    assert await world.ledger.legs_off([world.lease]) == []


@pytest.mark.parametrize("at", ["20001", "20000"])
async def test_a_level_on_the_wrong_side_refuses_the_entry(world: World, at: str) -> None:
    stop = Stop(at=Decimal(at), unit=DistanceUnit.PRICE)
    await world.set_rules(StrategyRules(bracket=Bracket(stop=stop)))
    signal = await world.signal(BUY)
    assert (await world.claim()).claimed == ()
    assert await world.decision(signal) == ("BLOCKED", "bracket.wrong_side", True)


async def test_a_short_ladder_stands_below(world: World) -> None:
    await world.set_rules(StrategyRules(bracket=LADDER))
    await world.signal(replace(SELL, quantity=5))
    entry = (await world.send())[0]
    await world.fill(entry.intent, "19999")
    first, _ = await pairs(world)
    above, below = Decimal("20001.5"), Decimal(19994)
    assert told(first) == [("entry.r1.sl", 2, above), ("entry.r1.tp", 2, below)]


async def test_a_waiting_pair_protects_nothing(world: World) -> None:
    entry = await enter(world)
    for leg in entry.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    await world.advance(5)
    assert len(await world.ledger.naked([world.lease], 3)) == 1


async def work_all(world: World, entry: Claimed) -> list[Claimed]:
    """Every pair of the entry works."""
    sent = [entry, *(await world.send())]
    for pair in sent:
        for leg in (pair.intent, *pair.legs) if pair is not entry else pair.legs:
            await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    return sent[1:]


async def uneven(world: World) -> dict[str, int | None]:
    """What the legs have to become, by name, in turn."""
    legs = {row["id"]: row["leg"] for row in await world.rows("intents")}
    changes = await world.ledger.uneven([world.lease])
    return {legs[str(each.intent_id)]: each.qty_contracts for some in changes for each in some}


async def test_the_first_pair_shrinks_by_what_the_others_took_over(world: World) -> None:
    entry = await enter(world)
    await work_all(world, entry)
    await world.advance(1.1)
    assert list((await uneven(world)).items()) == [("entry.tp", 2), ("entry.sl", 2)]
    for leg in entry.legs:
        shrunk = replace(leg, qty_contracts=2)
        await world.tell(await world.order_fact(shrunk, BrokerStatus.WORKING))
    assert await uneven(world) == {}


async def test_the_first_pair_shrinks_as_soon_as_another_works(world: World) -> None:
    """By that pair alone, while fills may still be coming; not by one that is merely accepted."""
    entry = await enter(world)
    first, second = await world.send()
    for leg in entry.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    assert await uneven(world) == {}
    await world.tell(await world.order_fact(first.intent, BrokerStatus.WORKING))
    assert await uneven(world) == {}
    await world.tell(await world.order_fact(first.legs[0], BrokerStatus.WORKING))
    assert await uneven(world) == {"entry.tp": 3, "entry.sl": 3}
    assert [len(each) for each in await world.ledger.uneven([world.lease])] == [1, 1]
    for leg in (second.intent, *second.legs):
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    assert await uneven(world) == {"entry.tp": 2, "entry.sl": 2}


async def test_an_entry_whose_fills_may_be_on_their_way_hands_nothing_over(world: World) -> None:
    entry = await enter(world, filled=4)
    await work_all(world, entry)
    assert await uneven(world) == {}
    await world.advance(1.1)
    assert set(await uneven(world)) == {"entry.tp", "entry.sl"}


async def test_a_newer_ladder_takes_nothing_of_an_older_one(world: World) -> None:
    older = await enter(world)
    await work_all(world, older)
    for leg in older.legs:
        shrunk = replace(leg, qty_contracts=2)
        await world.tell(await world.order_fact(shrunk, BrokerStatus.WORKING))
    newer = await enter(world)
    await work_all(world, newer)
    await world.advance(1.1)
    (changes,) = await world.ledger.uneven([world.lease])
    told_of = {each.intent_id: each.qty_contracts for each in changes}
    assert told_of == {leg.id: 2 for leg in newer.legs}


PLAIN: Final = Bracket(targets=(target("60", None),), stop=Stop(at=Decimal(10)))


@pytest.mark.parametrize(("older", "stopped"), [(PLAIN, 10), (Bracket(), 5)])
async def test_a_stop_stands_for_an_older_entry_that_lost_its_own(
    world: World, older: Bracket, stopped: int
) -> None:
    """Not for one that never had any, and not before the fills of its stop could have come."""
    for leg in (await enter(world, older)).legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    await world.advance(1.1)
    newer = await enter(world, PLAIN)
    for leg in newer.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    assert await uneven(world) == {}
    await world.advance(1.1)
    stop = newer.legs[1]
    grown = replace(stop, qty_contracts=stopped)
    assert await uneven(world) == ({"entry.sl": stopped} if stopped > stop.qty_contracts else {})
    await world.tell(await world.order_fact(grown, BrokerStatus.WORKING))
    assert await uneven(world) == {}


async def test_what_an_exit_closed_needs_no_stop_any_more(world: World) -> None:
    """An older entry that was left counts no more once its owner has been flat."""
    older = await enter(world, PLAIN)
    for leg in older.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    await world.signal(CLOSE)
    leaving = [each for each in await world.send() if each.intent.role is Role.EXIT]
    await world.fill(leaving[0].intent)
    newer = await enter(world, PLAIN)
    for leg in newer.legs:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    await world.advance(1.1)
    assert await uneven(world) == {}


async def test_a_pair_that_is_gone_gives_its_part_back(world: World) -> None:
    entry = await enter(world)
    first, _ = await work_all(world, entry)
    for leg in entry.legs:
        shrunk = replace(leg, qty_contracts=2)
        await world.tell(await world.order_fact(shrunk, BrokerStatus.WORKING))
    for leg in (first.intent, *first.legs):
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    await world.advance(1.1)
    grown = await uneven(world)
    assert sum(qty or 0 for qty in grown.values()) == 5 - 2 - 1 + 1
    assert all(name.endswith(".sl") for name in grown)


async def test_a_stop_follows_and_leaves_its_distance(world: World) -> None:
    entry = await enter(world)
    await work_all(world, entry)
    rides = await world.ledger.riding([world.lease])
    assert len(rides) == 3
    ride = rides[0]
    assert ride.rule == LADDER.stop
    assert (ride.entry_price, ride.stands_at) == (Decimal(20001), Decimal("19997.5"))
    tight = LegOffset(
        ride.intent_id,
        ride.connection_id,
        ride.broker_order_id,
        Role.STOP_LOSS,
        ride.qty_contracts,
        Decimal("20001.5"),
    )
    await world.ledger.tighten(tight)
    seen = (await world.ledger.riding([world.lease]))[0]
    assert (seen.stands_at, seen.committed) == (Decimal("19997.5"), Decimal("20001.5"))
    off = await world.ledger.legs_off([world.lease])
    assert ride.intent_id not in [each.intent_id for each in off]
    await world.signal(CLOSE)
    assert await world.ledger.riding([world.lease]) == []


@pytest.mark.parametrize(("on_add", "moved"), [(OnAdd.PER_POSITION, 4), (OnAdd.PER_ENTRY, 0)])
async def test_an_add_moves_every_leg_to_the_average_of_the_position(
    world: World, on_add: OnAdd, moved: int
) -> None:
    bracket = Bracket(targets=(target("40", None),), stop=Stop(at=Decimal(80)), on_add=on_add)
    await world.set_rules(StrategyRules(bracket=bracket))
    for price in ("20000", "20010"):
        quote = Decimal(price)
        await world.signal(replace(BUY, quantity=1, price=quote))
        claims = await world.ledger.claim(
            [world.lease],
            lambda each, at=quote: judge(each, world.clock.now(), at),  # type: ignore[misc] # mypy cannot infer a lambda with a default
        )
        for claimed in claims.claimed:
            legs = tuple(next(world.ids) for _ in claimed.legs)
            await world.ledger.record(claimed.intent.id, Accepted(next(world.ids), legs))
            await world.fill(claimed.intent, price)
            for leg in claimed.legs:
                await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    off = await world.ledger.legs_off([world.lease])
    mine = {row["id"] for row in await world.rows("intents", account_id=world.accounts[0])}
    here = [each for each in off if str(each.intent_id) in mine]
    assert len(here) == moved
    assert {each.wanted for each in here if each.role is Role.STOP_LOSS} <= {Decimal(19985)}
    assert {each.wanted for each in here if each.role is Role.TAKE_PROFIT} <= {Decimal(20015)}
