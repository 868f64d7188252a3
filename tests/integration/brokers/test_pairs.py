"""Two exits for one quantity: the one that fills ends the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from shared.domain.order import Action, BrokerStatus, OrderType, TimeInForce
from shared.ports.broker import AccountInfo, LegRequest, Priority
from tests.integration.brokers.test_tradovate import PRICE, accepted, market, reaches
from tests.integration.brokers.venue import Held, PaperVenue, held, running


@pytest.fixture(scope="module")
async def venue() -> AsyncIterator[PaperVenue]:
    async with running() as venue:
        yield venue


@pytest.fixture
async def login(venue: PaperVenue) -> AsyncIterator[Held]:
    await venue.control("price", root="MES", price=str(PRICE))
    async with held(venue) as login:
        yield login


async def test_a_pair_protects_what_is_held_and_ends_as_one(venue: PaperVenue, login: Held) -> None:
    account: AccountInfo = (await login.broker.accounts())[0]
    entry = await accepted(login.broker, market(account))
    await reaches(login, entry.order_id, BrokerStatus.FILLED)
    target = LegRequest(str(uuid4()), Action.SELL, OrderType.LIMIT, price=PRICE + 10)
    stop = replace(
        market(account, Action.SELL),
        order_type=OrderType.STOP,
        time_in_force=TimeInForce.GTC,
        stop_price=PRICE - 10,
        priority=Priority.PROTECTION,
        other=target,
    )
    pair = await accepted(login.broker, stop)
    (target_id,) = pair.leg_order_ids
    works = await reaches(login, target_id, BrokerStatus.WORKING)
    assert (works.client_id, works.price) == (target.client_id, PRICE + 10)
    assert (await reaches(login, pair.order_id, BrokerStatus.WORKING)).stop_price == PRICE - 10
    await venue.control("price", root="MES", price=str(PRICE + 11))
    await reaches(login, target_id, BrokerStatus.FILLED)
    await reaches(login, pair.order_id, BrokerStatus.CANCELED)


async def test_legs_and_another_beside_it_are_refused(login: Held) -> None:
    account = (await login.broker.accounts())[0]
    leg = LegRequest(str(uuid4()), Action.SELL, OrderType.LIMIT, price=PRICE + 10)
    with pytest.raises(ValueError, match="not both"):
        await login.broker.place(replace(market(account), legs=(leg,), other=leg))
