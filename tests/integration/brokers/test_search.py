"""The front contract by the broker, against the paper venue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest

from shared.domain.calendar import front_month, trade_date
from shared.domain.errors import NotFound
from shared.domain.instruments import product_of
from shared.runtime.clock import SystemClock
from tests.integration.brokers.venue import Held, PaperVenue, held, running


@pytest.fixture(scope="module")
async def venue() -> AsyncIterator[PaperVenue]:
    async with running() as venue:
        yield venue


@pytest.fixture
async def login(venue: PaperVenue) -> AsyncIterator[Held]:
    async with held(venue) as login:
        yield login


def today() -> date:
    return trade_date(SystemClock().now())


@pytest.mark.parametrize("root", ["MES", "GC", "6E", "M2K"])
async def test_the_front_contract_and_what_it_rolls_into(login: Held, root: str) -> None:
    front = await login.broker.front(root)
    assert front.contract.root == root
    assert front.rolls_into not in (None, front.contract.name)
    assert front.contract.name == front_month(product_of(root), today()).name
    product = product_of(root)
    figures = (front.contract.tick_size, front.contract.point_value_usd)
    assert figures == (product.tick_size, product.point_value)


async def test_a_root_that_is_only_the_beginning_of_others_is_not_found(login: Held) -> None:
    with pytest.raises(NotFound):
        await login.broker.front("ME")
