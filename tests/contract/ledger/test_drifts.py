"""Both ledgers name the same differences between two books, hold entries, and let them go again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest

from shared.domain.alert_signal import Signal, SignalKind
from shared.domain.order import Action, BrokerStatus
from shared.domain.rules import StrategyRules
from shared.domain.rules.drift import DriftPolicy
from tests.contract.ledger.world import BROKER_ACCOUNTS, BUY, Row, World

TARGET_LONG: Final = Signal(
    kind=SignalKind.TARGET, dialect="test", target_position=1, symbol="NQ1!"
)


async def look(world: World, **nets: int) -> None:
    """A second later; with `nets`, the broker's own positions are known, too."""
    await world.advance(1.1)
    told = {(BROKER_ACCOUNTS[0], name): net for name, net in nets.items()}
    given = {world.connection: told} if nets else {}
    await world.ledger.look_for_drift([world.lease], given)


async def held(world: World, policy: DriftPolicy = DriftPolicy.ALARM) -> None:
    """One contract in the first account, the second is empty; the owner's legs do not matter."""
    await world.set_rules(StrategyRules(drift=policy))
    await world.signal(BUY)
    for each in await world.send():
        if each.intent.account_id == world.accounts[0]:
            await world.fill(each.intent)


async def standing(world: World) -> list[Row]:
    rows = await world.rows("drifts", ended_at=None)
    return sorted(rows, key=lambda row: (row["code"], row["contract"]))


async def codes(world: World) -> list[str]:
    return [row["code"] for row in await standing(world)]


async def test_books_that_agree_are_silent(world: World) -> None:
    await held(world)
    await look(world, NQZ6=1)
    assert await world.table("drifts") == []


async def test_a_manual_exit_is_named_with_what_was_compared(world: World) -> None:
    await held(world)
    await world.tell(*world.foreign_fill(Action.SELL))
    await look(world)
    (row,) = await standing(world)
    assert row["code"] == "drift.manual_exit"
    assert row["strategy_id"] == world.strategies[0]
    assert {key: int(Decimal(each)) for key, each in row["compared"].items()} == {
        "book": 1,
        "closed": 1,
        "left": 0,
    }
    assert "1 of 1 NQZ6 were closed by somebody else" in row["message"]


async def test_one_contract_too_many_is_an_exit_and_an_entry(world: World) -> None:
    await held(world)
    await world.tell(*world.foreign_fill(Action.SELL, 3))
    await look(world)
    assert await codes(world) == ["drift.manual_entry", "drift.manual_exit"]


async def test_a_manual_entry_is_named(world: World) -> None:
    await world.tell(*world.foreign_fill(Action.BUY, 2))
    await look(world)
    (row,) = await standing(world)
    assert (row["code"], row["strategy_id"]) == ("drift.manual_entry", 0)
    assert {key: int(Decimal(each)) for key, each in row["compared"].items()} == {"external": 2}


async def test_what_only_the_broker_shows_is_named(world: World) -> None:
    await look(world, NQZ6=2)
    assert await codes(world) == ["drift.unknown_position"]


async def test_a_net_that_our_fills_do_not_explain_is_named(world: World) -> None:
    await held(world)
    await look(world, NQZ6=2)
    assert await codes(world) == ["drift.quantity"]
    await look(world, NQZ6=1)
    await look(world, NQZ6=1)
    assert await codes(world) == []


async def test_a_fill_taken_back_is_named_until_the_next_order(world: World) -> None:
    await held(world)
    (fill,) = await world.rows("fills", active=True)
    (entry,) = await world.rows("intents", role="entry", account_id=world.accounts[0])
    order = int(entry["broker_order_id"])
    _, foreign = world.foreign_fill(Action.BUY)
    taken = replace(foreign, fill_id=int(fill["broker_fill_id"]), order_id=order, active=False)
    await world.tell(taken)
    await look(world)
    (row,) = await standing(world)
    assert (row["code"], row["strategy_id"]) == ("drift.fill_busted", world.strategies[0])


