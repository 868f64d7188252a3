"""Averaging down, on real PostgreSQL and on the twin: one set of promises."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest

from execution.ledger.averages import PostgresAveraging
from shared.domain.alert_signal import Level, Signal
from shared.domain.average_down import Market, Sinking, is_due
from shared.domain.claim import judge
from shared.domain.controls import Word
from shared.domain.decision.decide import decide_average
from shared.domain.gates.controls import Scope
from shared.domain.order import Action, BrokerStatus, Role
from shared.domain.plan import Denied, Plan
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.bracket import AverageDown, Bracket, DistanceUnit, Stop, Target
from shared.domain.rules.entries import EntryRules
from shared.domain.rules.limits import Limits
from shared.ports.agenda import Duty, Holding
from shared.ports.averaging import ADD_WITHIN, Averaging
from shared.ports.broker import Accepted, Refused
from shared.ports.ledger import DRIFT, Claimed, Claims
from tests.contract.ledger.plain import plain
from tests.contract.ledger.postgres_world import PostgresWorld
from tests.contract.ledger.test_agenda import agenda_of
from tests.contract.ledger.twin_world import TwinWorld
from tests.contract.ledger.world import BUY, CLOSE, SELL, Row, World
from tests.simulation.ledger.averages import TwinAveraging

ENTERED: Final = Decimal(20000)
DOWN: Final = Bracket(
    targets=(Target(at=Decimal(40)),),
    stop=Stop(at=Decimal(100)),  # 25 points
    average_down=AverageDown(step=Decimal(20), contracts=2, times=2),  # 5 points
)
RULES: Final = StrategyRules(bracket=DOWN)


def averaging_of(world: World) -> Averaging:
    if isinstance(world, PostgresWorld):
        return PostgresAveraging(world._engine, world.clock)
    assert isinstance(world, TwinWorld)
    return TwinAveraging(world.store)


async def hold(world: World, signal: Signal = BUY, rules: StrategyRules = RULES) -> Claimed:
    """One contract in the first account, entered at 20000, its legs at work."""
    await world.set_rules(rules)
    await world.signal(signal)
    sent = await world.send()
    for each in sent:
        await world.fill(each.intent)
        for leg in each.legs:
            await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    return sent[0]


async def sinking(world: World, account: int = 0) -> Sinking | None:
    found = await averaging_of(world).sinking([world.lease])
    return next((x for x in found if x.account_id == world.accounts[account]), None)


async def add(world: World, price: str) -> Plan | Denied | None:
    """What comes of it when the first account's position is seen at this price."""
    found, at = await sinking(world), Decimal(price)
    if found is None:
        return None

    def due(now: Sinking) -> Decimal | None:
        return at if is_due(now, Market(at, at)) else None

    return await averaging_of(world).add(found, due, decide_average)


async def claim_at(world: World, price: str) -> Claims:
    """Claim with the market there."""
    now, at = world.clock.now(), Decimal(price)
    return await world.ledger.claim([world.lease], lambda each: judge(each, now, at))


async def send_at(world: World, price: str) -> list[Claimed]:
    """What leaves is accepted and filled there."""
    claims = await claim_at(world, price)
    for each in claims.claimed:
        legs = tuple(next(world.ids) for _ in each.legs)
        await world.ledger.record(each.intent.id, Accepted(next(world.ids), legs))
        await world.fill(each.intent, price)
        for leg in each.legs:
            await world.tell(await world.order_fact(leg, BrokerStatus.WORKING))
    return list(claims.claimed)


async def adds(world: World) -> list[Row]:
    return await world.rows("intents", cause="average", role="entry")


async def refusals(world: World) -> list[tuple[str, str, str, dict[str, str]]]:
    """What the owner was told of adds that were not made."""
    told = [row["body"] for row in await world.rows("outbox", type="entry.refused.v1")]
    assert all(body["cause"] == "average" for body in told)
    return [(b["disposition"], b["code"], b["message"], b["compared"]) for b in told]


async def test_a_step_against_the_position_adds_once_with_a_bracket(world: World) -> None:
    await hold(world)
    assert await add(world, "19995.25") is None
    plan = await add(world, "19995")
    assert isinstance(plan, Plan)
    assert plan.code == "plan.average_down"
    assert await sinking(world) is None  # the add is under way
    (sent,) = await send_at(world, "19995")
    assert (sent.intent.action, sent.intent.qty_contracts) == (Action.BUY, 2)
    assert sent.intent.expires_at == world.clock.now() + ADD_WITHIN
    levels = [(leg.role, leg.price or leg.stop_price) for leg in sent.legs]
    assert levels == [
        (Role.TAKE_PROFIT, Decimal(20005)),
        (Role.STOP_LOSS, Decimal(19970)),
    ]
    assert await world.position() == 3


