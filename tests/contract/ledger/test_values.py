"""The broker's word on what an account is worth, in either ledger: asked seldom, used with care."""

from __future__ import annotations

from decimal import Decimal

from shared.domain.rules import StrategyRules
from shared.domain.rules.limits import Limits
from shared.ports.ledger import Unpriced
from tests.contract.ledger.test_risk import STOP_USD, alone, code, entered, left, look
from tests.contract.ledger.world import BROKER_ACCOUNTS, World

D = Decimal
LIMITED = Limits(daily_loss_usd=2 * STOP_USD + D("0.01"))


async def unpriced(world: World) -> list[Unpriced]:
    return await world.ledger.unpriced([world.lease])


async def later(world: World, seconds: float) -> None:
    await world.advance(seconds)
    (world.lease,) = await world.ledger.renew_leases("me")


async def test_only_a_position_at_risk_without_a_quote_is_asked_about(world: World) -> None:
    await alone(world, LIMITED)
    assert await unpriced(world) == []
    await entered(world)
    assert await unpriced(world) == []  # a quote of it may come in a moment
    await later(world, 4)
    (found,) = await unpriced(world)
    assert (found.account_id, found.broker_account_id) == (world.accounts[0], BROKER_ACCOUNTS[0])
    await look(world)
    assert await unpriced(world) == []
    await later(world, 11)
    await world.set_account()
    assert await unpriced(world) == []  # nothing of its is limited any more
    await world.set_rules(StrategyRules(limits=LIMITED))
    assert [each.account_id for each in await unpriced(world)] == [world.accounts[0]]


async def test_an_account_is_asked_about_twice_a_minute(world: World) -> None:
    await alone(world, LIMITED)
    await entered(world)
    await later(world, 4)
    (found,) = await unpriced(world)
    await world.ledger.value(found, D(-100))
    await later(world, 29)
    assert await unpriced(world) == []
    await later(world, 1)
    assert len(await unpriced(world)) == 1


async def test_what_was_said_lets_entries_be_judged(world: World) -> None:
    await alone(world, LIMITED)
    await entered(world)
    await later(world, 11)
    assert await code(world) == "risk.unknown"
    (found,) = await unpriced(world)
    await world.ledger.value(found, D(-20))
    assert await code(world) == "plan.add"  # 40 more to the stop, as if there were a quote
    assert await left(world) == 1
    await later(world, 30)
    assert await code(world) == "risk.worst_case"
    await later(world, 10)
    assert await code(world) == "risk.unknown"


async def test_what_was_said_reaches_a_limit(world: World) -> None:
    await alone(world, Limits(daily_loss_usd=D(200)))
    await entered(world)
    await later(world, 11)
    (found,) = await unpriced(world)
    await world.ledger.value(found, D("-199.99"))
    assert await look(world, None) == []
    await later(world, 30)
    (found,) = await unpriced(world)
    await world.ledger.value(found, D(-200))
    assert await look(world, None) == ["risk.daily_loss"]


async def test_a_fill_makes_the_word_of_no_use(world: World) -> None:
    await alone(world, Limits(daily_loss_usd=D(10_000)))
    await entered(world)
    await later(world, 11)
    (found,) = await unpriced(world)
    await world.ledger.value(found, D(-20))
    await entered(world)
    await later(world, 11)
    assert await code(world) == "risk.unknown"


async def test_an_older_answer_does_not_take_back_a_newer(world: World) -> None:
    await alone(world, Limits(daily_loss_usd=D(200)))
    await entered(world)
    await later(world, 11)
    (old,) = await unpriced(world)
    await later(world, 5)
    (new,) = await unpriced(world)
    await world.ledger.value(new, D(-300))
    await world.ledger.value(old, D(0))
    assert await look(world, None) == ["risk.daily_loss"]
