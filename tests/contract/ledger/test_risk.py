"""Limits and prop rules in either ledger: seen, kept, told once, and in the way of entries only."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal

import pytest

from shared.domain.alert_signal import SignalOrderType
from shared.domain.order import Action, OrderIntent, Role
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.bracket import Bracket, DistanceUnit, Stop, plain_bracket
from shared.domain.rules.entries import Hours, Window
from shared.domain.rules.limits import Limits
from shared.domain.rules.prop import NewsWindow, PropRules
from shared.ports.broker import BalanceFact
from tests.contract.ledger.world import BROKER_ACCOUNTS, BUY, SELL, World

D = Decimal
STOPPED = StrategyRules(bracket=plain_bracket(20, 10))
# 10 ticks of NQ, and 5 USD a side
STOP_USD = D(60)
DAY = timedelta(days=1).total_seconds()


async def look(world: World, price: str | None = "20000") -> list[str]:
    """Watch with the market at `price`; the codes of what was reached."""

    def closing(_contract: str, _action: Action) -> Decimal | None:
        return None if price is None else D(price)

    told = await world.ledger.watch_risk([world.lease], closing)
    return [str(event.body["code"]) for event in told]


async def entered(world: World, price: str = "20000") -> OrderIntent:
    told = await world.decision(await world.signal(BUY))
    assert told[0] == "PLANNED", told
    (world.lease,) = await world.ledger.renew_leases("me")
    (claimed,) = [
        each for each in await world.send() if each.intent.account_id == world.accounts[0]
    ]
    await world.fill(claimed.intent, price)
    return claimed.intent


async def code(world: World, signal: object = BUY) -> str:
    return (await world.decision(await world.signal(signal)))[1]  # type: ignore[arg-type] # a signal


async def alone(world: World, limits: Limits, prop: PropRules | None = None) -> None:
    """Only the first account trades, under these limits."""
    await world.set_rules(STOPPED)
    await world.set_account(AccountRules(limits=limits, prop=prop))


async def test_a_touch_between_signals_is_kept_over_a_restart_until_the_next_day(
    world: World,
) -> None:
    await alone(world, Limits(daily_loss_usd=D(200)))
    await entered(world)
    assert await look(world, "19990.25") == []
    assert await look(world, "19990") == ["risk.daily_loss"]
    assert await look(world, "19990") == []  # told once
    assert await look(world, "20100") == []
    assert await code(world) == "risk.daily_loss"  # whoever recovers, and whatever restarts
    await world.advance(DAY)
    await look(world, "20100")
    assert await code(world) != "risk.daily_loss"


async def test_without_a_price_nothing_is_entered_under_a_loss_limit(world: World) -> None:
    await alone(world, Limits(daily_loss_usd=D(2000)))
    await entered(world)
    await world.advance(11)
    assert await code(world) == "risk.unknown"
    await look(world)
    assert await code(world) == "plan.add"
    await world.advance(11)
    await look(world, None)
    assert await code(world) == "risk.unknown"


async def test_an_entry_on_the_heels_of_a_fill_knows_its_price(world: World) -> None:
    """Nobody has looked at money since: the fill itself is a price, until it is too old."""
    await alone(world, Limits(daily_loss_usd=2 * STOP_USD + D("0.01")))
    await entered(world)
    assert await code(world) == "plan.add"
    assert await left(world) == 1
    await world.advance(9)
    assert await code(world) == "risk.worst_case"  # 60 of what is held, and 60 of what left
    await world.advance(2)
    assert await code(world) == "risk.unknown"


async def test_what_a_fill_shows_to_be_lost_counts_before_anybody_looks(world: World) -> None:
    """One bought, and somebody's hand sold 16 points lower: what is held is worth that."""
    await world.set_rules(StrategyRules(bracket=plain_bracket(None, 40)))
    await entered(world)
    rules = AccountRules(limits=Limits(daily_loss_usd=D(300)))
    await world.set_account(rules, exclusive=False)
    order, fill = world.foreign_fill(Action.SELL)
    await world.tell(order, replace(fill, price=D(19984)))
    assert await code(world, replace(BUY, price=D(19984))) == "risk.daily_loss"


@pytest.mark.parametrize(("room", "verdict"), [("0.01", "plan.entry"), ("0", "risk.worst_case")])
async def test_the_stops_worst_case_is_counted(world: World, room: str, verdict: str) -> None:
    await alone(world, Limits(daily_loss_usd=STOP_USD + D(room)))
    assert await code(world) == verdict


