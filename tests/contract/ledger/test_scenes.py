"""What a decision is told, on real PostgreSQL and on the twin: every field but money."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from shared.domain.alert_signal import Side, Signal, SignalOrderType
from shared.domain.controls import Word
from shared.domain.decision.decide import decide
from shared.domain.decision.scene import PastEntry, Scene, WorkingOrder
from shared.domain.gates.controls import Scope
from shared.domain.ids import StrategyId
from shared.domain.instruments import product_of, warning_of
from shared.domain.order import Action, BrokerStatus, OrderType
from shared.domain.plan import Denied, Plan
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.entries import EntryRules, Follow
from shared.domain.rules.limits import Brakes
from shared.domain.strategy import AccountLink, Strategy
from shared.ports.broker import Refused
from tests.contract.ledger.world import BROKER_ACCOUNTS, BUY, CLOSE, MAX_AGE_S, QUOTE, SELL, World

REVIEWED = Brakes(entries_before_review=50)
LOOKING_BACK = Brakes(entries_before_review=50, duplicate_s=600)


async def scene(world: World, strategy: int = 0, account: int = 0) -> Scene:
    """What is decided on now, without deciding anything that lasts: a close of a foreign root."""
    seen: dict[int, Scene] = {}

    def look(signal: Signal, settings: Strategy, link: AccountLink, told: Scene) -> Plan | Denied:
        seen[link.account_id] = told
        return decide(signal, settings, link, told)

    await world.accept(replace(CLOSE, symbol="GC1!"), strategy)
    await world.ledger.fan_out(world.strategies[strategy], look, MAX_AGE_S)
    return seen[world.accounts[account]]


async def later(world: World, seconds: float) -> None:
    """Time passes, and the login stays ours."""
    await world.advance(seconds)
    (world.lease,) = await world.ledger.renew_leases("me")


async def enter(world: World, strategy: int = 0) -> None:
    """Signal, send and fill in both accounts."""
    await world.signal(BUY, strategy)
    for claimed in await world.send():
        await world.fill(claimed.intent)


async def leave(world: World, strategy: int = 0) -> None:
    await world.signal(CLOSE, strategy)
    await world.claim()
    await cancel_legs(world)
    for claimed in await world.send():
        await world.fill(claimed.intent)


async def cancel_legs(world: World) -> None:
    for row in await world.rows("intents", state="ACCEPTED"):
        if row["role"] not in ("take_profit", "stop_loss"):
            continue
        account = [int(each) for each in world.accounts].index(row["account_id"])
        shown = world.foreign_fill(Action(row["action"]))[0]
        await world.tell(
            replace(
                shown,
                account=BROKER_ACCOUNTS[account],
                order_id=row["broker_order_id"],
                client_id=row["id"],
                status=BrokerStatus.CANCELED,
            )
        )


async def test_nothing_has_happened_yet(world: World) -> None:
    told = await scene(world)
    assert (told.history.adds_made, told.history.last_entry_at) == (0, None)
    assert (told.history.flat_since, told.history.asked_entries) == (None, 0)
    assert (told.halts, told.followed, told.working) == ((), {}, ())
    assert told.keeps_hours is False


async def test_entries_after_the_first_are_adds_until_flat(world: World) -> None:
    await enter(world)
    assert (await scene(world)).history.adds_made == 0
    await enter(world)
    await world.signal(BUY)  # one more on its way
    told = await scene(world)
    assert told.history.adds_made == 2
    assert told.history.flat_since is None


async def test_adds_of_a_flat_strategy_are_what_follows_the_entry_on_its_way(world: World) -> None:
    await world.signal(BUY)
    assert (await scene(world)).history.adds_made == 0
    await world.signal(BUY)
    assert (await scene(world)).history.adds_made == 1


async def test_flat_since_the_fill_that_ended_it(world: World) -> None:
    await enter(world)
    await later(world, 60)
    ended = world.clock.now()
    await leave(world)
    await later(world, 60)
    told = await scene(world)
    assert told.history.flat_since == ended
    assert told.history.adds_made == 0
    await enter(world)
    assert (await scene(world)).history.adds_made == 0


async def test_the_last_entries_are_told_but_not_those_that_never_left(world: World) -> None:
    await world.set_rules(StrategyRules(brakes=LOOKING_BACK))
    await world.signal(BUY)
    for claimed in (await world.claim()).claimed:
        await world.ledger.record(claimed.intent.id, Refused("broker.refused.x", "No."))
    at = world.clock.now()
    await later(world, 5)
    await world.signal(SELL)
    await later(world, 31)
    await world.claim()  # it was too late for the second
    told = await scene(world)
    assert told.history.last_entry_at == at
    assert told.history.recent == (PastEntry(at, "NQ", "NQZ6", Action.BUY, 1),)
    assert told.history.since_review == 1
    await later(world, 600)
    assert (await scene(world)).history.recent == ()


async def test_the_account_counts_every_strategy(world: World) -> None:
    await world.set_account(AccountRules(brakes=REVIEWED), exclusive=False)
    await enter(world)
    await cancel_legs(world)
    await later(world, 5)
    await enter(world, strategy=1)
    told = await scene(world)
    assert (len(told.history.recent), len(told.account_history.recent)) == (1, 2)
    assert (told.history.since_review, told.account_history.since_review) == (0, 2)
    await world.say(Scope.ACCOUNT, world.accounts[0], Word.RESUME)
    assert (await scene(world)).account_history.since_review == 0


async def test_a_resume_begins_the_review_anew(world: World) -> None:
    await world.set_rules(StrategyRules(brakes=REVIEWED))
    await enter(world)
    assert (await scene(world)).history.since_review == 1
    await world.say(Scope.STRATEGY, world.strategies[0], Word.RESUME)
    assert (await scene(world)).history.since_review == 0
    await later(world, 1)
    await enter(world)
    assert (await scene(world)).history.since_review == 1


async def test_entry_signals_are_counted_whatever_became_of_them(world: World) -> None:
    await world.set_rules(StrategyRules(entries=EntryRules(every_nth=3)))
    codes = []
    for _ in range(4):
        signal = await world.signal(BUY)
        codes.append((await world.decision(signal))[1])
    assert codes == ["pace.every_nth", "pace.every_nth", "plan.entry", "pace.every_nth"]
    assert (await scene(world)).history.asked_entries == 4
    assert (await scene(world, strategy=1)).history.asked_entries == 0


async def test_followed_strategies_are_told_with_their_side(world: World) -> None:
    follows = (Follow(strategy_id=world.strategies[1]), Follow(strategy_id=99))
    await world.set_rules(StrategyRules(follows=follows))
    assert (await scene(world)).followed == {world.strategies[1]: 0}
    await world.signal(SELL, strategy=1)
    for claimed in await world.send():
        await world.fill(claimed.intent)
    assert (await scene(world)).followed == {world.strategies[1]: -2}  # both accounts


async def test_exposure_counts_every_owner_and_what_is_on_its_way(world: World) -> None:
    await world.set_account(exclusive=False)
    await world.signal(replace(BUY, quantity=3))
    for claimed in await world.send():
        await world.fill(claimed.intent)
    await world.signal(replace(SELL, quantity=2), strategy=1)
    await world.tell(*world.foreign_fill(Action.BUY))
    told = await scene(world)
    assert told.exposure.net == {"NQ": 3 - 2 + 1}
    assert told.exposure.gross == {"NQ": 3 + 2 + 1}


async def test_orders_at_work_of_every_owner_are_told(world: World) -> None:
    await world.set_account(exclusive=False)
    limit = replace(BUY, order_type=SignalOrderType.LIMIT, limit_price=QUOTE - 10)
    await world.signal(limit, strategy=1)
    assert (await scene(world)).working == ()
    await world.send()
    foreign, _ = world.foreign_fill(Action.SELL)
    resting = replace(foreign, status=BrokerStatus.WORKING, order_type=OrderType.LIMIT)
    await world.tell(replace(resting, price=QUOTE + 100))
    told = (await scene(world)).working
    one = world.strategies[1]
    assert set(told) == {
        WorkingOrder(one, "NQZ6", Action.BUY, OrderType.LIMIT, QUOTE - 10),
        WorkingOrder(one, "NQZ6", Action.SELL, OrderType.LIMIT, Decimal(19995)),
        WorkingOrder(one, "NQZ6", Action.SELL, OrderType.STOP, None, Decimal("19987.5")),
        WorkingOrder(StrategyId(0), "NQZ6", Action.SELL, OrderType.LIMIT, QUOTE + 100),
    }


async def test_the_newest_word_of_a_scope_rules_and_the_widest_is_named_first(
    world: World,
) -> None:
    await world.say(Scope.STRATEGY, world.strategies[0], Word.PAUSE)
    await world.say(Scope.SYSTEM, 0, Word.KILL)
    await world.say(Scope.ACCOUNT, world.accounts[1], Word.PAUSE)
    codes = [halt.code for halt in (await scene(world)).halts]
    assert codes == ["kill.system", "pause.strategy"]
    codes = [halt.code for halt in (await scene(world, account=1)).halts]
    assert codes == ["kill.system", "pause.account", "pause.strategy"]
    await world.say(Scope.STRATEGY, world.strategies[0], Word.RESUME)
    await world.say(Scope.SYSTEM, 0, Word.RESUME)
    assert (await scene(world)).halts == ()


async def test_a_venue_with_sessions_is_told(world: World) -> None:
    await world.keep_hours()
    assert (await scene(world)).keeps_hours is True


async def test_an_entry_may_have_an_age_of_its_own(world: World) -> None:
    await world.set_rules(StrategyRules(entries=EntryRules(max_age_s=5)))
    signal = await world.signal(BUY)
    rows = await world.rows("intents", signal_id=signal, role="entry")
    until = world.clock.now() + timedelta(seconds=5)
    assert {row["expires_at"] for row in rows} == {until.isoformat()}
    await later(world, 5)
    assert (await world.claim()).claimed == ()
    assert (await world.decision(signal))[:2] == ("STALE", "signal.expired")


async def test_a_refused_close_of_a_position_is_told_at_once(world: World) -> None:
    await enter(world)
    await world.switch_strategy(active=False)
    flat = await world.signal(replace(CLOSE, symbol="ES1!"))
    assert await world.rows("outbox", type="signal.exit_refused.v1") == []
    closing = await world.signal(CLOSE)
    alarms = await world.rows("outbox", type="signal.exit_refused.v1")
    assert len(alarms) == 2
    assert {alarm["body"]["code"] for alarm in alarms} == {"strategy.disabled"}
    assert (await world.decision(closing))[:2] == ("BLOCKED", "strategy.disabled")
    assert (await world.decision(flat))[:2] == ("BLOCKED", "strategy.disabled")


async def test_an_entry_that_was_withheld_from_a_reverse_is_stored_and_stays(world: World) -> None:
    await enter(world)
    await world.say(Scope.STRATEGY, world.strategies[0], Word.PAUSE)
    signal = await world.signal(replace(SELL, side=Side.SELL))
    of = {"signal_id": signal, "account_id": world.accounts[0]}
    (row,) = await world.rows("signal_decisions", **of)
    assert row["disposition"] == "PLANNED"
    assert row["detail"]["withheld_code"] == "pause.strategy"
    assert row["message"].endswith("This strategy is paused: test")
    await world.claim()
    await cancel_legs(world)
    for claimed in await world.send():
        await world.fill(claimed.intent)
    (row,) = await world.rows("signal_decisions", **of)
    assert (row["disposition"], row["code"]) == ("FILLED", "order.filled")
    assert row["message"] == "This strategy is paused: test"
    assert row["detail"]["withheld_code"] == "pause.strategy"


async def test_what_our_data_of_a_product_rest_on_stays_with_the_decision(world: World) -> None:
    warning = warning_of(product_of("6S"))
    assert warning is not None
    signal = await world.signal(replace(BUY, symbol="6S1!"))
    of = {"signal_id": signal, "account_id": world.accounts[0]}
    (planned,) = await world.rows("signal_decisions", **of)
    assert planned["disposition"] == "PLANNED"
    assert planned["message"].endswith(warning)
    for claimed in await world.send():
        await world.fill(claimed.intent)
    (row,) = await world.rows("signal_decisions", **of)
    assert (row["disposition"], row["message"]) == ("FILLED", warning)
    decided = [each["body"] for each in await world.rows("outbox", type="signal.decided.v1")]
    told = [each["message"] for each in decided if each["disposition"] == "FILLED"]
    assert told == [warning] * len(world.accounts)