async def test_a_working_order_of_somebody_else_is_told_and_holds_nothing(world: World) -> None:
    shown, _ = world.foreign_fill(Action.BUY)
    await world.tell(replace(shown, status=BrokerStatus.WORKING))
    await look(world)
    assert await codes(world) == []  # it may be ours, and its answer on the way
    await look(world)
    assert await codes(world) == ["drift.foreign_order"]
    signal = await world.signal(BUY)
    assert (await world.decision(signal))[0] == "PLANNED"


async def test_a_target_that_was_not_reached_is_told_and_holds_nothing(world: World) -> None:
    await world.signal(TARGET_LONG)
    for each in await world.send():
        for intent in (each.intent, *each.legs):
            await world.tell(await world.order_fact(intent, BrokerStatus.REJECTED))
    await look(world)
    await look(world)
    assert await codes(world) == ["drift.target_missed"] * 2
    signal = await world.signal(TARGET_LONG)
    assert (await world.decision(signal))[0] == "PLANNED"


async def test_a_target_whose_stop_has_filled_is_not_missed(world: World) -> None:
    await world.signal(TARGET_LONG)
    for each in await world.send():
        await world.fill(each.intent)
        for leg in each.legs:
            if leg.leg.endswith(".sl"):
                await world.fill(leg, "19990")
            else:
                await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    await look(world)
    await look(world)
    assert await codes(world) == []


async def test_no_entry_of_the_root_while_it_stands(world: World) -> None:
    await world.tell(*world.foreign_fill(Action.BUY))
    signal = await world.accept(BUY)
    assert signal
    await look(world)
    blocked = await world.signal(BUY)
    assert await world.decision(blocked) == ("BLOCKED", "drift.manual_entry", True)
    assert (await world.decision(blocked, account=1))[0] == "PLANNED"


async def test_an_entry_that_was_planned_before_is_judged_again(world: World) -> None:
    await world.set_account(exclusive=False)
    signal = await world.signal(BUY)
    await world.tell(*world.foreign_fill(Action.BUY))
    await look(world)
    await world.claim()
    assert (await world.states(signal))["entry"] == "BLOCKED"
    assert (await world.decision(signal))[1] == "drift.manual_entry"


async def test_two_clean_looks_end_it(world: World) -> None:
    await world.set_account(exclusive=False)
    await world.tell(*world.foreign_fill(Action.BUY))
    await look(world)
    await world.tell(*world.foreign_fill(Action.SELL))
    await look(world)
    assert await codes(world) == ["drift.manual_entry"]
    # Looks in between do not count: a second has to pass.
    await world.ledger.look_for_drift([world.lease], {})
    assert await codes(world) == ["drift.manual_entry"]
    await look(world)
    assert await codes(world) == []
    (row,) = await world.table("drifts")
    assert row["ending"] == "clean"
    signal = await world.signal(BUY)
    assert (await world.decision(signal))[0] == "PLANNED"


async def test_a_look_that_shows_it_again_counts_from_the_beginning(world: World) -> None:
    await world.tell(*world.foreign_fill(Action.BUY))
    await look(world)
    await world.tell(*world.foreign_fill(Action.SELL))
    await look(world)
    await world.tell(*world.foreign_fill(Action.BUY))
    await look(world)
    await world.tell(*world.foreign_fill(Action.SELL))
    await look(world)
    assert await codes(world) == ["drift.manual_entry"]


async def test_its_owner_lets_entries_go(world: World) -> None:
    await world.set_account(exclusive=False)
    await world.tell(*world.foreign_fill(Action.BUY))
    await look(world)
    (row,) = await standing(world)
    await world.ledger.release_drift(await world.ask("release_drift", {"drift_id": row["id"]}))
    signal = await world.signal(BUY)
    assert (await world.decision(signal))[0] == "PLANNED"
    await look(world)
    assert len(await world.table("drifts")) == 1  # the same difference is not named again
    await world.tell(*world.foreign_fill(Action.BUY))
    await look(world)
    assert len(await standing(world)) == 1
    signal = await world.signal(BUY)
    assert (await world.decision(signal))[1] == "drift.manual_entry"


@pytest.mark.parametrize("wanted", [4711, None, "x"])
async def test_what_does_not_stand_is_not_released(world: World, wanted: object) -> None:
    command = await world.ask("release_drift", {"drift_id": wanted})
    (told,) = await world.ledger.release_drift(command)
    assert told.body["code"] == "drift.unknown"


