"""What an account is worth by the broker's word: read from its snapshot of cash, never guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.domain.errors import BrokerUnavailable
from tests.unit.brokers import rows
from tests.unit.brokers.venue import Venue, running

PATH = "cashBalance/getcashbalancesnapshot"


@pytest.mark.parametrize(
    ("said", "usd"),
    [
        ({"openPnL": -12.5, "netLiq": 49987.5}, Decimal("-12.5")),
        ({"openPnL": 0}, Decimal(0)),
        ({"netLiq": 49987.5}, None),  # P&L fields may be missing
        ({"openPnL": None}, None),
    ],
)
async def test_open_pnl_is_read(said: dict[str, object], usd: Decimal | None) -> None:
    venue = Venue()
    venue.http[PATH] = said
    async with running(venue):
        broker = venue.broker()
        assert await broker.open_pnl_usd(rows.ACCOUNT) == usd
        await broker.aclose()


@pytest.mark.parametrize("refused", [{"errorText": "No such account"}, []])
async def test_a_refusal_is_no_amount(refused: object) -> None:
    venue = Venue()
    venue.http[PATH] = refused
    async with running(venue):
        broker = venue.broker()
        with pytest.raises(BrokerUnavailable):
            await broker.open_pnl_usd(rows.ACCOUNT)
        await broker.aclose()
