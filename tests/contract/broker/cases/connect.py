"""TC-C: getting in, staying in, being put out."""

from __future__ import annotations

import asyncio

import pytest

from shared.domain.errors import BrokerUnavailable, CredentialsExpired
from shared.domain.order import Action, BrokerStatus
from shared.ports.broker import Accepted, LoginState, PositionFact
from tests.contract.broker.desk import Desk, became, running, trading
from tests.contract.broker.registry import case, on_stage
from tests.contract.broker.stage import Setting, Stage, Trouble, Who

SHORT_TOKENS = Setting(token_life_s=1_800.0)
# Where a password would sign in anew rather than renew so late.
SHORTEST_TOKENS = Setting(token_life_s=600.0)
RIGHT_KEY, WRONG_KEY = "42", "43"
HOUR_S = 3_600.0


async def signs_in(stage: Stage, who: Who) -> None:
    async with trading(stage, who) as desk:
        assert desk.broker.ready
        assert desk.broker.health.state is LoginState.STREAMING
        assert desk.broker.health.code is None
        await desk.fills(desk.order())
        await desk.agrees()


async def needs_a_person(stage: Stage, who: Who) -> str:
    """Its run ends at once; the code that people see."""
    async with stage.broker(who) as broker, running(broker) as run:
        with pytest.raises(CredentialsExpired) as caught:
            async with asyncio.timeout(HOUR_S):
                await run
        assert not broker.ready
        assert broker.health.state in {LoginState.STOPPED, LoginState.QUARANTINED}
        assert broker.health.code == caught.value.code
        with pytest.raises((BrokerUnavailable, CredentialsExpired)):
            await broker.accounts()
        return caught.value.code


@on_stage("TC-C01", "A password alone signs in, streams and trades.")
async def password(stage: Stage) -> None:
    await signs_in(stage, Who())


@on_stage("TC-C02", "A password with an API key signs in, streams and trades.")
async def api_key(stage: Stage) -> None:
    await signs_in(stage, Who(key=RIGHT_KEY))


@on_stage("TC-C03", "A consent (OAuth) signs in without a password, streams and trades.")
async def consent(stage: Stage) -> None:
    await signs_in(stage, Who(consent=True))


@on_stage("TC-C04", "A wrong password stops the login: a person is needed, nothing is repeated.")
async def wrong_password(stage: Stage) -> None:
    await needs_a_person(stage, Who(is_password_right=False))


@on_stage("TC-C05", "A wrong API key stops the login as a wrong password does.")
async def wrong_key(stage: Stage) -> None:
    await needs_a_person(stage, Who(key=WRONG_KEY))


@on_stage("TC-C06", "A locked login rests; it is not tried again and again.")
async def locked(stage: Stage) -> None:
    await stage.trouble(Trouble.LOCKED)
    await needs_a_person(stage, Who())


@on_stage("TC-C07", "A captcha at sign-in needs a person.")
async def captcha(stage: Stage) -> None:
    await stage.trouble(Trouble.CAPTCHA, on="login")
    await needs_a_person(stage, Who())


@on_stage("TC-C08", "A short penalty at sign-in is waited for, and the sign-in succeeds.")
async def penalty(stage: Stage) -> None:
    await stage.trouble(Trouble.WAIT, on="login", s=3)
    await signs_in(stage, Who())


@on_stage("TC-C09", "A stored session is taken over by the next process without a new sign-in.")
async def stored_session(stage: Stage) -> None:
    async with trading(stage) as desk:
        order_id = await desk.works(desk.limit(-10))
    async with trading(stage) as desk:
        assert desk.books.status(order_id) is BrokerStatus.WORKING
        await desk.agrees()


@case("TC-C10", "A token is renewed before its end; the feed is never lost for it.", SHORT_TOKENS)
async def renewal(desk: Desk) -> None:
    await desk.stage.sleep(3_500)
    assert desk.broker.ready
    assert desk.books.losses == 0
    await desk.fills(desk.order())


@on_stage("TC-C11", "A consent's token lives on by renewal alone.", SHORTEST_TOKENS)
async def consent_renewed(stage: Stage) -> None:
    async with trading(stage, Who(consent=True)) as desk:
        await desk.stage.sleep(1_500)
        assert desk.broker.ready
        await desk.fills(desk.order())
        await desk.agrees()