async def test_entries_under_way_use_up_the_room(world: World) -> None:
    await alone(world, Limits(daily_loss_usd=2 * STOP_USD + D("0.01")))
    assert [await code(world) for _ in range(3)] == ["plan.entry", "plan.add", "risk.worst_case"]


PERCENT = STOPPED.model_copy(  # 10 ticks of 20000
    update={"bracket": Bracket(stop=Stop(at=D("0.0125"), unit=DistanceUnit.PERCENT))}
)


async def test_a_stop_in_percent_is_bounded_by_any_price(world: World) -> None:
    await alone(world, Limits(daily_loss_usd=2 * STOP_USD + D("0.01")))
    await world.set_rules(PERCENT)
    assert await code(world) == "risk.stop_required"
    limit = replace(BUY, order_type=SignalOrderType.LIMIT, limit_price=D(20000))
    told = [await code(world, signal) for signal in (replace(BUY, price=D(20000)), limit, limit)]
    assert told == ["plan.entry", "plan.add", "risk.worst_case"]


async def test_a_stop_covers_nothing_before_its_entry_fills(world: World) -> None:
    far = Stop(at=D(19900), unit=DistanceUnit.PRICE)
    await alone(world, Limits(daily_loss_usd=D(10000)))
    await entered(world)
    await look(world)
    await world.set_rules(STOPPED.model_copy(update={"bracket": Bracket(stop=far)}))
    priced = replace(BUY, price=D(20000))
    assert await code(world, priced) == "plan.add"
    # 55 to the stop of what is held, 5 of its fill; 2,010 of the entry under way and of this one
    await world.set_account(AccountRules(limits=Limits(daily_loss_usd=D("4080.01"))))
    assert await code(world, priced) == "plan.add"


async def blocked(world: World, account: int = 0) -> list[tuple[str, dict[str, object]]]:
    """Code and compared values of what the claims have refused so far."""
    rows = await world.rows("signal_decisions", account_id=world.accounts[account])
    ended = [row for row in rows if row["disposition"] == "BLOCKED"]
    return [(row["code"], compared(row["detail"])) for row in ended]


def compared(detail: dict[str, str]) -> dict[str, object]:
    return {name: D(each) if name.endswith("_usd") else each for name, each in detail.items()}


async def left(world: World) -> int:
    """How many entries of the first account leave now."""
    return sum(each.intent.account_id == world.accounts[0] for each in await world.send())


@pytest.mark.parametrize(("room", "leaves"), [("0.01", True), ("0", False)])
async def test_the_worst_case_is_judged_again_when_an_entry_leaves(
    world: World, room: str, *, leaves: bool
) -> None:
    """The limit was lowered after the plan; the entry itself is counted once."""
    await alone(world, Limits(daily_loss_usd=D(10000)))
    planned = await world.signal(BUY)
    lowered = Limits(daily_loss_usd=STOP_USD + D(room))
    await world.set_account(AccountRules(limits=lowered))
    assert await left(world) == leaves
    values = {"scope": "account", "worst_usd": STOP_USD, "room_usd": STOP_USD}
    assert await blocked(world) == ([] if leaves else [("risk.worst_case", values)])
    assert (await world.states(planned))["entry"] == ("ACCEPTED" if leaves else "BLOCKED")


async def test_entries_that_left_use_up_the_room_of_those_behind(world: World) -> None:
    await alone(world, Limits(daily_loss_usd=D(10000)))
    for _ in range(2):
        await world.signal(BUY)
    lowered = Limits(daily_loss_usd=2 * STOP_USD)
    await world.set_account(AccountRules(limits=lowered))
    assert [await left(world) for _ in range(2)] == [1, 0]
    assert [each for each, _ in await blocked(world)] == ["risk.worst_case"]


@pytest.mark.parametrize("bracket", [plain_bracket(None, 10), PERCENT.bracket])
async def test_accounts_of_one_claim_share_their_strategys_room(
    world: World, bracket: Bracket
) -> None:
    """Both were planned while there was room; the first to leave takes what is left of it."""
    await world.set_rules(StrategyRules(bracket=bracket, limits=Limits(daily_loss_usd=D(10000))))
    await world.signal(replace(BUY, price=D(20000)))
    bound = Limits(daily_loss_usd=STOP_USD + D("0.01"))
    await world.set_rules(StrategyRules(bracket=bracket, limits=bound))
    claimed = (await world.claim()).claimed
    assert [each.intent.account_id for each in claimed] == [world.accounts[0]]
    assert await blocked(world) == []
    values = {"scope": "strategy", "worst_usd": 2 * STOP_USD, "room_usd": STOP_USD + D("0.01")}
    assert await blocked(world, 1) == [("risk.worst_case", values)]


