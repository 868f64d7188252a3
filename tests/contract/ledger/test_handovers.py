"""A strategy's position becomes another's, and both books add up before and after."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.contracts.handovers import KIND
from shared.domain.alert_signal import SignalOrderType
from shared.domain.order import Action, BrokerStatus, Role
from shared.domain.rules import AccountRules
from shared.ports.ledger import Claimed, Command
from tests.contract.ledger.handing import handovers_of
from tests.contract.ledger.postgres_world import PostgresWorld
from tests.contract.ledger.test_drifts import look
from tests.contract.ledger.test_scenes import cancel_legs, enter
from tests.contract.ledger.twin_world import TwinWorld
from tests.contract.ledger.world import BUY, CLOSE, QUOTE, World

GIVER, TAKER = 0, 1
Books = dict[int, tuple[int, Decimal | None, Decimal]]


async def hand_over(world: World, **changed: object) -> str:
    """Ask and carry out; the code of the answer."""
    detail = {"strategy_id": world.strategies[GIVER], "to_strategy_id": world.strategies[TAKER]}
    return await carried_out(world, await world.ask(KIND, detail | changed))


async def carried_out(world: World, command: Command) -> str:
    events = await handovers_of(world).carry_out(command)
    assert events[-1].type == "command.answered.v1"
    assert await handovers_of(world).carry_out(command) == [], "it is carried out once"
    return str(events[-1].body["code"])


async def books(world: World) -> Books:
    """Of each owner in the first account: net, average price, realised so far."""
    here = {"account_id": world.accounts[0]}
    out: Books = {}
    for row in await world.rows("positions", **here):
        fills = await world.rows("fills", strategy_id=row["strategy_id"], **here)
        earned = sum((Decimal(fill["realized_usd"]) for fill in fills), Decimal(0))
        average = None if row["avg_price"] is None else Decimal(row["avg_price"])
        out[row["strategy_id"]] = (row["net_qty"], average, earned)
    return out


async def sent_to_close(world: World, strategy: int) -> list[Claimed]:
    await world.signal(CLOSE, strategy)
    await world.claim()
    await cancel_legs(world)
    return await world.send()


def here(world: World, sent: list[Claimed]) -> list[Claimed]:
    """In the first account."""
    return [each for each in sent if each.intent.account_id == world.accounts[0]]


async def unlink(world: World, strategy: int) -> None:
    """It trades no account any more."""
    key = world.strategies[strategy]
    if isinstance(world, PostgresWorld):
        query = "UPDATE strategy_accounts SET enabled = false WHERE strategy_id = $1"
        await world.db.execute(query, key)
        return
    assert isinstance(world, TwinWorld)
    for row in world.store.links.rows():
        if row.strategy_id == key:
            off = replace(row, enabled=False)
            world.store.links.put((row.strategy_id, row.account_id), off)


async def test_position_legs_and_price_go_and_nothing_is_traded(world: World) -> None:
    await enter(world)
    before = await books(world)
    assert await hand_over(world) == "command.done"
    giver, taker = world.strategies
    after = await books(world)
    assert after[taker] == before[giver]
    assert after[giver][:2] == (0, None)
    totals = [
        (sum(each[0] for each in some.values()), sum(each[2] for each in some.values()))
        for some in (before, after)
    ]
    assert totals[0] == totals[1]
    legs = await world.rows("intents", account_id=world.accounts[0], ended_at=None)
    assert {(row["role"], row["strategy_id"]) for row in legs} == {
        ("take_profit", taker), ("stop_loss", taker),
    }  # fmt: skip
    assert (await world.claim()).claimed == ()
    assert await world.ledger.naked([world.lease], 0) == []


async def test_afterwards_the_other_closes_it_and_the_first_has_nothing(world: World) -> None:
    await enter(world)
    assert await hand_over(world) == "command.done"
    signal = await world.signal(CLOSE, GIVER)
    assert await world.decision(signal) == ("SKIPPED", "plan.flat", True)
    (leave,) = here(world, await sent_to_close(world, TAKER))
    assert (leave.intent.role, leave.intent.action, leave.intent.qty_contracts) == (
        Role.EXIT, Action.SELL, 1,
    )  # fmt: skip
    await world.fill(leave.intent, "20010")
    assert (await world.position(GIVER), await world.position(TAKER)) == (0, 0)
    found = await books(world)
    assert found[world.strategies[GIVER]][2] == 0
    assert found[world.strategies[TAKER]][2] == Decimal(200)


async def test_a_leg_that_fills_later_is_the_others(world: World) -> None:
    await enter(world)
    await hand_over(world)
    (stop,) = await world.rows("intents", account_id=world.accounts[0], role="stop_loss")
    shown = world.foreign_fill(Action.SELL)
    order = {"order_id": stop["broker_order_id"]}
    await world.tell(
        replace(shown[0], **order, client_id=stop["id"], status=BrokerStatus.FILLED),
        replace(shown[1], **order),
    )
    assert (await world.position(GIVER), await world.position(TAKER)) == (0, 0)
    fills = await world.rows("fills", account_id=world.accounts[0])
    assert {row["strategy_id"] for row in fills} == {world.strategies[TAKER]}


async def test_only_the_open_trip_goes(world: World) -> None:
    await enter(world)
    for claimed in await sent_to_close(world, GIVER):
        await world.fill(claimed.intent, "20010")
    await world.advance(1)
    await world.signal(BUY)
    for claimed in here(world, await world.send()):
        await world.fill(claimed.intent)
    assert await hand_over(world) == "command.done"
    found = await books(world)
    assert found[world.strategies[GIVER]] == (0, None, Decimal(200))
    assert found[world.strategies[TAKER]][0] == 1


async def test_of_what_was_given_to_it_only_the_open_trip_goes_too(world: World) -> None:
    """It began with a fill that no order of ours made."""
    await enter(world)
    for claimed in await sent_to_close(world, GIVER):
        await world.fill(claimed.intent, "20010")
    await world.advance(1)
    await world.tell(*world.foreign_fill(Action.BUY))
    await look(world)
    (drift,) = await world.rows("drifts", code="drift.manual_entry")
    detail = {"drift_id": drift["id"], "strategy_id": world.strategies[GIVER]}
    await world.ledger.give_external(await world.ask("give_external", detail))
    assert (await world.position(GIVER), await world.position(-1)) == (1, 0)
    assert await hand_over(world) == "command.done"
    found = await books(world)
    assert found[world.strategies[GIVER]] == (0, None, Decimal(200))
    assert found[world.strategies[TAKER]] == (1, Decimal(20000), Decimal(0))


@pytest.mark.parametrize("code", ["busy", "not_linked", "meets_other", "unknown", "malformed"])
async def test_what_is_not_at_rest_stays_as_it_is(world: World, code: str) -> None:
    for account in range(len(world.accounts)):
        await world.set_account(AccountRules(), exclusive=False, account=account)
    await enter(world)
    changed: dict[str, object] = {}
    match code:
        case "busy":
            await world.signal(CLOSE)
        case "not_linked":
            await unlink(world, TAKER)
        case "meets_other":
            far = replace(BUY, order_type=SignalOrderType.LIMIT, limit_price=QUOTE - 100)
            await world.signal(far, TAKER)
        case "unknown":
            await world.switch_strategy(TAKER, active=False)
        case _:
            changed = {"to_strategy_id": "two"}
    before = await books(world)
    stops = await world.rows("intents", role="stop_loss", strategy_id=world.strategies[GIVER])
    prefix = "command" if code == "malformed" else "handover"
    assert await hand_over(world, **changed) == f"{prefix}.{code}"
    assert await books(world) == before
    assert stops == await world.rows(
        "intents", role="stop_loss", strategy_id=world.strategies[GIVER]
    )


async def test_nothing_held_is_nothing_to_hand_over(world: World) -> None:
    assert await hand_over(world) == "command.done"
