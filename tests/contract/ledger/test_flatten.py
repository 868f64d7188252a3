"""`on_reached: flatten`: what is open is closed once, by a command, and entries stay out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from shared.domain.alert_signal import SignalOrderType
from shared.domain.order import BrokerStatus, Role
from shared.domain.rules import AccountRules, StrategyRules
from shared.domain.rules.limits import Limits, OnReached
from shared.domain.rules.prop import PropRules
from shared.ports.broker import Unknown
from tests.contract.ledger.test_risk import DAY, STOPPED, alone, balance, code, entered, look
from tests.contract.ledger.test_scenes import cancel_legs
from tests.contract.ledger.world import BUY, QUOTE, World

D = Decimal
FLATTEN = OnReached.FLATTEN
LOSS = Limits(daily_loss_usd=D(200), on_reached=FLATTEN)


async def asked(world: World) -> list[dict[str, object]]:
    return [dict(command.detail) for command in await world.ledger.commands()]


async def at(world: World, instant: datetime) -> None:
    await world.advance((instant - world.clock.now()).total_seconds())
    (world.lease,) = await world.ledger.renew_leases("me")


async def obey(world: World) -> None:
    for command in await world.ledger.commands():
        await world.ledger.close_all(command)


async def leave(world: World) -> None:
    """The exits that are under way are carried to their end."""
    await world.claim()
    await cancel_legs(world)
    for each in await world.send():
        assert each.intent.role is Role.EXIT
        await world.fill(each.intent)


def of_account(world: World) -> dict[str, object]:
    return {"account_id": world.accounts[0], "every_owner": True}


async def test_a_reached_limit_closes_what_is_open_once(world: World) -> None:
    await alone(world, LOSS)
    await entered(world)
    await look(world, "19990.25")
    assert await asked(world) == []
    await look(world, "19990")
    assert await asked(world) == [of_account(world)]
    for price in ("19990", "20100", "19900"):
        await look(world, price)
    assert len(await asked(world)) == 1
    await obey(world)
    await leave(world)
    assert await world.position() == 0
    await look(world, "20100")
    assert await asked(world) == []
    assert await code(world) == "risk.daily_loss"


async def test_it_closes_again_when_the_next_day_reaches_it(world: World) -> None:
    await alone(world, LOSS)
    await entered(world)
    await look(world, "19990")
    await obey(world)
    await leave(world)
    await world.advance(DAY)
    await look(world)
    await entered(world)
    await look(world, "19990")
    assert await asked(world) == [of_account(world)]


async def test_a_limit_that_only_blocks_closes_nothing(world: World) -> None:
    await alone(world, Limits(daily_loss_usd=D(200)))
    await entered(world)
    assert await look(world, "19990") == ["risk.daily_loss"]
    assert await asked(world) == []


@pytest.mark.parametrize(
    ("limits", "price"),
    [
        (Limits(daily_profit_usd=D(200), on_reached=FLATTEN), "20010"),
        (Limits(weekly_loss_usd=D(200), on_reached=FLATTEN), "19990"),
        (Limits(weekly_profit_usd=D(200), on_reached=FLATTEN), "20010"),
    ],
)
async def test_every_limit_may_close(world: World, limits: Limits, price: str) -> None:
    await alone(world, limits)
    await entered(world)
    await look(world, price)
    assert await asked(world) == [of_account(world)]


async def test_a_strategys_limit_closes_the_strategy_in_all_its_accounts(world: World) -> None:
    limits = Limits(daily_loss_usd=D(500), on_reached=FLATTEN)
    await world.set_rules(STOPPED.model_copy(update={"limits": limits}))
    await world.signal(BUY)
    for each in await world.send():
        await world.fill(each.intent)
    await look(world, "19987.25")
    assert await asked(world) == [{"strategy_id": world.strategies[0]}]
    await obey(world)
    exits = await world.rows("intents", role="exit")
    assert {row["account_id"] for row in exits} == set(world.accounts)


@pytest.mark.parametrize(
    ("day_usd", "price", "reached"),
    [(None, "19980", "prop.drawdown"), (D(200), "19990", "prop.daily_loss")],
)
async def test_a_firms_floor_and_day_close_where_asked(
    world: World, day_usd: D | None, price: str, reached: str
) -> None:
    firm = PropRules(
        name="F",
        start_balance_usd=D(50000),
        drawdown_usd=D(400),
        daily_loss_usd=day_usd,
        on_reached=FLATTEN,
    )
    await alone(world, Limits(), firm)
    await balance(world, "50000")
    await look(world)
    await entered(world)
    assert await look(world, price) == [reached]
    assert await asked(world) == [of_account(world)]


async def test_a_floor_that_rose_above_a_stop_is_left_in_time(world: World) -> None:
    """To leave may cost a tick, a fee, and the entry's fee, which is not told yet: 15 USD."""
    firm = PropRules(name="F", start_balance_usd=D(50000), drawdown_usd=D(100), on_reached=FLATTEN)
    await alone(world, Limits(), firm)
    await balance(world, "50000")
    await look(world)
    await entered(world)
    assert await look(world, "20004") == []  # 80 up: the floor is at 49,980, the stop at 49,950
    assert await look(world, "20000") == []
    assert await look(world, "19999.75") == ["prop.left_in_time"]
    for price in ("19999.75", "19999.5", "19999.75"):
        assert await look(world, price) == []
    assert await asked(world) == [of_account(world)]
    await obey(world)
    await leave(world)
    assert await code(world) == "prop.left_in_time"
    await world.advance(DAY)
    await look(world)
    assert await code(world) != "prop.left_in_time"


