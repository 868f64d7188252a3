"""A captcha rests its login for an hour, whoever drives it: the record says until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from shared.contracts.envelope import Envelope
from shared.domain.alert_signal import SignalOrderType
from shared.domain.order import BrokerStatus, Role
from shared.ports.broker import CAPTCHA, Accepted, LoginHealth, LoginState, NotSent, Token
from shared.ports.ledger import Claimed
from tests.contract.ledger.test_ladders import enter, pairs
from tests.contract.ledger.world import BUY, CLOSE, World

HOUR_S: Final = 3_600.0
PASSED_S: Final = 20.0  # longer than a lease
LIMIT: Final = replace(BUY, order_type=SignalOrderType.LIMIT, limit_price=Decimal(19_990))
ELSEWHERE: Final = replace(BUY, symbol="ES1!")  # nothing else of the login is in its way


async def drawn(world: World) -> None:
    """An order of the first account is answered by a captcha, the second's is accepted."""
    await world.signal(ELSEWHERE)
    claimed = {each.intent.account_id: each.intent for each in (await world.claim()).claimed}
    for account in world.accounts[1:]:
        if account in claimed:
            await world.ledger.record(claimed[account].id, Accepted(next(world.ids)))
    await world.ledger.record(claimed[world.accounts[0]].id, NotSent(CAPTCHA, HOUR_S))


async def another(world: World, after_s: float = PASSED_S) -> None:
    """Another process has taken the login over."""
    await world.advance(after_s)
    (world.lease,) = await world.ledger.renew_leases("other")
    await world.ledger.take_over(world.lease)


async def held(world: World) -> Claimed:
    """A position with its legs in the first account."""
    await world.signal(BUY)
    sent = await world.send()
    for each in sent:
        await world.fill(each.intent)
    return next(each for each in sent if each.intent.account_id == world.accounts[0])


async def rests_for_s(world: World) -> float | None:
    until = (await world.ledger.login(world.connection)).rests_until
    return None if until is None else (until - world.clock.now()).total_seconds()


async def test_who_takes_a_login_over_hears_until_when_it_rests(world: World) -> None:
    assert await rests_for_s(world) is None
    await drawn(world)
    assert await rests_for_s(world) == HOUR_S
    await another(world)
    assert await rests_for_s(world) == HOUR_S - PASSED_S


async def test_a_rest_is_never_cut_short(world: World) -> None:
    """What an order hears that was on its way already, or what this process made of it."""
    await world.signal(BUY)
    claimed = (await world.claim()).claimed
    await world.ledger.record(claimed[0].intent.id, NotSent(CAPTCHA, HOUR_S))
    await world.ledger.record(claimed[1].intent.id, NotSent(CAPTCHA, HOUR_S / 2))
    login = await world.ledger.login(world.connection)
    token = Token("access", None, world.clock.now() + timedelta(hours=1), 1)
    await world.ledger.save_token(login, b"sealed", token)
    streaming = LoginHealth(LoginState.STREAMING, None, world.clock.now(), None)
    told: list[Envelope] = await world.ledger.save_state(login, streaming)
    assert told
    assert await rests_for_s(world) == HOUR_S


async def test_an_entry_does_not_leave_and_grows_stale(world: World) -> None:
    await drawn(world)
    await another(world)
    signal = await world.signal(BUY, 1)
    assert (await world.claim()).claimed == ()
    assert (await world.states(signal))["entry"] == "PENDING"
    await another(world, 31)
    assert (await world.claim()).claimed == ()
    assert (await world.states(signal))["entry"] == "STALE"


async def test_after_the_rest_orders_leave_again(world: World) -> None:
    await drawn(world)
    await another(world, HOUR_S)
    await world.claim()  # what drew it is stale
    await world.signal(BUY, 1)
    accounts = [each.intent.account_id for each in (await world.claim()).claimed]
    assert sorted(accounts) == world.accounts


async def test_an_exit_waits_with_its_legs_and_withdraws_what_opens(world: World) -> None:
    position = await held(world)
    await world.signal(LIMIT)
    (entry,) = [e for e in await world.send() if e.intent.account_id == world.accounts[0]]
    await drawn(world)
    await another(world)
    await world.signal(CLOSE)
    claims = await world.claim()
    mine = {await world.order_id(leg) for leg in position.legs}
    assert claims.claimed == ()
    asked = {cancel.broker_order_id for cancel in claims.cancels}
    assert await world.order_id(entry.intent) in asked
    assert not asked & mine
    await world.tell(await world.order_fact(entry.intent, BrokerStatus.CANCELED))
    await another(world, HOUR_S - PASSED_S)
    asked = {cancel.broker_order_id for cancel in (await world.claim()).cancels}
    assert mine <= asked
    for leg in (*position.legs, *entry.legs):
        await world.tell(await world.order_fact(leg, BrokerStatus.CANCELED))
    roles = [e.intent.role for e in await world.send() if e.intent.account_id == world.accounts[0]]
    assert roles == [Role.EXIT]


async def test_a_penalty_without_a_captcha_rests_its_own_order_only(world: World) -> None:
    await world.signal(BUY)
    claimed = (await world.claim()).claimed
    await world.ledger.record(claimed[0].intent.id, NotSent("broker.penalty", 60))
    await world.ledger.record(claimed[1].intent.id, NotSent("broker.unauthorized"))
    assert await rests_for_s(world) is None
    (again,) = (await world.claim()).claimed
    assert again.intent.id == claimed[1].intent.id


async def test_a_pair_of_an_earlier_rung_does_not_leave(world: World) -> None:
    """The first pair covers everything meanwhile."""
    await enter(world)
    first, second = await pairs(world)
    await world.ledger.record(first.intent.id, NotSent(CAPTCHA, HOUR_S))
    await world.ledger.record(second.intent.id, NotSent("broker.unauthorized"))
    await another(world)
    assert await pairs(world) == []
    await another(world, HOUR_S)
    assert [each.intent.id for each in await pairs(world)] == [first.intent.id, second.intent.id]