@case("TC-C12", "Tokens voided by the venue are replaced; orders pass again, none twice.")
async def tokens_over(desk: Desk) -> None:
    await desk.trouble(Trouble.TOKENS_OVER)
    await desk.trouble(Trouble.DROP)
    await desk.lost()
    await desk.in_sync(2, within_s=2 * HOUR_S)
    await desk.fills(desk.order())


@case("TC-C13", "Put out by another sign-in, the login comes back by itself.")
async def displaced(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-10))
    await desk.trouble(Trouble.DISPLACED)
    await desk.trouble(Trouble.DROP)
    await desk.lost()
    await desk.in_sync(2, within_s=2 * HOUR_S)
    assert desk.books.status(order_id) is BrokerStatus.WORKING
    await desk.fills(desk.order())


@case("TC-C14", "Empty lists of the wrong environment are an outage, never a flat account.")
async def other_host(desk: Desk) -> None:
    await desk.fills(desk.order(qty=2))
    await desk.trouble(Trouble.OTHER_HOST, count=None)
    with pytest.raises(BrokerUnavailable):
        await desk.broker.snapshot()
    with pytest.raises(BrokerUnavailable):
        await desk.broker.accounts()


@case("TC-C15", "A feed of the wrong environment is not in sync, and tells nobody flat.")
async def other_feed(desk: Desk) -> None:
    await desk.fills(desk.order(qty=2))
    await desk.trouble(Trouble.OTHER_HOST, count=None)
    await desk.trouble(Trouble.DROP)
    await desk.lost()
    told_before = len(desk.books.told)
    await desk.stage.sleep(60)
    assert not desk.broker.ready
    assert desk.books.syncs == 1
    assert not [f for f in desk.books.told[told_before:] if isinstance(f, PositionFact)]
    await desk.stage.calm()
    await desk.in_sync(2, within_s=2 * HOUR_S)
    assert desk.net() == 2


@case("TC-C16", "Maintenance is lived through: told lost, back by itself, nothing missed.")
async def maintenance(desk: Desk) -> None:
    order_id = await desk.works(desk.limit(-5, Action.BUY))
    await desk.trouble(Trouble.MAINTENANCE, s=90)
    await desk.lost()
    assert not desk.broker.ready
    await desk.price(-6)
    await desk.in_sync(2, within_s=2 * HOUR_S)
    assert desk.books.status(order_id) is BrokerStatus.FILLED


@case("TC-C17", "Each change of a login's condition is told, ending with how it is now.")
async def condition(desk: Desk) -> None:
    told: list[LoginState] = []

    async def listen() -> None:
        async for health in desk.broker.healths():
            told.append(health.state)  # noqa: PERF401 - a comprehension would end with the stream

    listening = asyncio.create_task(listen())
    await desk.stage.sleep(1)
    await desk.trouble(Trouble.DOWN)
    await desk.lost()
    await desk.stage.sleep(5)
    await desk.trouble(Trouble.UP)
    await desk.in_sync(2, within_s=2 * HOUR_S)
    await desk.stage.sleep(1)
    listening.cancel()
    assert told[0] is told[-1] is LoginState.STREAMING
    assert LoginState.CONNECTING in told


@case("TC-C18", "When its run ends the broker says that the feed is lost, and is not ready.")
async def the_end(desk: Desk) -> None:
    async with desk.stage.broker(Who()) as other:
        async with running(other):
            async with asyncio.timeout(60):
                while not other.ready:
                    await desk.stage.sleep(0.1)
        assert not other.ready
    became(await desk.broker.place(desk.limit(-10)), Accepted)


@on_stage("TC-C19", "Without a run there is no feed, and reads work all the same.")
async def only_reads(stage: Stage) -> None:
    async with stage.broker(Who()) as broker:
        assert not broker.ready
        assert len(await broker.accounts()) >= 2
        assert (await broker.snapshot()).facts


@on_stage("TC-C20", "No text of a broker shows a secret.")
async def no_secret(stage: Stage) -> None:
    async with trading(stage, Who(key=RIGHT_KEY)) as desk:
        text = repr(desk.broker) + repr(vars(desk.broker)) + repr(desk.broker.health)
        assert "secret" not in text