async def test_each_add_is_a_step_beyond_the_last_and_there_are_only_so_many(world: World) -> None:
    await hold(world)
    await add(world, "19994")
    await send_at(world, "19994")
    assert await add(world, "19989.25") is None
    assert isinstance(await add(world, "19989"), Plan)
    await send_at(world, "19989")
    assert await world.position() == 5
    assert await add(world, "19980") is None
    assert [row["leg"] for row in await adds(world)] == ["average.1", "average.2"]


async def test_nothing_is_added_at_the_positions_stop(world: World) -> None:
    await hold(world)
    assert await add(world, "19975") is None
    assert isinstance(await add(world, "19975.25"), Plan)
    assert (await claim_at(world, "19974.75")).claimed == ()
    (row,) = await adds(world)
    assert (row["state"], row["code"]) == ("SKIPPED", "average.stopped")
    ((disposition, code, _, _),) = await refusals(world)
    assert (disposition, code) == ("SKIPPED", "average.stopped")


async def test_an_add_whose_position_has_ended_does_not_leave(world: World) -> None:
    held = await hold(world)
    assert isinstance(await add(world, "19995"), Plan)
    await world.fill(held.legs[0])
    assert await world.position() == 0
    assert await send_at(world, "19995") == []
    (row,) = await adds(world)
    assert (row["state"], row["code"]) == ("SKIPPED", "average.ended")


async def test_an_add_that_waited_too_long_is_over(world: World) -> None:
    await hold(world)
    await add(world, "19995")
    await world.advance(ADD_WITHIN.total_seconds())
    assert await send_at(world, "19995") == []
    (row,) = await adds(world)
    assert row["state"] == "STALE"


async def test_a_try_counts_whatever_becomes_of_it(world: World) -> None:
    await hold(world)
    await add(world, "19995")
    (claimed,) = (await claim_at(world, "19995")).claimed
    await world.ledger.record(claimed.intent.id, Refused("broker.refused.margin", "No margin."))
    assert await add(world, "19995") is None, "the next one is a step further"
    assert isinstance(await add(world, "19990"), Plan)


async def test_two_processes_make_one_add(world: World) -> None:
    await hold(world)
    found = await sinking(world)
    assert found is not None
    first = await averaging_of(world).add(found, lambda _: Decimal(19995), decide_average)
    second = await averaging_of(world).add(found, lambda _: Decimal(19995), decide_average)
    assert isinstance(first, Plan)
    assert second is None
    assert len(await adds(world)) == 1


async def test_a_short_position_adds_above(world: World) -> None:
    await hold(world, SELL)
    assert await add(world, "20004.75") is None
    assert isinstance(await add(world, "20005"), Plan)
    (sent,) = await send_at(world, "20005")
    assert sent.intent.action is Action.SELL
    assert await world.position() == -3


@pytest.mark.parametrize(
    ("step", "unit", "too_near", "due"),
    [
        ("0.1", DistanceUnit.PERCENT, "19980.25", "19980"),
        ("100", DistanceUnit.DOLLARS, "19995.25", "19995"),
        ("5.1", DistanceUnit.POINTS, "19995", "19994.75"),
    ],
)
async def test_a_step_in_every_unit(
    world: World, step: str, unit: DistanceUnit, too_near: str, due: str
) -> None:
    down = AverageDown(step=Decimal(step), unit=unit)
    bracket = DOWN.model_copy(update={"average_down": down})
    await hold(world, rules=StrategyRules(bracket=bracket))
    assert await add(world, too_near) is None
    assert isinstance(await add(world, due), Plan)


@pytest.mark.parametrize(
    ("rules", "account", "code"),
    [
        (Limits(max_order_contracts=1), Limits(), "limits.strategy_order"),
        (Limits(), Limits(max_position_contracts=2), "limits.account_position"),
        (Limits(daily_loss_usd=Decimal(100)), Limits(), "risk.worst_case"),
    ],
)
async def test_an_add_meets_every_gate_of_an_entry(
    world: World, rules: Limits, account: Limits, code: str
) -> None:
    await hold(world)
    await world.set_rules(RULES.model_copy(update={"limits": rules}))
    await world.set_account(AccountRules(limits=account))
    denied = await add(world, "19995")
    assert isinstance(denied, Denied)
    assert denied.code == code
    assert await adds(world) == []
    assert await refusals(world) == [("BLOCKED", code, denied.message, plain(denied.detail))]


