"""What happens by the calendar, on real PostgreSQL and on the twin: one set of promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any, Final

import pytest

from execution.duties import MOVE_WITHIN, after, duties, silent
from execution.ledger.due import PostgresAgenda
from shared.domain.order import Action, BrokerStatus, OrderType, Role, TimeInForce
from shared.domain.rules import AccountRules, RollPolicy, RollRules, StrategyRules, Watchdog
from shared.domain.rules.bracket import (
    Bracket,
    OnAdd,
    Stop,
    Target,
    Trail,
    TrimUnit,
    plain_bracket,
)
from shared.domain.rules.entries import AtEnd, Hours, Window
from shared.domain.rules.prop import PropRules
from shared.ports.agenda import Agenda, Kept
from shared.ports.broker import Accepted, Unknown
from shared.ports.ledger import Claimed
from tests.contract.ledger.postgres_world import PostgresWorld
from tests.contract.ledger.twin_world import TwinWorld
from tests.contract.ledger.world import (
    BUY,
    CLOSE,
    SELL,
    STOP_LOSS_TICKS,
    TAKE_PROFIT_TICKS,
    Row,
    World,
)
from tests.simulation.ledger.due import TwinAgenda

BRACKET: Final = plain_bracket(TAKE_PROFIT_TICKS, STOP_LOSS_TICKS)
# Entries until 11:00 in New York; the world begins on Monday at 10:00 there.
UNTIL_ELEVEN: Final = Hours(
    windows=(Window(start=time(9, 30), stop=time(11)),), at_end=AtEnd.FLATTEN
)
ELEVEN: Final = datetime(2026, 11, 2, 16, tzinfo=UTC)
LOCKED: Final = Decimal(20005)  # above where a long position of these tests was entered
ROLL_DAY: Final = datetime(2026, 12, 9, 23, tzinfo=UTC)  # 17:00 in Chicago: Thursday's session


def agenda_of(world: World) -> Agenda:
    if isinstance(world, PostgresWorld):
        return PostgresAgenda(world._engine, world.clock)
    assert isinstance(world, TwinWorld)
    return TwinAgenda(world.store)


async def keep(world: World, *, keeps_hours: bool = False) -> Kept:
    now = world.clock.now()
    return await agenda_of(world).keep(
        [world.lease], lambda each: duties(each, now, keeps_hours=keeps_hours)
    )


async def follow(world: World) -> Kept:
    now = world.clock.now()
    return await agenda_of(world).follow([world.lease], lambda roll: after(roll, now))


async def until(world: World, at: datetime) -> None:
    await world.advance((at - world.clock.now()).total_seconds())
    (world.lease,) = await world.ledger.renew_leases("me")


async def hold(world: World, signal: Any = BUY) -> list[Claimed]:
    """One contract in each account, its legs at the broker."""
    await world.signal(signal)
    sent = await world.send()
    for each in sent:
        await world.fill(each.intent)
    return sent


async def leave(world: World, held: list[Claimed]) -> list[Claimed]:
    """The exits that are pending go through; returns them."""
    claims = await world.claim()
    assert len(claims.cancels) == 2 * len(held)
    for each in held:
        for leg in each.legs:
            await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    exits = await world.send()
    for each in exits:
        await world.fill(each.intent)
    return exits


async def told(world: World, kind: str) -> list[Row]:
    return [row["body"] for row in await world.rows("outbox", type=kind)]


async def orders(world: World, **wanted: object) -> list[Row]:
    rows = await world.rows("intents", **wanted)
    return [row for row in rows if row["parent_id"] is None]


# --- windows ---
async def test_a_windows_end_flattens_once(world: World) -> None:
    await world.set_rules(StrategyRules(bracket=BRACKET, hours=UNTIL_ELEVEN))
    held = await hold(world)
    await until(world, ELEVEN.replace(hour=15, minute=59))
    assert await keep(world) == Kept((), has_planned=False)
    await until(world, ELEVEN)
    kept = await keep(world)
    assert kept.has_planned
    assert [each.type for each in kept.events] == ["window.ended.v1"] * 2
    assert await keep(world) == Kept((), has_planned=False)
    exits = await leave(world, held)
    assert [(e.intent.action, e.intent.qty_contracts) for e in exits] == [(Action.SELL, 1)] * 2
    assert await world.position() == 0
    await world.advance(60)
    assert await keep(world) == Kept((), has_planned=False)
    assert len(await orders(world, cause="window")) == 2
    body, _ = await told(world, "window.ended.v1")
    assert (body["code"], body["net_qty"]) == ("hours.strategy", 1)


async def test_what_was_missed_is_made_up_for_but_not_what_began_later(world: World) -> None:
    await world.set_rules(StrategyRules(bracket=BRACKET, hours=UNTIL_ELEVEN))
    held = await hold(world)
    await until(world, ELEVEN.replace(day=3))
    assert (await keep(world)).has_planned
    await leave(world, held)
    await world.set_rules(StrategyRules(bracket=BRACKET))
    assert len(await hold(world, SELL)) == 2
    await world.set_rules(StrategyRules(bracket=BRACKET, hours=UNTIL_ELEVEN))
    await world.advance(60)
    assert not (await keep(world)).has_planned


async def test_a_working_entry_is_taken_back_at_the_end(world: World) -> None:
    await world.set_rules(StrategyRules(bracket=BRACKET, hours=UNTIL_ELEVEN))
    await world.signal(BUY)
    sent = await world.send()
    for each in sent:
        await world.tell(await world.order_fact(each.intent, BrokerStatus.WORKING))
    await until(world, ELEVEN)
    assert (await keep(world)).has_planned
    claims = await world.claim()
    working = {await world.order_id(each.intent) for each in sent}
    assert working <= {each.broker_order_id for each in claims.cancels}


async def test_an_account_ends_every_strategy_in_it(world: World) -> None:
    firm = PropRules(
        name="x",
        start_balance_usd=Decimal(50_000),
        drawdown_usd=Decimal(2_000),
        flat_by=time(11),
    )
    await hold(world)
    await world.set_account(AccountRules(prop=firm))
    await until(world, ELEVEN)
    kept = await keep(world)
    (row,) = await orders(world, cause="window")
    assert row["account_id"] == world.accounts[0]
    assert [event.body["code"] for event in kept.events] == ["prop.flat_by"]


async def test_an_end_while_the_market_is_closed_names_the_open(world: World) -> None:
    until_close = Window(start=time(9, 30), stop=time(17))
    hours = Hours(windows=(until_close,), at_end=AtEnd.FLATTEN)
    await world.set_rules(StrategyRules(bracket=BRACKET, hours=hours))
    await hold(world)
    await until(world, datetime(2026, 11, 2, 22, 0, tzinfo=UTC))
    await keep(world, keeps_hours=True)
    body, _ = await told(world, "window.ended.v1")
    assert body["at"][:16] == "2026-11-02T22:00"
    assert body["exit_at"][:16] == "2026-11-02T23:00"


# --- rolls ---
async def rolling(world: World, policy: RollPolicy, signal: Any = BUY) -> list[Claimed]:
    await world.set_rules(StrategyRules(bracket=BRACKET, roll=RollRules(policy=policy)))
    return await hold(world, signal)


async def test_a_roll_is_told_ahead_once_and_on_its_day(world: World) -> None:
    await rolling(world, RollPolicy.TELL)
    await until(world, datetime(2026, 12, 4, 22, 59, tzinfo=UTC))
    assert (await keep(world)).events == ()
    await until(world, datetime(2026, 12, 4, 23, tzinfo=UTC))  # Friday 17:00: Monday begins
    assert len((await keep(world)).events) == 2
    assert (await keep(world)).events == ()
    await until(world, ROLL_DAY)
    assert len((await keep(world)).events) == 2
    assert (await keep(world)).events == ()
    ahead, _ = await told(world, "roll.due.v1")
    assert (ahead["contract"], ahead["entering"], ahead["on"]) == ("NQZ6", "NQH7", "2026-12-10")
    done, _ = await told(world, "roll.done.v1")
    assert (done["outcome"], done["entering"], done["qty_contracts"]) == ("kept", None, 1)
    assert await orders(world, cause="roll") == []


async def test_a_roll_closes(world: World) -> None:
    held = await rolling(world, RollPolicy.CLOSE)
    await until(world, ROLL_DAY.replace(hour=22, minute=30))
    assert not (await keep(world)).has_planned  # the session of that day has not begun
    await until(world, ROLL_DAY)
    assert (await keep(world)).has_planned
    assert (await follow(world)).is_waiting
    exits = await leave(world, held)
    assert {each.intent.contract for each in exits} == {"NQZ6"}
    kept = await follow(world)
    assert [event.body["outcome"] for event in kept.events] == ["closed"] * 2
    assert await follow(world) == Kept((), has_planned=False)
    assert not (await keep(world)).has_planned


@pytest.mark.parametrize(("signal", "action"), [(BUY, Action.BUY), (SELL, Action.SELL)])
async def test_a_roll_moves_once_with_its_bracket(
    world: World, signal: Any, action: Action
) -> None:
    held = await rolling(world, RollPolicy.MOVE, signal)
    await until(world, ROLL_DAY)
    assert (await keep(world)).has_planned
    assert not (await follow(world)).has_planned
    assert await orders(world, cause="roll", role="entry") == []
    await leave(world, held)
    assert (await follow(world)).has_planned
    assert not (await follow(world)).has_planned  # whoever asks again
    entries = await world.send()
    assert [(e.intent.contract, e.intent.action) for e in entries] == [("NQH7", action)] * 2
    assert {e.intent.qty_contracts for e in entries} == {1}
    for entry in entries:
        assert {leg.role: leg.offset_ticks for leg in entry.legs} == {
            Role.TAKE_PROFIT: TAKE_PROFIT_TICKS,
            Role.STOP_LOSS: STOP_LOSS_TICKS,
        }
        assert {leg.time_in_force for leg in entry.legs} == {TimeInForce.GTC}
        assert {leg.order_type for leg in entry.legs} == {OrderType.LIMIT, OrderType.STOP}
        await world.fill(entry.intent, "20100")
    kept = await follow(world)
    assert [event.body["outcome"] for event in kept.events] == ["moved"] * 2
    assert kept.events[0].body["entering"] == "NQH7"
    assert await world.position(contract="NQZ6") == 0
    assert await world.position(contract="NQH7") == action.sign
    await world.advance(120)
    assert await keep(world) == Kept((), has_planned=False)
    assert await follow(world) == Kept((), has_planned=False)
    assert len(await orders(world, cause="roll")) == 4


async def test_every_rung_moves_and_a_locked_profit_stays_locked(world: World) -> None:
    """Three contracts in two rungs; the market has gone up, and the stop with it."""
    half = TrimUnit.CONTRACTS
    ladder = Bracket(
        targets=(Target(at=Decimal(100), trim=Decimal(1), trim_unit=half), Target(at=Decimal(200))),
        stop=Stop(at=Decimal(40)),
        on_add=OnAdd.PER_POSITION,
    )
    await world.set_rules(StrategyRules(bracket=ladder, roll=RollRules(policy=RollPolicy.MOVE)))
    held = await hold(world, replace(BUY, quantity=3))
    shrunk = [replace(leg, qty_contracts=2) for entry in held for leg in entry.legs]
    rungs = [leg for rung in await world.send() for leg in (rung.intent, *rung.legs)]
    lifted = [leg if leg.price else replace(leg, stop_price=LOCKED) for leg in (*shrunk, *rungs)]
    for leg in lifted:
        await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    await until(world, ROLL_DAY)
    await keep(world)
    for leg in lifted:
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    for each in await world.send():
        await world.fill(each.intent, "20010")
    await follow(world)
    entry = (await world.send())[0]
    assert entry.intent.qty_contracts == 3
    rows = await world.rows("intents", parent_id=str(entry.intent.id))
    assert {(r["role"], r["rung"], r["qty"], r["offset_ticks"]) for r in rows} == {
        ("take_profit", 0, 3, 160),
        ("stop_loss", 0, 3, 20),
        ("take_profit", 1, 1, 60),
        ("stop_loss", 1, 1, 20),
    }
    assert {row["per_position"] for row in rows} == {True}
    await world.fill(entry.intent, "20110")
    (pair,) = [each for each in await world.send() if each.intent.parent == entry.intent.id]
    legs = (pair.intent, *pair.legs)
    assert [(leg.role, leg.qty_contracts, leg.stop_price or leg.price) for leg in legs] == [
        (Role.STOP_LOSS, 1, Decimal(20105)),
        (Role.TAKE_PROFIT, 1, Decimal(20125)),
    ]


async def test_a_position_whose_stop_the_exit_met_stays_closed(world: World) -> None:
    held = await rolling(world, RollPolicy.MOVE)
    await until(world, ROLL_DAY)
    await keep(world)
    for each in held:
        for leg in each.legs:
            await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    for each in await world.send():
        await world.fill(each.intent, "19997.5")
    kept = await follow(world)
    assert not kept.has_planned
    assert {event.body["code"] for event in kept.events} == {"roll.leg_reached"}


async def test_a_stop_that_follows_the_market_does_so_after_a_move(world: World) -> None:
    stop = Stop(at=Decimal(STOP_LOSS_TICKS), trail=Trail(distance=Decimal(STOP_LOSS_TICKS)))
    follows = BRACKET.model_copy(update={"stop": stop})
    await world.set_rules(StrategyRules(bracket=follows, roll=RollRules(policy=RollPolicy.MOVE)))
    held = await hold(world)
    await until(world, ROLL_DAY)
    await keep(world)
    await leave(world, held)
    await follow(world)
    for entry in await world.send():
        assert {leg.role: leg.moves for leg in entry.legs} == {
            Role.TAKE_PROFIT: None,
            Role.STOP_LOSS: stop,
        }


async def test_a_stop_that_was_hit_first_leaves_nothing_to_move(world: World) -> None:
    held = await rolling(world, RollPolicy.MOVE)
    await until(world, ROLL_DAY)
    await keep(world)
    for each in held:
        target, stop = each.legs
        await world.fill(stop, "19997.5")
        await world.tell(await world.order_fact(target, BrokerStatus.CANCELED))
    assert (await world.claim()).claimed == ()
    kept = await follow(world)
    assert not kept.has_planned
    assert [event.body["outcome"] for event in kept.events] == ["closed"] * 2


@pytest.mark.parametrize("word", [BUY, CLOSE])
async def test_an_alert_between_the_halves_counts_for_more(world: World, word: Any) -> None:
    held = await rolling(world, RollPolicy.MOVE)
    await until(world, ROLL_DAY)
    await keep(world)
    await leave(world, held)
    await world.signal(word)
    kept = await follow(world)
    assert not kept.has_planned
    assert {event.body["code"] for event in kept.events} == {"roll.overtaken"}


async def test_an_alert_that_waits_to_be_decided_counts_for_more(world: World) -> None:
    held = await rolling(world, RollPolicy.MOVE)
    await until(world, ROLL_DAY)
    await world.accept(CLOSE)
    await world.advance(1)
    await keep(world)
    await leave(world, held)
    kept = await follow(world)
    assert {event.body["code"] for event in kept.events} == {"roll.overtaken"}


async def test_a_person_between_the_halves_counts_for_more(world: World) -> None:
    held = await rolling(world, RollPolicy.MOVE)
    await until(world, ROLL_DAY)
    await keep(world)
    command = await world.ask("close", {"strategy_id": world.strategies[0]})
    await world.ledger.close_all(command)
    await leave(world, held)
    kept = await follow(world)
    assert not kept.has_planned
    assert {event.body["outcome"] for event in kept.events} == {"not_moved"}


async def test_what_could_not_follow_in_time_does_not(world: World) -> None:
    held = await rolling(world, RollPolicy.MOVE)
    await until(world, ROLL_DAY)
    await keep(world)
    await leave(world, held)
    await world.advance(MOVE_WITHIN.total_seconds())
    kept = await follow(world)
    assert not kept.has_planned
    assert {event.body["code"] for event in kept.events} == {"roll.too_late"}


async def test_a_strategy_that_was_switched_off_is_told_and_not_moved(world: World) -> None:
    await rolling(world, RollPolicy.MOVE)
    await world.switch_strategy(active=False)
    await until(world, ROLL_DAY)
    kept = await keep(world)
    assert not kept.has_planned
    assert {event.body["outcome"] for event in kept.events} == {"kept"}


async def test_a_lost_exit_is_tried_again_and_followed_once(world: World) -> None:
    held = await rolling(world, RollPolicy.MOVE)
    await until(world, ROLL_DAY)
    await keep(world)
    await world.claim()
    for each in held:
        for leg in each.legs:
            await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    for each in (await world.claim()).claimed:
        await world.ledger.record(each.intent.id, Unknown("timeout"))
        assert not (await follow(world)).has_planned
        await world.ledger.abandon(each.intent.id)
    assert (await follow(world)).is_waiting
    for each in (await world.claim()).claimed:
        assert each.intent.attempt == 2
        await world.ledger.record(each.intent.id, Accepted(next(world.ids)))
        await world.fill(each.intent)
    assert (await follow(world)).has_planned
    assert not (await follow(world)).has_planned
    assert len(await orders(world, cause="roll", role="entry")) == 2


# --- silence ---
async def test_silence_is_told_once_and_again_after_an_alert(world: World) -> None:
    quiet = StrategyRules(bracket=BRACKET, watchdog=Watchdog(quiet_s=3_600))
    await world.set_rules(quiet)
    agenda = agenda_of(world)

    async def watch() -> list[str]:
        now = world.clock.now()
        found = await agenda.watch(lambda each: silent(each, now))
        return [str(event.body["code"]) for event in found]

    await world.signal(BUY)
    await world.advance(3_599)
    assert await watch() == []
    await world.advance(1)
    assert await watch() == ["watchdog.quiet"]
    assert await watch() == []
    await world.advance(3_600)
    assert await watch() == []
    await world.signal(CLOSE)
    await world.advance(3_600)
    assert await watch() == ["watchdog.quiet"]
    await world.switch_strategy(active=False)
    await world.signal(CLOSE)
    await world.advance(3_600)
    assert await watch() == []
