"""Bells on real PostgreSQL: what recorder writes and says, under its own role."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import text

from recorder.projector import Cause as Why
from recorder.rebuild import rebuild
from shared.db.uow import unit_of_work
from shared.domain.errors import NotFound
from shared.domain.ids import Cause
from tests.integration.recorder.world import CONTRACT, START, World

WHY = Why(START, "rebuild")


async def test_a_bracketed_trade_from_entry_to_target(world: World) -> None:
    signal = await world.signal(1)
    entry = await world.intent("entry", signal=signal, state="FILLED")
    await world.intent("stop_loss", parent=entry, stop_price="4990")
    target = await world.intent("take_profit", parent=entry, price="5010", signal=signal)

    await world.trade(1, "Buy", 2, "5000.25", intent=entry)
    [record] = await world.records()
    assert record["status"] == "open"
    assert (record["side"], record["qty"], record["open_qty"]) == ("BUY", 2, 2)
    assert (record["ticker"], record["timeframe"], record["root"]) == ("ES1!", "5", "ES")
    assert (record["stop_loss_price"], record["take_profit_price"]) == (4990, 5010)
    assert (record["signal_id"], record["user_id"]) == (signal, world.user)
    assert await world.trades() == []

    await world.trade(2, "Sell", 2, "5010", intent=target)
    [record] = await world.records()
    assert (record["status"], record["exit_reason"]) == ("target_hit", "Take Profit")
    assert record["gross_usd"] == Decimal("975.00")  # 9.75 points, 2 contracts, 50 USD
    assert (record["fees_usd"], record["net_usd"], record["fees_known"]) == (2, 973, True)
    [trade] = await world.trades()
    assert trade["recorded_position_id"] == record["id"]
    assert (trade["net_usd"], trade["timeframe"]) == (973, "5")
    assert [kind for kind, _ in await world.said()] == ["record.opened.v1", "record.closed.v1"]
    assert (await world.verify()).differences == ()


async def test_what_an_event_says(world: World) -> None:
    await world.trade(1, "Buy", 1, "5000")
    [(kind, body)] = await world.said()
    [record] = await world.records()
    assert kind == "record.opened.v1"
    assert body == {
        "recorded_position_id": record["id"],
        "strategy_id": world.strategy,
        "strategy_name": "Breakout",
        "account_id": world.account,
        "account_name": "DEMO700",
        "contract": CONTRACT,
        "ticker": None,
        "side": "BUY",
        "qty": 1,
        "open_qty": 1,
        "entry_price": "5000",
        "entry_at": "2026-03-02T15:00:01Z",
        "version": 1,
    }


async def test_an_add_and_a_partial_exit_resize(world: World) -> None:
    stop = await world.intent("stop_loss")
    await world.trade(1, "Buy", 1, "5000")
    await world.trade(2, "Buy", 1, "5001")
    await world.trade(3, "Sell", 1, "4999", intent=stop)
    kinds = await world.said()
    assert [kind for kind, _ in kinds] == ["record.opened.v1"] + ["record.resized.v1"] * 2
    added, reduced = kinds[1][1], kinds[2][1]
    assert (added["qty"], added["closed_qty"], added["reason"]) == (2, 0, None)
    assert (reduced["open_qty"], reduced["closed_qty"]) == (1, 1)
    assert (reduced["reason"], reduced["exit_price"]) == ("Stop Loss", "4999")
    assert reduced["gross_usd"] == "-50"
    assert [body["version"] for _, body in kinds] == [1, 2, 3]


async def test_a_flip_in_one_fill_closes_one_and_opens_another(world: World) -> None:
    await world.trade(1, "Buy", 1, "5000")
    await world.trade(2, "Sell", 3, "5002")
    long, short = await world.records()
    assert (long["status"], long["fees_usd"]) == ("closed", Decimal("1.34"))
    assert (short["side"], short["open_qty"], short["fees_usd"]) == ("SELL", 2, Decimal("0.66"))
    # A late fee of the flipping fill belongs to both.
    await world.change_fill(2, fee_usd=Decimal("3.00"))
    await world.ring(world.fee_known(2))
    assert [row["fees_usd"] for row in await world.records()] == [2, 2]
    assert (await world.verify()).differences == ()


async def test_a_late_fee_corrects_the_trade_and_says_so_again(world: World) -> None:
    await world.trade(1, "Buy", 1, "5000", fee=None)
    await world.trade(2, "Sell", 1, "5001", fee=None)
    [trade] = await world.trades()
    assert (trade["fees_usd"], trade["net_usd"]) == (0, 50)
    for fill_id in (1, 2):
        await world.change_fill(fill_id, fee_usd=Decimal("1.29"))
        await world.ring(world.fee_known(fill_id))
    [corrected] = await world.trades()
    assert corrected["id"] == trade["id"]
    assert corrected["net_usd"] == Decimal("47.42")
    closed = [body for kind, body in await world.said() if kind == "record.closed.v1"]
    assert [body["fees_known"] for body in closed] == [False, False, True]
    assert closed[-1]["net_usd"] == "47.42"


async def test_a_fee_of_an_open_trip_is_stored_but_no_news(world: World) -> None:
    await world.trade(1, "Buy", 1, "5000", fee=None)
    await world.change_fill(1, fee_usd=Decimal("1.29"))
    await world.ring(world.fee_known(1))
    [record] = await world.records()
    assert (record["fees_known"], record["version"]) == (True, 2)
    assert [kind for kind, _ in await world.said()] == ["record.opened.v1"]


async def test_a_busted_exit_opens_the_record_again(world: World) -> None:
    await world.trade(1, "Buy", 1, "5000")
    await world.trade(2, "Sell", 1, "5001")
    await world.change_fill(2, active=False)
    await world.ring(world.voided(2))
    [record] = await world.records()
    assert (record["status"], record["open_qty"], record["exit_at"]) == ("open", 1, None)
    assert await world.trades() == []
    kind, body = (await world.said())[-1]
    assert (kind, body["open_qty"]) == ("record.resized.v1", 1)


async def test_a_busted_round_trip_is_gone_and_said_to_be(world: World) -> None:
    await world.trade(1, "Buy", 1, "5000")
    await world.change_fill(1, active=False)
    await world.ring(world.voided(1))
    assert await world.records() == []
    kind, body = (await world.said())[-1]
    assert (kind, body["version"]) == ("record.voided.v1", 2)
    assert (await world.verify()).differences == ()


async def test_an_earlier_fill_that_comes_late_takes_the_record_over(world: World) -> None:
    await world.trade(5, "Buy", 1, "5000")
    [before] = await world.records()
    await world.trade(3, "Buy", 1, "4998")
    [after] = await world.records()
    assert (after["id"], after["opening_fill_id"]) == (before["id"], 3)
    assert (after["qty"], after["entry_price"]) == (2, 4999)


async def test_a_moved_stop_is_shown_without_news(world: World) -> None:
    entry = await world.intent("entry", state="FILLED")
    stop = await world.intent("stop_loss", parent=entry, stop_price="4990")
    await world.trade(1, "Buy", 1, "5000", intent=entry)
    await world.change_intent(stop, stop_price=Decimal(4995))
    await world.ring(world.order_changed(stop))
    [record] = await world.records()
    assert (record["stop_loss_price"], record["version"]) == (4995, 2)
    assert len(await world.said()) == 1


async def test_orders_without_a_record_change_nothing(world: World) -> None:
    entry = await world.intent("entry")
    stop = await world.intent("stop_loss", parent=entry, stop_price="4990")
    assert await world.ring(world.order_changed(entry), world.order_changed(stop)) == []
    assert await world.records() == []


@pytest.mark.parametrize(
    ("role", "cause", "reason", "status"),
    [
        ("exit", Cause.SIGNAL, "Signal", "closed"),
        ("exit", Cause.COMMAND, "Manual", "closed"),
        ("exit", Cause.GUARD, "Risk", "closed"),
        ("stop_loss", Cause.SIGNAL, "Stop Loss", "stopped_out"),
    ],
)
async def test_the_closing_intent_names_the_reason(
    world: World, role: str, cause: Cause, reason: str, status: str
) -> None:
    await world.trade(1, "Buy", 1, "5000")
    await world.trade(2, "Sell", 1, "5001", intent=await world.intent(role, cause=cause))
    [record] = await world.records()
    assert (record["exit_reason"], record["status"]) == (reason, status)
    assert [each["reason"] for each in record["exits"]] == [reason]


async def test_a_fill_of_nobodys_is_kept_with_its_reason(world: World) -> None:
    await world.trade(1, "Buy", 1, "5000", strategy=0)
    [note] = await world.unmatched()
    assert (note["broker_fill_id"], note["reason"]) == (1, "fill.external")
    assert note["detail"]["price"] == "5000"
    assert await world.records() == []
    # Given to the strategy later: it is recorded, and nobody's no more.
    bell = world.recorded(1)
    await world.change_fill(1, strategy_id=world.strategy)
    again = bell.model_copy(update={"id": world.voided(1).id})
    await world.ring(again)
    assert len(await world.records()) == 1
    assert await world.unmatched() == []


async def test_a_stopped_recorder_finishes_what_it_began_and_opens_nothing(world: World) -> None:
    await world.trade(1, "Buy", 1, "5000")
    await world.switch_recording(on=False)
    await world.trade(2, "Sell", 2, "5001")  # closes the recorded, opens one that is not
    [record] = await world.records()
    assert record["status"] == "closed"
    [note] = await world.unmatched()
    assert (note["broker_fill_id"], note["reason"]) == (2, "recording.off")
    # Switched on in the middle of it: that trip stays out, the next one is recorded.
    await world.switch_recording(on=True)
    await world.trade(3, "Buy", 1, "5000")
    assert len(await world.records()) == 1
    await world.trade(4, "Buy", 1, "5000")
    assert [row["opening_fill_id"] for row in await world.records()] == [1, 4]
    assert (await world.verify()).differences == ()


async def test_the_brokers_point_value_wins(world: World) -> None:
    async with unit_of_work(world.execution) as connection:
        await connection.execute(
            text(
                "INSERT INTO contracts (environment, name, broker_contract_id, root, tick_size,"
                " point_value_usd) VALUES ('demo', 'ESH6', 1, 'ES', 0.25, 60)"
            )
        )
    await world.trade(1, "Buy", 1, "5000")
    await world.trade(2, "Sell", 1, "5001")
    [trade] = await world.trades()
    assert trade["gross_usd"] == 60


async def test_a_bell_for_a_fill_that_does_not_exist_is_an_error(world: World) -> None:
    await world.fill(1, "Buy", 1, "5000")
    stray = world.recorded(1)
    body = {**stray.body, "fill_id": 99}
    with pytest.raises(NotFound):
        await world.ring(stray.model_copy(update={"body": body}))


async def test_the_same_bell_twice_changes_nothing(world: World) -> None:
    await world.trade(1, "Buy", 1, "5000")
    before = await world.records()
    assert await world.ring(world.recorded(1)) == []  # the inbox knows it
    other = world.recorded(1).model_copy(update={"id": world.voided(1).id})
    assert await world.ring(other) == []  # and if it did not, nothing differs
    assert await world.records() == before
    assert len(await world.said()) == 1


async def test_lost_records_are_rebuilt_without_telling_people_again(world: World) -> None:
    await world.trade(1, "Buy", 1, "5000")
    await world.trade(2, "Sell", 1, "5001")
    before = [strip(row) for row in (*await world.records(), *await world.trades())]
    async with unit_of_work(world.recorder) as connection:
        await connection.execute(text("DELETE FROM trades"))
        await connection.execute(text("DELETE FROM recorded_positions"))
    [difference] = (await world.verify()).differences
    assert (difference.changed, difference.gone) == (1, 0)
    async with unit_of_work(world.recorder) as connection:
        rebuilt = await rebuild(connection, WHY, silently=True)
    assert rebuilt.said == ()
    assert [strip(row) for row in (*await world.records(), *await world.trades())] == before
    assert len(await world.said()) == 2


async def test_a_falsified_trade_is_found_and_mended(world: World) -> None:
    await world.trade(1, "Buy", 1, "5000")
    await world.trade(2, "Sell", 1, "5001")
    async with unit_of_work(world.recorder) as connection:
        await connection.execute(text("UPDATE trades SET net_usd = 1000"))
    assert len((await world.verify()).differences) == 1
    async with unit_of_work(world.recorder) as connection:
        await rebuild(connection, WHY, world.account)
    assert (await world.verify()).differences == ()
    [trade] = await world.trades()
    assert trade["net_usd"] == 48


def strip(row: dict[str, object]) -> dict[str, object]:
    """Without what a new row must have anew."""
    left = {"id", "recorded_position_id", "version", "updated_at"}
    return {name: value for name, value in row.items() if name not in left}