async def test_under_block_only_a_person_lets_go(world: World) -> None:
    await world.set_account(exclusive=False)
    await held(world, DriftPolicy.BLOCK)
    await world.tell(*world.foreign_fill(Action.SELL))
    await look(world)
    await world.tell(*world.foreign_fill(Action.BUY))
    for _ in range(4):
        await look(world)
    assert await codes(world) == ["drift.manual_exit"]
    (row,) = await standing(world)
    await world.ledger.release_drift(await world.ask("release_drift", {"drift_id": row["id"]}))
    for _ in range(2):
        await look(world)
    assert await codes(world) == []


async def test_every_drift_is_told_with_its_beginning_and_its_end(world: World) -> None:
    await world.tell(*world.foreign_fill(Action.BUY))
    await look(world)
    await world.tell(*world.foreign_fill(Action.SELL))
    await look(world)
    await look(world)
    told = [row["type"] for row in await world.table("outbox") if row["type"].startswith("drift.")]
    assert told == ["drift.found.v1", "drift.ended.v1"]


async def test_a_book_follows_what_others_closed_of_it(world: World) -> None:
    await held(world, DriftPolicy.FOLLOW)
    await world.tell(*world.foreign_fill(Action.SELL))
    await look(world)
    assert (await world.position(), await world.position(-1)) == (0, 0)
    (row,) = await world.table("drifts")
    assert (row["code"], row["ending"]) == ("drift.manual_exit", "followed")
    assert await standing(world) == []
    fills = await world.rows("fills", account_id=world.accounts[0])
    assert {each["strategy_id"] for each in fills} == {world.strategies[0]}
    told = [each["type"] for each in await world.table("outbox")]
    assert told.count("fill.recorded.v1") == 3  # the entry, the trade, and that it was given
    await look(world)
    signal = await world.signal(BUY)
    assert (await world.decision(signal))[0] == "PLANNED"


async def test_a_book_does_not_follow_into_a_position_nobody_asked_for(world: World) -> None:
    await held(world, DriftPolicy.FOLLOW)
    await world.tell(*world.foreign_fill(Action.SELL, 3))
    await look(world)
    assert (await world.position(), await world.position(-1)) == (1, -3)
    assert await codes(world) == ["drift.manual_entry", "drift.manual_exit"]


async def test_a_person_gives_what_others_hold_to_a_strategy(world: World) -> None:
    await world.tell(*world.foreign_fill(Action.BUY, 2))
    await look(world)
    (row,) = await standing(world)
    detail = {"drift_id": row["id"], "strategy_id": world.strategies[1]}
    told = await world.ledger.give_external(await world.ask("give_external", detail))
    assert told[-1].body["code"] == "command.done"
    assert (await world.position(1), await world.position(-1)) == (2, 0)
    again = await world.ledger.give_external(await world.ask("give_external", detail))
    assert again[-1].body["code"] == "drift.nothing_to_give"
    await look(world)
    await look(world)
    assert await codes(world) == []


async def test_only_what_came_since_others_were_flat_is_given(world: World) -> None:
    for action, qty in ((Action.BUY, 1), (Action.SELL, 1), (Action.BUY, 2)):
        await world.tell(*world.foreign_fill(action, qty))
    await look(world)
    (row,) = await standing(world)
    detail = {"drift_id": row["id"], "strategy_id": world.strategies[0]}
    await world.ledger.give_external(await world.ask("give_external", detail))
    given = await world.rows("fills", strategy_id=world.strategies[0])
    assert [int(each["qty"]) for each in given] == [2]


@pytest.mark.parametrize("wrong", [{"strategy_id": 4711}, {"drift_id": 4711}, {"drift_id": "x"}])
async def test_what_is_not_there_is_not_given(world: World, wrong: dict[str, object]) -> None:
    await world.tell(*world.foreign_fill(Action.BUY, 2))
    await look(world)
    (row,) = await standing(world)
    detail = {"drift_id": row["id"], "strategy_id": world.strategies[0], **wrong}
    (told,) = await world.ledger.give_external(await world.ask("give_external", detail))
    assert told.body["code"] == "drift.nothing_to_give"
    assert await world.position(-1) == 2
