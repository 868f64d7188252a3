"""A strategy's position becomes another's, and both books add up before and after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.ledger.handovers import HandoverBook
from shared.contracts.handovers import KIND
from shared.domain.order import Action, BrokerStatus, Role
from shared.ports.ledger import Claimed, Command
from tests.contract.ledger.postgres_world import PostgresWorld, postgres_world
from tests.contract.ledger.test_scenes import cancel_legs, enter
from tests.contract.ledger.world import BUY, CLOSE
from tests.fixtures.servers import DatabaseUrls

GIVER, TAKER = 0, 1


@pytest.fixture
async def street(ledger_database: DatabaseUrls) -> AsyncIterator[PostgresWorld]:
    """Over PostgreSQL only: nothing of a hand-over is the broker's, so the twin has none."""
    async with postgres_world(ledger_database) as world:
        (world.lease,) = await world.ledger.renew_leases("me")
        yield world


async def hand_over(street: PostgresWorld, **changed: object) -> str:
    """Ask and carry out; the code of the answer."""
    detail = {"strategy_id": street.strategies[GIVER], "to_strategy_id": street.strategies[TAKER]}
    command = await street.ask(KIND, detail | changed)
    return await carried_out(street, command)


async def carried_out(street: PostgresWorld, command: Command) -> str:
    events = await HandoverBook(street.engine, street.clock).carry_out(command)
    assert events[-1].type == "command.answered.v1"
    again = await HandoverBook(street.engine, street.clock).carry_out(command)
    assert again == [], "it is carried out once"
    return str(await street.db.fetchval(
        "SELECT code FROM command_results WHERE command_id = $1", command.id
    ))  # fmt: skip


async def books(street: PostgresWorld) -> dict[int, tuple[int, Decimal | None, Decimal]]:
    """Of each owner in the first account: net, average price, realised so far."""
    rows = await street.db.fetch(
        "SELECT p.strategy_id, p.net_qty, p.avg_price, (SELECT coalesce(sum(f.realized_usd), 0)"
        " FROM fills f WHERE f.account_id = p.account_id AND f.strategy_id = p.strategy_id)"
        " FROM positions p WHERE p.account_id = $1 ORDER BY 1",
        street.accounts[0],
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


async def sent_to_close(street: PostgresWorld, strategy: int) -> list[Claimed]:
    await street.signal(CLOSE, strategy)
    await street.claim()
    await cancel_legs(street)
    return [each for each in await street.send() if each.intent.account_id == street.accounts[0]]


async def test_position_legs_and_price_go_and_nothing_is_traded(street: PostgresWorld) -> None:
    await enter(street)
    before = await books(street)
    assert await hand_over(street) == "command.done"
    giver, taker = street.strategies
    after = await books(street)
    assert after[taker] == before[giver]
    assert after[giver][:2] == (0, None)
    totals = [
        (sum(each[0] for each in some.values()), sum(each[2] for each in some.values()))
        for some in (before, after)
    ]
    assert totals[0] == totals[1]
    legs = await street.rows("intents", account_id=street.accounts[0], ended_at=None)
    assert {(row["role"], row["strategy_id"]) for row in legs} == {
        ("take_profit", taker), ("stop_loss", taker),
    }  # fmt: skip
    assert (await street.claim()).claimed == ()
    assert await street.ledger.naked([street.lease], 0) == []


async def test_afterwards_the_other_closes_it_and_the_first_has_nothing(
    street: PostgresWorld,
) -> None:
    await enter(street)
    assert await hand_over(street) == "command.done"
    signal = await street.signal(CLOSE, GIVER)
    assert await street.decision(signal) == ("SKIPPED", "plan.flat", True)
    (leave,) = await sent_to_close(street, TAKER)
    assert (leave.intent.role, leave.intent.action, leave.intent.qty_contracts) == (
        Role.EXIT, Action.SELL, 1,
    )  # fmt: skip
    await street.fill(leave.intent, "20010")
    assert (await street.position(GIVER), await street.position(TAKER)) == (0, 0)
    found = await books(street)
    assert found[street.strategies[GIVER]][2] == 0
    assert found[street.strategies[TAKER]][2] == Decimal(200)


async def test_a_leg_that_fills_later_is_the_others(street: PostgresWorld) -> None:
    await enter(street)
    await hand_over(street)
    (stop,) = await street.rows("intents", account_id=street.accounts[0], role="stop_loss")
    shown = street.foreign_fill(Action.SELL)
    order = {"order_id": stop["broker_order_id"]}
    await street.tell(
        replace(shown[0], **order, client_id=stop["id"], status=BrokerStatus.FILLED),
        replace(shown[1], **order),
    )
    assert (await street.position(GIVER), await street.position(TAKER)) == (0, 0)
    rows = await street.db.fetch("SELECT DISTINCT strategy_id FROM fills WHERE account_id = 1")
    assert [row[0] for row in rows] == [street.strategies[TAKER]]


async def test_only_the_open_trip_goes(street: PostgresWorld) -> None:
    await enter(street)
    for claimed in await sent_to_close(street, GIVER):
        await street.fill(claimed.intent, "20010")
    await street.advance(1)
    await street.signal(BUY)
    for claimed in await street.send():
        if claimed.intent.account_id == street.accounts[0]:
            await street.fill(claimed.intent)
    await street.db.execute(
        "DELETE FROM positions WHERE account_id <> $1", street.accounts[0]
    )  # what the other account does is another test's
    assert await hand_over(street) == "command.done"
    found = await books(street)
    assert found[street.strategies[GIVER]] == (0, None, Decimal(200))
    assert found[street.strategies[TAKER]][0] == 1


@pytest.mark.parametrize("code", ["busy", "not_linked", "meets_other", "unknown", "malformed"])
async def test_what_is_not_at_rest_stays_as_it_is(street: PostgresWorld, code: str) -> None:
    await enter(street)
    changed: dict[str, object] = {}
    taker = street.strategies[TAKER]
    match code:
        case "busy":
            await street.signal(CLOSE)
        case "not_linked":
            await street.db.execute("DELETE FROM strategy_accounts WHERE strategy_id = $1", taker)
        case "meets_other":
            await street.db.execute(
                "INSERT INTO positions (account_id, contract, strategy_id, user_id, root, net_qty,"
                " avg_price, version) VALUES ($1, 'NQH7', $2, $3, 'NQ', 1, 20000, 1)",
                *(street.accounts[0], taker, street.user),
            )
        case "unknown":
            await street.switch_strategy(TAKER, active=False)
        case _:
            changed = {"to_strategy_id": "two"}
    before = await books(street)
    prefix = "command" if code == "malformed" else "handover"
    assert await hand_over(street, **changed) == f"{prefix}.{code}"
    assert await books(street) == before
    stops = await street.rows("intents", role="stop_loss", state="ACCEPTED")
    assert {row["strategy_id"] for row in stops} == {street.strategies[GIVER]}


async def test_nothing_held_is_nothing_to_hand_over(street: PostgresWorld) -> None:
    assert await hand_over(street) == "command.done"