async def test_an_owners_limit_does_not_take_the_firms_word_for_its_own(world: World) -> None:
    firm = PropRules(name="F", start_balance_usd=D(50000), drawdown_usd=D(200))
    await alone(world, LOSS.model_copy(update={"daily_loss_usd": D(5000)}), firm)
    await balance(world, "50000")
    await look(world)
    await entered(world)
    assert await look(world, "19990") == ["prop.drawdown"]
    assert await asked(world) == []


async def test_resting_entries_are_cancelled_and_an_unknown_one_is_closed(world: World) -> None:
    await alone(world, LOSS)
    await entered(world)
    await look(world)
    limit = replace(BUY, order_type=SignalOrderType.LIMIT, limit_price=QUOTE - 5)
    await world.signal(limit)
    (resting,) = [e for e in (await world.claim()).claimed if e.intent.account_id == 1]
    await world.ledger.record(resting.intent.id, Unknown("timeout"))
    await look(world, "19990")
    await obey(world)
    order = next(world.ids)
    await world.ledger.found(resting.intent.id, order)
    cancels = [each.broker_order_id for each in (await world.claim()).cancels]
    assert order in cancels
    await world.tell(world.shown(resting.intent, BrokerStatus.CANCELED, order))
    await leave(world)
    assert await world.position() == 0


async def test_two_looks_at_once_ask_once(world: World) -> None:
    await alone(world, LOSS)
    await entered(world)
    told = await asyncio.gather(*(look(world, "19990") for _ in range(4)))
    assert sorted(len(each) for each in told) == [0, 0, 0, 1]
    assert len(await asked(world)) == 1


# Around each change of the clocks: a day before it, one after it, and when that day is over.
@pytest.mark.parametrize(
    ("day", "over"),
    [
        (datetime(2026, 11, 2, 20, tzinfo=UTC), datetime(2026, 11, 2, 23, tzinfo=UTC)),
        (datetime(2027, 3, 12, 20, tzinfo=UTC), datetime(2027, 3, 12, 23, tzinfo=UTC)),
        (datetime(2027, 3, 15, 20, tzinfo=UTC), datetime(2027, 3, 15, 22, tzinfo=UTC)),
        (datetime(2027, 11, 5, 20, tzinfo=UTC), datetime(2027, 11, 5, 22, tzinfo=UTC)),
    ],
)
async def test_it_stays_until_chicagos_day_rolls(
    world: World, day: datetime, over: datetime
) -> None:
    await at(world, day)
    await world.set_rules(StrategyRules())
    await world.set_account(
        AccountRules(limits=Limits(daily_profit_usd=D(200), on_reached=FLATTEN))
    )
    await entered(world)
    assert await look(world, "20010") == ["risk.daily_profit"]
    await obey(world)
    await leave(world)
    await at(world, over - timedelta(seconds=1))
    assert await look(world) == []
    assert await code(world) == "risk.daily_profit"
    await at(world, over)
    assert await code(world) == "plan.entry"


# Around each change of the clocks: a day of a week, and when the week's last session ends.
@pytest.mark.parametrize(
    ("day", "over"),
    [
        (datetime(2026, 11, 3, 20, tzinfo=UTC), datetime(2026, 11, 6, 23, tzinfo=UTC)),
        (datetime(2027, 3, 9, 20, tzinfo=UTC), datetime(2027, 3, 12, 23, tzinfo=UTC)),
        (datetime(2027, 3, 16, 20, tzinfo=UTC), datetime(2027, 3, 19, 22, tzinfo=UTC)),
        (datetime(2027, 11, 2, 20, tzinfo=UTC), datetime(2027, 11, 5, 22, tzinfo=UTC)),
    ],
)
async def test_a_week_is_over_with_its_last_session(
    world: World, day: datetime, over: datetime
) -> None:
    await at(world, day)
    await world.set_rules(StrategyRules())
    limits = Limits(weekly_profit_usd=D(200), on_reached=FLATTEN)
    await world.set_account(AccountRules(limits=limits))
    await entered(world)
    assert await look(world, "20010") == ["risk.weekly_profit"]
    await obey(world)
    await leave(world)
    await at(world, day + timedelta(days=1))
    assert await look(world) == []
    assert await code(world) == "risk.weekly_profit"
    await at(world, over - timedelta(seconds=1))
    assert await code(world) == "risk.weekly_profit"
    await at(world, over)
    assert await code(world) == "plan.entry"