async def test_a_limit_reached_since_the_plan_stops_the_entry(world: World) -> None:
    await alone(world, Limits(daily_loss_usd=D(200)))
    await entered(world)
    await look(world)
    assert await code(world) == "plan.add"
    assert await look(world, "19990") == ["risk.daily_loss"]
    await look(world, "20000")  # it has recovered, and stays reached
    assert await left(world) == 0
    values = {"scope": "account", "limit_usd": D(200), "result_usd": D(-200)}
    assert await blocked(world) == [("risk.daily_loss", values)]


async def test_a_floor_touched_since_the_plan_stops_the_entry(world: World) -> None:
    await alone(world, Limits(), FIRM)
    await balance(world, "50000")
    await look(world)
    await entered(world)
    await look(world)
    assert await code(world) == "plan.add"
    await look(world, "19900")
    assert await left(world) == 0
    assert [each for each, _ in await blocked(world)] == ["prop.drawdown"]


NEWS = NewsWindow(on=date(2026, 11, 2), start=time(9, 55), stop=time(10, 5))
SHUT = Hours(windows=(Window(start=time(11), stop=time(16)),))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"news": (NEWS,)}, "prop.news"),
        ({"hours": SHUT}, "prop.hours"),
        ({"flat_by": time(9, 59)}, "prop.flat_by"),
    ],
)
async def test_a_firms_clock_that_moved_on_since_the_plan_stops_the_entry(
    world: World, more: dict[str, object], code: str
) -> None:
    """It is 10:00 in New York."""
    planned = await world.signal(BUY)
    firm = {"name": "F", "start_balance_usd": D(50000), "drawdown_usd": D(2000), **more}
    await world.set_account(AccountRules(prop=PropRules.model_validate(firm)))
    assert await left(world) == 0
    assert (await world.decision(planned))[:2] == ("BLOCKED", code)


async def test_an_entry_without_a_stop_does_not_leave_under_a_loss_limit(world: World) -> None:
    await world.set_rules(StrategyRules())
    assert await code(world) == "plan.entry"
    await world.set_account(AccountRules(limits=Limits(daily_loss_usd=D(1000))))
    await world.send()
    assert await blocked(world) == [("risk.stop_required", {"scope": "account"})]


async def test_a_strategys_accounts_share_its_room_within_one_signal(world: World) -> None:
    bound = Limits(daily_loss_usd=STOP_USD + D("0.01"))
    await world.set_rules(STOPPED.model_copy(update={"limits": bound}))
    signal = await world.signal(BUY)
    assert [(await world.decision(signal, account))[1] for account in (0, 1)] == [
        "plan.entry",
        "risk.worst_case",
    ]


async def test_realised_results_and_fees_count_by_day_and_week(world: World) -> None:
    await alone(world, Limits(daily_loss_usd=D(150), weekly_loss_usd=D(250)))
    for expected in (["risk.daily_loss"], ["risk.daily_loss", "risk.weekly_loss"]):
        await trade(world, "-8")
        assert await look(world) == expected
        await world.advance(DAY)
    await look(world)
    assert await code(world) == "risk.weekly_loss"
    await world.advance(5 * DAY)
    assert await code(world) == "plan.entry"


async def trade(world: World, points: str) -> None:
    """One contract bought at 20000 and sold `points` away, by the same owner."""
    entry = await entered(world)
    price = str(20000 + D(points))
    stop = next(
        row
        for row in await world.rows("intents", parent_id=str(entry.id))
        if row["role"] == "stop_loss"
    )
    order = int(stop["broker_order_id"])
    await world.tell(replace(world.fill_fact(entry, order, price, 1), action=Action.SELL))


FIRM = PropRules(name="50K", start_balance_usd=D(50000), drawdown_usd=D(2000))


async def balance(world: World, cash: str) -> None:
    now = world.clock.now()
    await world.tell(BalanceFact(BROKER_ACCOUNTS[0], now.date(), D(cash), D(0), now))