async def test_a_refusal_that_stands_is_told_once_and_another_reason_anew(world: World) -> None:
    await hold(world)
    await world.set_rules(RULES.model_copy(update={"limits": Limits(max_order_contracts=1)}))
    for price in ("19995", "19994", "19995"):
        assert isinstance(await add(world, price), Denied)
    assert [code for _, code, _, _ in await refusals(world)] == ["limits.strategy_order"]
    await world.say(Scope.ACCOUNT, world.accounts[0], Word.PAUSE)
    assert isinstance(await add(world, "19995"), Denied)
    told = [code for _, code, _, _ in await refusals(world)]
    assert told == ["limits.strategy_order", "pause.account"]
    (first, second) = await world.rows("outbox", type="entry.refused.v1")
    assert second["seq"] > first["seq"]


async def test_what_refuses_an_add_as_it_leaves_is_told_too(world: World) -> None:
    await hold(world)
    assert isinstance(await add(world, "19995"), Plan)
    await world.say(Scope.ACCOUNT, world.accounts[0], Word.PAUSE)
    assert (await claim_at(world, "19995")).claimed == ()
    (told,) = await refusals(world)
    assert told[:2] == ("BLOCKED", "pause.account")
    await claim_at(world, "19995")
    assert len(await refusals(world)) == 1


async def test_a_word_of_a_person_stops_it(world: World) -> None:
    await hold(world)
    await world.say(Scope.ACCOUNT, world.accounts[0], Word.PAUSE)
    denied = await add(world, "19995")
    assert isinstance(denied, Denied)
    assert denied.code == "pause.account"


async def test_adds_of_alerts_and_of_the_price_share_one_bound(world: World) -> None:
    await hold(world, rules=RULES.model_copy(update={"entries": EntryRules(max_adds=0)}))
    denied = await add(world, "19995")
    assert isinstance(denied, Denied)
    assert denied.code == "entries.adds_spent"


async def test_every_nth_signal_is_about_signals(world: World) -> None:
    await hold(world)
    await world.set_rules(RULES.model_copy(update={"entries": EntryRules(every_nth=7)}))
    assert isinstance(await add(world, "19995"), Plan)


async def test_an_alerts_own_stop_is_the_adds_too(world: World) -> None:
    bare = StrategyRules(bracket=Bracket(average_down=AverageDown(step=Decimal(20))))
    told = replace(BUY, stop=Level(Decimal(19990), DistanceUnit.PRICE), price=ENTERED)
    await hold(world, told, bare)
    assert isinstance(await add(world, "19995"), Plan)
    (sent,) = await send_at(world, "19995")
    assert [leg.stop_price for leg in sent.legs] == [Decimal(19990)]


async def test_not_while_anything_is_under_way(world: World) -> None:
    await hold(world)
    await world.signal(CLOSE)
    assert await sinking(world) is None


async def test_not_in_an_account_that_takes_exits_only(world: World) -> None:
    await hold(world)
    await world.ledger.quarantine(world.accounts[0], DRIFT)
    assert await sinking(world) is None
    assert await sinking(world, 1) is not None


async def test_not_for_a_strategy_that_is_off_or_does_not_average(world: World) -> None:
    await hold(world)
    await world.switch_strategy(active=False)
    assert await averaging_of(world).sinking([world.lease]) == []
    await world.switch_strategy(active=True)
    await world.set_rules(StrategyRules(bracket=DOWN.model_copy(update={"average_down": None})))
    assert await averaging_of(world).sinking([world.lease]) == []


async def test_a_position_whose_stop_is_missing_waits(world: World) -> None:
    held = await hold(world)
    stop = next(leg for leg in held.legs if leg.role is Role.STOP_LOSS)
    await world.tell(await world.order_fact(stop, BrokerStatus.CANCELED))
    found = await sinking(world)
    assert found is not None
    assert (found.stop, found.is_stopped) == (None, True)
    assert await add(world, "19995") is None


async def test_an_add_makes_a_position_no_younger(world: World) -> None:
    """What is due at a window's end or a roll goes by when somebody last asked for it."""
    await hold(world)
    began = world.clock.now()
    await world.advance(60)
    (world.lease,) = await world.ledger.renew_leases("me")
    await add(world, "19995")
    await send_at(world, "19995")
    seen: list[tuple[int, bool]] = []

    def note(holding: Holding) -> list[Duty]:
        if holding.account_id == world.accounts[0]:
            seen.append((holding.net_qty, holding.began_at == began))
        return []

    await agenda_of(world).keep([world.lease], note)
    assert seen == [(3, True)]


async def test_the_next_position_counts_anew(world: World) -> None:
    held = await hold(world)
    await add(world, "19995")
    (added,) = await send_at(world, "19995")
    for each in (held, added):
        target, stop = each.legs
        await world.fill(target)
        await world.tell(await world.order_fact(stop, BrokerStatus.CANCELED))
    assert await world.position() == 0
    await hold(world)
    assert isinstance(await add(world, "19995"), Plan)
    found = await adds(world)
    assert [row["leg"] for row in found] == ["average.1"] * 2
    assert len({row["cause_id"] for row in found}) == 2
