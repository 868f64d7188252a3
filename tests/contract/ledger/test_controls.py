"""Kill, pause and resume, and gates judged again in the claim: on PostgreSQL and on the twin."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from shared.domain.alert_signal import SignalOrderType
from shared.domain.controls import Word
from shared.domain.gates.controls import Scope
from shared.domain.order import Action, BrokerStatus, Role
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.limits import Limits
from shared.ports.broker import Refused, Unknown
from tests.contract.ledger.test_scenes import cancel_legs, enter
from tests.contract.ledger.world import BUY, CLOSE, QUOTE, SELL, World

ONE = 1  # the first account of either world
LIMIT = replace(BUY, order_type=SignalOrderType.LIMIT, limit_price=QUOTE - 10)


def target(world: World, scope: Scope) -> int:
    match scope:
        case Scope.SYSTEM:
            return 0
        case Scope.USER:
            return world.user
        case Scope.ACCOUNT:
            return world.accounts[0]
        case Scope.STRATEGY:
            return world.strategies[0]


async def entries(world: World, account: int = 0) -> list[tuple[str, str | None]]:
    rows = await world.rows("intents", role="entry", account_id=world.accounts[account])
    return [(row["state"], row["code"]) for row in rows]


async def test_no_entry_is_planned_and_none_that_waits_is_claimed(world: World) -> None:
    for word, scope in product((Word.KILL, Word.PAUSE), Scope):
        waiting = await world.signal(BUY)
        await world.say(scope, target(world, scope), word)
        refused = await world.signal(BUY)
        sent = (await world.claim()).claimed
        for each in sent:
            await world.ledger.record(each.intent.id, Refused("broker.refused.x", "No."))
        claimed = [each.intent.account_id for each in sent]
        assert world.accounts[0] not in claimed
        assert (world.accounts[1] in claimed) is (scope is Scope.ACCOUNT)
        code = f"{word}.{scope}"
        assert [each for each in await entries(world) if each[1] == code] == [("BLOCKED", code)]
        for signal in (waiting, refused):
            assert await world.decision(signal) == ("BLOCKED", code, True)
            of = {"signal_id": signal, "account_id": world.accounts[0]}
            (row,) = await world.rows("signal_decisions", **of)
            assert row["detail"] == {"reason": "test"}
        await world.say(scope, target(world, scope), Word.RESUME)


async def test_a_resume_lets_entries_through_again(world: World) -> None:
    await world.say(Scope.ACCOUNT, world.accounts[0], Word.PAUSE)
    await world.signal(BUY)
    await world.say(Scope.ACCOUNT, world.accounts[0], Word.RESUME)
    signal = await world.signal(BUY)
    assert await world.decision(signal) == ("PLANNED", "plan.entry", False)
    await world.claim()
    assert await entries(world) == [("SENDING", None)]


async def test_words_to_others_change_nothing(world: World) -> None:
    await world.say(Scope.STRATEGY, world.strategies[1], Word.KILL)
    await world.say(Scope.ACCOUNT, 99, Word.KILL)
    await world.signal(BUY)
    assert len((await world.claim()).claimed) == 2


async def test_a_paused_strategy_is_closed_as_ever(world: World) -> None:
    await enter(world)
    await world.say(Scope.STRATEGY, world.strategies[0], Word.PAUSE)
    await world.signal(CLOSE)
    await cancel_legs(world)
    assert [each.intent.role for each in await world.send()] == [Role.EXIT, Role.EXIT]


async def test_a_kill_closes_what_is_held_and_what_is_on_its_way(world: World) -> None:
    for scope in Scope:
        await enter(world)
        await world.signal(LIMIT)
        resting = [each for each in await world.send() if each.intent.account_id == ONE]
        await world.say(scope, target(world, scope), Word.KILL)
        for command in await world.ledger.commands():
            assert command.kind == "close"
            await world.ledger.close_all(command)
        order = await world.order_id(resting[0].intent)
        assert order in [each.broker_order_id for each in (await world.claim()).cancels]
        await world.tell(await world.order_fact(resting[0].intent, BrokerStatus.CANCELED))
        await cancel_legs(world)
        exits = [each for each in await world.send() if each.intent.account_id == ONE]
        assert [(each.intent.role, each.intent.qty_contracts) for each in exits] == [(Role.EXIT, 1)]
        await world.fill(exits[0].intent)
        assert await world.position() == 0
        await world.say(scope, target(world, scope), Word.RESUME)


async def test_an_entry_that_was_being_sent_when_a_kill_came_is_closed_when_it_fills(
    world: World,
) -> None:
    await world.signal(BUY)
    sending = (await world.claim()).claimed
    await world.say(Scope.USER, world.user, Word.KILL)
    (command,) = await world.ledger.commands()
    await world.ledger.close_all(command)
    for each in sending:
        await world.ledger.record(each.intent.id, Unknown("timeout"))
        await world.ledger.found(each.intent.id, next(world.ids))
    await world.fill(sending[0].intent)
    await cancel_legs(world)
    (leave,) = [each for each in await world.send() if each.intent.account_id == world.accounts[0]]
    assert (leave.intent.action, leave.intent.qty_contracts) == (Action.SELL, 1)


async def test_a_limit_that_was_lowered_holds_for_what_waits(world: World) -> None:
    signal = await world.signal(replace(BUY, quantity=3))
    await world.set_rules(StrategyRules(limits=Limits(max_order_contracts=2)))
    assert (await world.claim()).claimed == ()
    assert (await world.decision(signal))[:2] == ("BLOCKED", "limits.strategy_order")
    (row, _) = await world.rows("signal_decisions", signal_id=signal)
    assert row["detail"] == {
        "contracts": "3.00000000",
        "limit": "2.00000000",
    }


async def test_a_position_limit_counts_what_was_sent_and_not_what_waits(world: World) -> None:
    await world.set_account(AccountRules(limits=Limits(max_position_contracts=3)))
    first = await world.signal(replace(BUY, quantity=2))
    second = await world.signal(BUY)
    await world.set_account(AccountRules(limits=Limits(max_position_contracts=2)))
    await world.send()
    await world.send()
    assert (await world.states(first))["entry"] == "ACCEPTED"
    assert (await world.decision(second))[:2] == ("BLOCKED", "limits.account_position")


async def test_a_foreign_position_counts_against_the_account(world: World) -> None:
    await world.set_account(AccountRules(limits=Limits(max_root_contracts={"NQ": 1})))
    signal = await world.signal(BUY)
    await world.tell(*world.foreign_fill(Action.BUY))
    await world.claim()
    assert (await world.decision(signal))[1] in ("limits.account_root", "netting.owned_by")


async def test_whoever_came_first_owns_the_root_when_both_wait(world: World) -> None:
    await world.set_account(exclusive=False)
    mine, theirs = await world.signal(BUY), await world.signal(BUY, strategy=1)
    await world.set_account(exclusive=True)
    await world.send()
    await world.send()
    assert (await world.states(mine))["entry"] == "ACCEPTED"
    assert (await world.decision(theirs))[:2] == ("BLOCKED", "netting.owned_by")


async def test_an_order_of_another_owner_at_that_price_is_not_met(world: World) -> None:
    await world.set_account(exclusive=False)
    far = replace(SELL, order_type=SignalOrderType.LIMIT, limit_price=QUOTE + 50)
    buying = replace(BUY, order_type=SignalOrderType.LIMIT, limit_price=QUOTE + 60)
    await world.signal(far, strategy=1)
    signal = await world.signal(buying)  # nothing of theirs is at work yet
    await world.send()
    await world.send()
    assert (await world.decision(signal))[:2] == ("BLOCKED", "netting.self_match")


async def test_a_market_that_closed_meanwhile_takes_no_entry(world: World) -> None:
    signal = await world.signal(BUY)
    await world.keep_hours()
    saturday = 5 * 24 * 3600
    await world.advance(saturday)
    (world.lease,) = await world.ledger.renew_leases("me")
    late = await world.signal(BUY)
    await world.claim()
    assert (await world.decision(signal))[0] == "STALE"
    assert (await world.decision(late))[:2] == ("BLOCKED", "session.closed")


async def test_what_was_switched_off_meanwhile_takes_no_entry(world: World) -> None:
    signal = await world.signal(BUY)
    await world.switch_strategy(active=False)
    assert (await world.claim()).claimed == ()
    assert (await world.decision(signal))[:2] == ("BLOCKED", "strategy.disabled")