async def test_a_trailing_floor_follows_open_profit_and_is_kept(world: World) -> None:
    await alone(world, Limits(), FIRM)
    assert await code(world) == "risk.unknown"  # nobody knows the balance yet
    await balance(world, "50000")
    await look(world)
    await entered(world)
    assert await look(world, "20075") == []  # 1,500 USD up: the floor stands at 49,500
    assert await look(world, "19975") == ["prop.drawdown"]
    await world.advance(DAY)
    await look(world, "20100")
    assert await code(world) == "prop.drawdown"


async def stopped_at(world: World, entry: OrderIntent, price: str) -> None:
    """The stop of the entry fills, and the entry is over."""
    rows = await world.rows("intents", parent_id=str(entry.id), role="stop_loss")
    order = int(rows[0]["broker_order_id"])
    await world.tell(replace(world.fill_fact(entry, order, price, 1), action=Action.SELL))


async def test_a_touch_that_only_a_fill_saw_counts(world: World) -> None:
    """Two contracts: one is stopped at the low, and a second later the other is worth more."""
    await alone(world, Limits(daily_loss_usd=D(390)))
    first = await entered(world)
    await look(world)
    await entered(world)
    await look(world)
    await world.advance(1)
    await stopped_at(world, first, "19990")  # 200 of it, and 200 of the other for a moment
    await world.advance(1)
    assert await look(world, "19998") == ["risk.daily_loss"]
    kept = [row["reached"] for row in await world.table("risk_standings")]
    assert [D(each["result_usd"]) for each in kept[0]] == [D(-400)]
    assert await look(world, "20050") == []


async def test_a_high_that_only_a_fill_saw_lifts_the_floor(world: World) -> None:
    await alone(world, Limits(), FIRM)
    await balance(world, "50000")
    await look(world)
    first = await entered(world)
    await world.advance(1)
    await look(world)
    await entered(world)
    await look(world)
    await world.advance(1)
    await stopped_at(world, first, "20050")  # 1,000 of it, and 1,000 of the other: 52,000
    await world.advance(1)
    await look(world, "20000")
    (row,) = await world.table("risk_standings")
    assert D(row["prop"]["peak_usd"]) == D(52000)
    assert D(row["room_usd"]) == D(1000)  # 51,000 above a floor of 50,000


async def test_a_fill_from_before_the_last_look_is_no_news(world: World) -> None:
    """It was low then, and the floor has risen since: that is no breach."""
    await alone(world, Limits(), FIRM)
    await balance(world, "50000")
    await look(world)
    await entered(world)
    by_hand = [world.foreign_fill(action)[1] for action in (Action.BUY, Action.SELL)]
    await world.advance(1)
    assert await look(world, "20100") == []  # 2,000 up: the floor stands at 50,000
    await world.tell(*(replace(each, price=D(19910)) for each in by_hand))
    await world.advance(1)
    assert await look(world, "20100") == []


async def test_a_fee_of_last_week_that_is_not_told_yet_counts(world: World) -> None:
    """Bought and stopped on Friday; on Monday the firm has not taken the two fees yet."""
    await alone(world, Limits(), FIRM.model_copy(update={"drawdown_usd": STOP_USD + D("9.99")}))
    await world.advance(4 * DAY)
    (world.lease,) = await world.ledger.renew_leases("me")
    await balance(world, "50000")
    await look(world)
    await trade(world, "0")
    await world.advance(3 * DAY)
    await look(world)
    assert await code(world) == "risk.worst_case"  # 60 of the stop, and 10 of Friday
    await world.advance(7 * DAY)
    await look(world)
    assert await code(world) == "plan.entry"


async def test_an_exit_meets_no_limit(world: World) -> None:
    await alone(world, Limits(daily_loss_usd=D(100)))
    await entered(world)
    assert await look(world, "19990") == ["risk.daily_loss"]
    assert await code(world, replace(SELL)) in {"plan.reverse", "risk.daily_loss"}
    roles = {row["role"] for row in await world.rows("intents") if row["ended_at"] is None}
    assert Role.EXIT.value in roles


async def test_both_ledgers_keep_the_same(world: World) -> None:
    """What stands in the table, to the dollar."""
    await alone(world, Limits(daily_loss_usd=D(1000)), FIRM)
    await balance(world, "50000")
    await entered(world)
    await look(world, "19990")
    rows = {row["scope"]: row for row in await world.table("risk_standings")}
    assert set(rows) == {"account"}
    account = rows["account"]
    assert D(account["day_usd"]) == -200
    assert D(account["room_usd"]) == 800
    assert account["day"] == date(2026, 11, 2).isoformat()
