"""Empty lists of a host that does not know our accounts are never read as flat."""

from __future__ import annotations

import asyncio

import pytest

from shared.brokers.tradovate.adapter import TradovateBroker
from shared.domain.errors import BrokerUnavailable
from shared.ports.broker import LoginHealth, LoginState, PositionFact, Synced
from tests.unit.brokers import rows
from tests.unit.brokers.test_adapter import held
from tests.unit.brokers.venue import Venue, running

HELD = {"contracts": [rows.contract()], "positions": [rows.position()]}
OTHER = {"id": rows.ACCOUNT + 1, "name": "DEMO2"}


async def test_no_accounts_is_no_answer() -> None:
    venue = Venue()
    async with running(venue), held(venue) as (broker, facts):
        await facts.synced()
        venue.http["account/list"] = []
        for ask in (broker.snapshot, broker.accounts):
            with pytest.raises(BrokerUnavailable) as caught:
                await ask()
            assert caught.value.code == "broker.no_accounts"


async def test_an_account_that_holds_something_must_be_there() -> None:
    venue = Venue(snapshot=[HELD])
    async with running(venue), held(venue) as (broker, facts):
        await facts.synced()
        venue.http["account/list"] = [OTHER]
        for ask in (broker.snapshot, broker.accounts):
            with pytest.raises(BrokerUnavailable) as caught:
                await ask()
            assert caught.value.code == "broker.account_missing"


async def becomes(broker: TradovateBroker, code: str | None) -> LoginHealth:
    async with asyncio.timeout(30):
        async for health in broker.healths():
            if health.code == code and (code or health.state is LoginState.STREAMING):
                return health
    raise AssertionError


@pytest.mark.parametrize(
    ("accounts", "code"), [([], "broker.no_accounts"), ([OTHER], "broker.account_missing")]
)
async def test_a_feed_that_shows_other_accounts_is_not_in_sync(
    accounts: list[rows.Row], code: str
) -> None:
    venue = Venue(snapshot=[HELD | {"accounts": [{"id": rows.ACCOUNT}]}])
    async with running(venue), held(venue) as (broker, facts):
        await facts.synced()
        venue.snapshot = [{"accounts": accounts, "positions": []}]
        await venue.lines[-1].connection.close()
        health = await becomes(broker, code)
        assert (health.state, broker.ready) == (LoginState.CONNECTING, False)
        assert sum(isinstance(fact, Synced) for fact in facts.seen) == 1
        assert [f.net_qty for f in facts.seen if isinstance(f, PositionFact)] == [2]
        venue.snapshot = [HELD | {"accounts": [{"id": rows.ACCOUNT}]}]
        await becomes(broker, None)
        await facts.synced(2)
